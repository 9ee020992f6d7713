/* notify.c: telling systemd how a service does, by datagrams to the socket it named. */
#include "base/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

/* Returns: a socket that sends to `name` (a path, or @ and an abstract name), or -1. */
static int notify_connect(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || len < 2 || len >= sizeof address.sun_path) {
        return -1;
    }
    memcpy(address.sun_path, name, len);
    if (name[0] == '@') {
        address.sun_path[0] = '\0'; /* such a name has no NUL at its end */
    } else {
        len++;
    }
    socklen_t address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, address_len) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* Returns: a whole positive number; 0 where it is none. */
static uint64_t number_of(const char *text)
{
    char *end = NULL;
    if (text == NULL || text[0] < '0' || text[0] > '9') {
        return 0;
    }
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' ? number : 0;
}

void dr_notify_open(dr_notify *notify)
{
    const char *name = getenv("NOTIFY_SOCKET");
    const char *pid = getenv("WATCHDOG_PID"); /* whom the watchdog means; absent: whoever reads */
    uint64_t allowed_us = number_of(getenv("WATCHDOG_USEC"));
    bool is_meant = pid == NULL || number_of(pid) == (uint64_t)getpid();
    notify->fd = name != NULL ? notify_connect(name) : -1;
    notify->watchdog_ms = 0;
    notify->allowed_us = 0;
    (void)snprintf(notify->name, sizeof notify->name, "%s", notify->fd >= 0 ? name : "");
    if (notify->fd >= 0 && is_meant && allowed_us > 0) {
        notify->watchdog_ms = allowed_us >= 2000 ? allowed_us / 2000 : 1;
        notify->allowed_us = allowed_us;
    }
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_PID");
    unsetenv("WATCHDOG_USEC");
}

size_t dr_notify_for_heir(const dr_notify *notify, char entries[2][DR_NOTIFY_NAME_BYTES + 32])
{
    size_t count = 0;
    if (notify->fd >= 0) {
        (void)snprintf(entries[count++], sizeof entries[0], "NOTIFY_SOCKET=%s", notify->name);
    }
    if (notify->allowed_us > 0) {
        (void)snprintf(entries[count++], sizeof entries[0], "WATCHDOG_USEC=%llu",
                       (unsigned long long)notify->allowed_us);
    }
    return count;
}

void dr_notify_close(dr_notify *notify)
{
    if (notify->fd >= 0) {
        close(notify->fd);
    }
    notify->fd = -1;
    notify->watchdog_ms = 0;
}

void dr_notify_say(const dr_notify *notify, const char *lines)
{
    if (notify->fd >= 0) {
        send(notify->fd, lines, strlen(lines), MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

void dr_notify_reloading(const dr_notify *notify)
{
    char lines[64];
    snprintf(lines, sizeof lines, "RELOADING=1\nMONOTONIC_USEC=%llu",
             (unsigned long long)(dr_clock_ns() / 1000));
    dr_notify_say(notify, lines);
}
