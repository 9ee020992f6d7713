/* dial.c: from an address to an open socket, without waiting: a host's addresses are tried in turn.
 */
#include "transport/dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"

#define NS_PER_MS 1000000u

const struct addrinfo dr_dial_hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};

static void set_known(dr_dial *dial, size_t len)
{
    dial->only = (struct addrinfo){.ai_family = dial->known.any.sa_family,
                                   .ai_addr = &dial->known.any,
                                   .ai_addrlen = (socklen_t)len};
    dial->next = &dial->only;
}

bool dr_dial_begin(dr_dial *dial, const dr_address *address)
{
    const char *host = address->host;
    *dial = (dr_dial){.fd = -1, .address = *address};
    dial->loss = dr_loss_new(DORA_ECONNECT, EHOSTUNREACH);
    if (dr_address_is_unix(address)) {
        dial->known.local.sun_family = AF_UNIX;
        memcpy(dial->known.local.sun_path, host,
               strnlen(host, sizeof dial->known.local.sun_path - 1));
        set_known(dial, sizeof dial->known.local);
    } else if (inet_pton(AF_INET, host, &dial->known.four.sin_addr) == 1) {
        dial->known.four.sin_family = AF_INET;
        dial->known.four.sin_port = htons(address->port);
        set_known(dial, sizeof dial->known.four);
    } else if (inet_pton(AF_INET6, host, &dial->known.six.sin6_addr) == 1) {
        dial->known.six.sin6_family = AF_INET6;
        dial->known.six.sin6_port = htons(address->port);
        set_known(dial, sizeof dial->known.six);
    } else {
        snprintf(dial->service, sizeof dial->service, "%u", address->port);
        return true;
    }
    return false;
}

void dr_dial_found(dr_dial *dial, int status, struct addrinfo *found)
{
    if (status != 0) {
        dial->loss = (dr_loss){DORA_ECONNECT, -1, gai_strerror(status)};
        return;
    }
    dial->found = found;
    dial->next = found;
}

void dr_dial_look_up(dr_dial *dial)
{
    struct addrinfo *found = NULL;
    int status = getaddrinfo(dial->address.host, dial->service, &dr_dial_hints, &found);
    dr_dial_found(dial, status, found);
}

/* What connect() gave. A Unix socket whose backlog is full says EAGAIN, and the kernel waits for no
 * room; an address that is not answered must not use up the time of those behind it. */
static dora_err note(dr_dial *dial, int problem)
{
    uint32_t wait_ms = 0;
    dial->is_full = problem == EAGAIN && dial->tried->ai_family == AF_UNIX;
    if (problem == 0) {
        dial->wake_ns = 0;
        return DORA_OK;
    }
    if (dial->is_full) {
        wait_ms = DR_DIAL_FULL_MS;
    } else if (problem != EINPROGRESS && problem != EINTR) {
        dial->loss = dr_loss_new(DORA_ECONNECT, problem);
        return DORA_ECONNECT;
    } else if (dial->is_second ? dial->next != NULL : dial->next != NULL || dial->has_left) {
        wait_ms = dial->is_second ? DR_DIAL_AGAIN_MS : DR_DIAL_ADDRESS_MS;
    }
    dial->wake_ns = wait_ms != 0 ? dr_clock_ns() + (uint64_t)wait_ms * NS_PER_MS : 0;
    return DORA_EAGAIN;
}

static dora_err try_connect(dr_dial *dial)
{
    const struct addrinfo *to = dial->tried;
    return note(dial, connect(dial->fd, to->ai_addr, to->ai_addrlen) == 0 ? 0 : errno);
}

static void drop(dr_dial *dial)
{
    if (dial->fd >= 0) {
        close(dial->fd);
    }
    dial->fd = -1;
    dial->wake_ns = 0;
}

/* has_next says whether there is an address to try. Those that were left once, since others might
 * be quicker, are tried a second time with more patience: a lost packet is sent again after a
 * second. */
static bool has_next(dr_dial *dial)
{
    if (dial->next == NULL && dial->has_left && !dial->is_second) {
        dial->is_second = true;
        dial->next = dial->found;
    }
    return dial->next != NULL;
}

dora_err dr_dial_next(dr_dial *dial)
{
    const int yes = 1;
    dora_err err = DORA_ECONNECT;
    while (err == DORA_ECONNECT && has_next(dial)) {
        drop(dial);
        dial->tried = dial->next;
        dial->next = dial->tried->ai_next;
        int family = dial->tried->ai_family;
        dial->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (dial->fd < 0) {
            dial->loss = dr_loss_new(DORA_ECONNECT, errno);
            continue;
        }
        if (family != AF_UNIX) {
            setsockopt(dial->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        }
        err = try_connect(dial);
    }
    return err;
}

dora_err dr_dial_check(dr_dial *dial, bool is_ready)
{
    int problem = ETIMEDOUT;
    socklen_t problem_len = sizeof problem;
    bool is_due = dial->wake_ns != 0 && dr_clock_ns() >= dial->wake_ns;
    if (dial->is_full) {
        return is_due ? try_connect(dial) : DORA_EAGAIN;
    }
    if (is_due && !is_ready) { /* who was held up himself looks at the socket first */
        struct pollfd item = {.fd = dial->fd, .events = POLLOUT};
        is_ready = poll(&item, 1, 0) > 0;
    }
    if (is_ready && getsockopt(dial->fd, SOL_SOCKET, SO_ERROR, &problem, &problem_len) != 0) {
        problem = errno;
    }
    dial->has_left = dial->has_left || (is_due && !is_ready);
    return is_ready || is_due ? note(dial, problem) : DORA_EAGAIN;
}

void dr_dial_end(dr_dial *dial)
{
    drop(dial);
    if (dial->found != NULL) {
        freeaddrinfo(dial->found);
    }
    dial->found = NULL;
    dial->next = NULL;
}

int dr_dial_take(dr_dial *dial)
{
    int fd = dial->fd;
    dial->fd = -1;
    dr_dial_end(dial);
    return fd;
}
