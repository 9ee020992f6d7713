/* test_stop_listening.c: connections that wait to be accepted: none is reset with its listener, nor
 * forgotten for want of memory. */
#include "unit_reactor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/listener.h"
#include "torture.h"

/* A client whose connection the kernel takes in; `more` flags as of socket(2). */
static int connect_to(uint16_t port, int more, int *status)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | more, 0);
    if (fd < 0) {
        fail();
    }
    *status = connect(fd, (const struct sockaddr *)&to, sizeof to) == 0 ? 0 : errno;
    return fd;
}

/* listening is a reactor, and descriptors: the listener's, the clients', an accepted one. */
typedef struct listening {
    dr_reactor reactor;
    bool has_reactor;
    int listen_fd; /* where no reactor has it */
    int clients[3];
    int accepted;
} listening;

static void listening_end(listening *at)
{
    unit_reactor_end(&at->reactor, &at->has_reactor);
    for (int i = 0; i < 3; i++) {
        unit_close(&at->clients[i]);
    }
    unit_close(&at->accepted);
    unit_close(&at->listen_fd);
}
UNIT_SCENE(listening, listening_end)

/* begin makes a reactor that nothing happens in. */
static void begin(listening *at)
{
    const dr_reactor_events events = unit_reactor_events(NULL);
    unit_reactor_begin(&at->reactor, &events, &at->has_reactor);
}

static void what_waits_is_accepted_and_not_reset(void **state)
{
    listening *at = *state;
    dr_reactor *reactor = &at->reactor;
    int *clients = at->clients;
    begin(at);
    const uint16_t port = unit_reactor_listen(reactor, &at->listen_fd);
    for (int i = 0; i < 3; i++) {
        int status;
        clients[i] = connect_to(port, 0, &status);
        assert_int_equal(status, 0);
        assert_int_equal(send(clients[i], "a request", 9, 0), 9);
    }
    dr_reactor_stop_listening(reactor); /* the loop has not run: nothing was accepted yet */
    assert_int_equal(dr_count_get(&reactor->accepted), 3);
    for (int i = 0; i < 3; i++) {
        char byte;
        assert_int_equal(recv(clients[i], &byte, 1, MSG_DONTWAIT), -1);
        assert_int_equal(errno, EAGAIN);
    }
}

/* Whether the reactor accepts so many before a time that only a listener nobody watches takes. */
static bool accepts(dr_reactor *reactor, uint64_t count)
{
    const uint64_t end_ms = dr_clock_ms() + 60000;
    while (dr_count_get(&reactor->accepted) < count && dr_clock_ms() < end_ms) {
        (void)uv_run(&reactor->loop, UV_RUN_ONCE); /* its sweep ends each wait */
    }
    return dr_count_get(&reactor->accepted) == count;
}

static void a_listener_goes_on_once_there_is_memory_again(void **state)
{
    listening *at = *state;
    int status;
    begin(at);
    const uint16_t port = unit_reactor_listen(&at->reactor, &at->listen_fd);
    at->clients[0] = connect_to(port, 0, &status);
    torture_arm(1);
    while (!torture_has_failed()) {
        (void)uv_run(&at->reactor.loop, UV_RUN_ONCE);
    }
    assert_int_equal(dr_count_get(&at->reactor.accepted), 0);
    at->clients[1] = connect_to(port, 0, &status);
    assert_true(accepts(&at->reactor, 2));
}

static void a_unix_listener_goes_on_once_there_is_memory_again(void **state)
{
    listening *at = *state;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    socklen_t len = sizeof(sa_family_t); /* the kernel finds a name */
    dora_error error;
    begin(at);
    at->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(at->listen_fd, (const struct sockaddr *)&name, len), 0);
    len = sizeof(name);
    assert_int_equal(getsockname(at->listen_fd, (struct sockaddr *)&name, &len), 0);
    const int listen_fd = at->listen_fd;
    at->listen_fd = 0;
    assert_int_equal(dr_reactor_listen_locally(&at->reactor, listen_fd, 8, &error), DORA_OK);
    for (int i = 0; i < 2; i++) {
        at->clients[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(at->clients[i], (const struct sockaddr *)&name, len), 0);
    }
    torture_arm(1);
    while (!torture_has_failed()) {
        (void)uv_run(&at->reactor.loop, UV_RUN_ONCE);
    }
    assert_true(accepts(&at->reactor, 2));
}

static void a_listener_that_takes_no_new_ones_still_has_the_old(void **state)
{
    listening *at = *state;
    dora_error error;
    uint16_t port = 0;
    int status;
    assert_int_equal(dr_listener_open("127.0.0.1", &port, 8, &at->listen_fd, 1, &error), DORA_OK);
    const int listen_fd = at->listen_fd;
    const int early = at->clients[0] = connect_to(port, 0, &status);
    assert_int_equal(status, 0);
    dr_listener_refuse_new(listen_fd);
    at->clients[1] = connect_to(port, SOCK_NONBLOCK, &status);
    assert_int_equal(status, EINPROGRESS);
    const int accepted = at->accepted = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
    assert_true(accepted >= 0);
    assert_int_equal(send(early, "x", 1, 0), 1);
    char byte = 0;
    assert_int_equal(recv(accepted, &byte, 1, 0), 1);
    assert_int_equal(accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), -1);
    assert_int_equal(errno, EAGAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(listening, what_waits_is_accepted_and_not_reset),
        unit_in(listening, a_listener_that_takes_no_new_ones_still_has_the_old),
        unit_in(listening, a_listener_goes_on_once_there_is_memory_again),
        unit_in(listening, a_unix_listener_goes_on_once_there_is_memory_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
