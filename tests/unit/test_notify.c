/* test_notify.c: what systemd is told, and what it asks for. */
#include "unit_folder.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/notify.h"

/* telling is who tells, and a socket that hears. */
typedef struct telling {
    dr_notify notify;
    int fd;
    unit_folder folder;
} telling;

static void telling_end(telling *at)
{
    if (at->notify.fd > 0) {
        dr_notify_close(&at->notify);
    }
    unit_close(&at->fd);
    unit_folder_remove(&at->folder);
}
UNIT_SCENE(telling, telling_end)

/* A socket as systemd has one; `name` begins with @ where it is abstract. */
static void listen_as(telling *at, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    memcpy(address.sun_path, name, len);
    if (name[0] == '@') {
        address.sun_path[0] = '\0';
    } else {
        len++;
    }
    const int fd = at->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
                     0);
}

static void heard_is(int fd, const char *text)
{
    char room[256];
    ssize_t got = recv(fd, room, sizeof room - 1, MSG_DONTWAIT);
    assert_true(got >= 0);
    room[got] = '\0';
    assert_string_equal(room, text);
}

static void environment(const char *socket_name, const char *usec, const char *pid)
{
    const char *const names[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"};
    const char *const values[] = {socket_name, usec, pid};
    for (size_t i = 0; i < 3; i++) {
        if (values[i] != NULL) {
            setenv(names[i], values[i], 1);
        } else {
            unsetenv(names[i]);
        }
    }
}

static void open_it(dr_notify *notify)
{
    dr_notify_open(notify);
    assert_null(getenv("NOTIFY_SOCKET"));
    assert_null(getenv("WATCHDOG_USEC"));
    assert_null(getenv("WATCHDOG_PID"));
}

static void lines_arrive(telling *at, const char *name)
{
    char room[256];
    unsigned long long at_us = 0;
    listen_as(at, name);
    environment(name, NULL, NULL);
    open_it(&at->notify);
    assert_true(at->notify.fd >= 0);
    assert_true((fcntl(at->notify.fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(at->notify.watchdog_ms, 0);
    dr_notify_say(&at->notify, "READY=1\nSTATUS=serving");
    heard_is(at->fd, "READY=1\nSTATUS=serving");

    uint64_t began_us = dr_clock_ns() / 1000;
    dr_notify_reloading(&at->notify);
    ssize_t got = recv(at->fd, room, sizeof room - 1, MSG_DONTWAIT);
    assert_true(got > 0);
    room[got] = '\0';
    assert_int_equal(sscanf(room, "RELOADING=1\nMONOTONIC_USEC=%llu", &at_us), 1);
    assert_in_range(at_us, began_us, dr_clock_ns() / 1000);

    for (size_t i = 0; i < 10000; i++) { /* nobody reads: it does not wait */
        dr_notify_say(&at->notify, "WATCHDOG=1");
    }
    unit_close(&at->fd);
    dr_notify_say(&at->notify, "STOPPING=1"); /* nobody is there: no signal */
    dr_notify_close(&at->notify);
    assert_int_equal(at->notify.fd, -1);
    dr_notify_close(&at->notify);
}

static void a_socket_is_a_path_or_an_abstract_name(void **state)
{
    telling *at = *state;
    char name[sizeof((struct sockaddr_un *)NULL)->sun_path + 1];
    unit_folder_make(&at->folder);
    snprintf(name, sizeof name, "%s/socket", at->folder.path);
    lines_arrive(at, name);

    snprintf(name, sizeof name, "@test_notify.%d", (int)getpid());
    lines_arrive(at, name);
    size_t len = strlen(name); /* the longest there may be */
    memset(name + len, 'x', sizeof name - 2 - len);
    name[sizeof name - 2] = '\0';
    lines_arrive(at, name);
}

static void nobody_wants_to_know(telling *at, const char *name)
{
    environment(name, "1000000", NULL);
    open_it(&at->notify);
    assert_int_equal(at->notify.fd, -1);
    assert_int_equal(at->notify.watchdog_ms, 0);
    dr_notify_say(&at->notify, "READY=1");
    dr_notify_reloading(&at->notify);
    dr_notify_close(&at->notify);
}

static void a_wrong_socket_is_none(void **state)
{
    telling *at = *state;
    char name[sizeof((struct sockaddr_un *)NULL)->sun_path + 1];
    memset(name, 'x', sizeof name - 1);
    name[0] = '@';
    name[sizeof name - 1] = '\0';
    nobody_wants_to_know(at, name); /* longer by one byte than there may be */
    nobody_wants_to_know(at, NULL);
    nobody_wants_to_know(at, "");
    nobody_wants_to_know(at, "@");
    nobody_wants_to_know(at, "relative");
    nobody_wants_to_know(at, "vsock:2:1");
    nobody_wants_to_know(at, "/nowhere/at/all");
}

static void watchdog_is(telling *at, const char *usec, const char *pid, uint64_t ms)
{
    char name[64];
    snprintf(name, sizeof name, "@test_notify.watchdog.%d", (int)getpid());
    listen_as(at, name);
    environment(name, usec, pid);
    open_it(&at->notify);
    assert_true(at->notify.fd >= 0);
    assert_int_equal(at->notify.watchdog_ms, ms);
    dr_notify_close(&at->notify);
    unit_close(&at->fd);
}

static void the_watchdog_is_fed_twice_as_often_as_it_must(void **state)
{
    telling *at = *state;
    char own[16];
    char other[16];
    snprintf(own, sizeof own, "%d", (int)getpid());
    snprintf(other, sizeof other, "%d", (int)getppid());
    watchdog_is(at, "30000000", NULL, 15000);
    watchdog_is(at, "30000000", own, 15000);
    watchdog_is(at, "30000000", other, 0);
    watchdog_is(at, "30000000", "x", 0);
    watchdog_is(at, "1", NULL, 1);
    watchdog_is(at, "2001", NULL, 1);
    watchdog_is(at, "0", NULL, 0);
    watchdog_is(at, "", NULL, 0);
    watchdog_is(at, "-1", NULL, 0);
    watchdog_is(at, "10s", NULL, 0);
    watchdog_is(at, "99999999999999999999999", NULL, 0);
    watchdog_is(at, NULL, own, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(telling, a_socket_is_a_path_or_an_abstract_name),
        unit_in(telling, a_wrong_socket_is_none),
        unit_in(telling, the_watchdog_is_fed_twice_as_often_as_it_must),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
