/* socket.c: blocking TCP with one absolute deadline. */
#include "client/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"

#define NS_PER_MS 1000000u

/* What is left, rounded up; 0 when the time is over. */
static uint32_t left_ms(uint64_t deadline_ns)
{
    uint64_t now = dr_clock_ns();
    if (now >= deadline_ns) {
        return 0;
    }
    uint64_t ms = (deadline_ns - now + NS_PER_MS - 1) / NS_PER_MS;
    return ms < INT_MAX ? (uint32_t)ms : INT_MAX;
}

static dora_err failed(dora_error *error, dora_err err, const char *doing)
{
    dora_error_set(error, err, "%s: %s", doing,
                   err == DORA_EIO ? strerror(errno) : dora_err_text(err));
    if (error != NULL) {
        error->code = DORA_CODE_RECEIVE;
    }
    return err;
}

static bool is_closed_errno(int number)
{
    return number == EPIPE || number == ECONNRESET || number == ENOTCONN;
}

/* Returns: DORA_OK when one of `events` is there (in `*revents`), DORA_ETIMEDOUT, DORA_EIO. */
static dora_err wait_for(int fd, short events, uint64_t deadline_ns, short *revents)
{
    struct pollfd item = {.fd = fd, .events = events};
    for (;;) {
        uint32_t ms = left_ms(deadline_ns);
        int count = poll(&item, 1, (int)ms);
        if (count > 0) {
            *revents = item.revents;
            return DORA_OK;
        }
        if (count < 0 && errno != EINTR) {
            return DORA_EIO;
        }
        if (ms == 0) {
            return DORA_ETIMEDOUT;
        }
    }
}

/* Returns: 0, or an errno; ETIMEDOUT at the deadline. */
static int connect_by(int fd, const struct sockaddr *address, socklen_t address_len,
                      uint64_t deadline_ns)
{
    short revents = 0;
    int problem = 0;
    socklen_t problem_len = sizeof problem;
    if (connect(fd, address, address_len) == 0) {
        return 0;
    }
    if (errno != EINPROGRESS && errno != EINTR) {
        return errno;
    }
    dora_err err = wait_for(fd, POLLOUT, deadline_ns, &revents);
    if (err != DORA_OK) {
        return err == DORA_ETIMEDOUT ? ETIMEDOUT : errno;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &problem_len) != 0) {
        return errno;
    }
    return problem;
}

/* Opens and connects one socket. Returns: 0, or an errno. */
static int open_to(dr_socket *opened, const struct sockaddr *address, socklen_t address_len,
                   uint64_t deadline_ns)
{
    int yes = 1;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return errno;
    }
    int problem = connect_by(fd, address, address_len, deadline_ns);
    if (problem == 0 && fcntl(fd, F_SETFL, 0) != 0) {
        problem = errno;
    }
    if (problem != 0) {
        close(fd);
        return problem;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    opened->fd = fd;
    opened->receive_ms = 0;
    return 0;
}

static int connect_numeric(dr_socket *socket, const char *host, uint16_t port, uint64_t deadline_ns,
                           bool *is_numeric)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    *is_numeric = true;
    if (inet_pton(AF_INET, host, &four.sin_addr) == 1) {
        return open_to(socket, (const struct sockaddr *)&four, sizeof four, deadline_ns);
    }
    if (inet_pton(AF_INET6, host, &six.sin6_addr) == 1) {
        return open_to(socket, (const struct sockaddr *)&six, sizeof six, deadline_ns);
    }
    *is_numeric = false;
    return 0;
}

static int connect_name(dr_socket *socket, const char *host, uint16_t port, uint64_t deadline_ns,
                        const char **reason)
{
    char service[8];
    struct addrinfo *found = NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    int problem = EHOSTUNREACH;
    snprintf(service, sizeof service, "%u", port);
    int status = getaddrinfo(host, service, &hints, &found);
    if (status != 0) {
        *reason = gai_strerror(status);
        return problem;
    }
    for (const struct addrinfo *item = found; item != NULL; item = item->ai_next) {
        problem = open_to(socket, item->ai_addr, item->ai_addrlen, deadline_ns);
        if (problem == 0 || left_ms(deadline_ns) == 0) {
            break;
        }
    }
    freeaddrinfo(found);
    return problem;
}

dora_err dr_socket_connect(dr_socket *socket, const char *host, uint16_t port, uint64_t deadline_ns,
                           dora_error *error)
{
    bool is_numeric = false;
    const char *reason = NULL;
    socket->fd = -1;
    int problem = connect_numeric(socket, host, port, deadline_ns, &is_numeric);
    if (!is_numeric) {
        problem = connect_name(socket, host, port, deadline_ns, &reason);
    }
    if (problem == 0) {
        return DORA_OK;
    }
    dora_error_set(error, DORA_ECONNECT, "cannot connect to %s:%u: %s", host, port,
                   reason != NULL ? reason : strerror(problem));
    if (error != NULL) {
        error->code = DORA_CODE_CONNECT;
    }
    return DORA_ECONNECT;
}

void dr_socket_close(dr_socket *socket)
{
    if (socket->fd >= 0) {
        close(socket->fd);
        socket->fd = -1;
    }
}

bool dr_socket_is_quiet(const dr_socket *socket)
{
    char byte;
    ssize_t got = recv(socket->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

dora_err dr_socket_send(const dr_socket *socket, dora_slice bytes, uint64_t deadline_ns,
                        size_t *sent, dora_error *error)
{
    *sent = 0;
    while (*sent < bytes.len) {
        short revents = 0;
        ssize_t count =
            send(socket->fd, bytes.data + *sent, bytes.len - *sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count > 0) {
            *sent += (size_t)count;
            continue;
        }
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
            return failed(error, is_closed_errno(errno) ? DORA_ECLOSED : DORA_EIO, "send");
        }
        dora_err err = wait_for(socket->fd, POLLIN | POLLOUT, deadline_ns, &revents);
        if (err != DORA_OK) {
            return failed(error, err, "send");
        }
        if ((revents & POLLOUT) == 0) {
            return DORA_EAGAIN;
        }
    }
    return DORA_OK;
}

static void set_receive_ms(dr_socket *socket, uint32_t ms)
{
    struct timeval value = {.tv_sec = (time_t)(ms / 1000),
                            .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    if (setsockopt(socket->fd, SOL_SOCKET, SO_RCVTIMEO, &value, sizeof value) == 0) {
        socket->receive_ms = ms;
    }
}

dora_err dr_socket_receive(dr_socket *socket, char *room, size_t room_len, uint64_t deadline_ns,
                           uint32_t usual_ms, size_t *got, dora_error *error)
{
    for (;;) {
        short revents = 0;
        uint32_t ms = left_ms(deadline_ns);
        bool is_usual = ms > 0 && ms <= usual_ms && ms + 1 >= usual_ms;
        if (is_usual && socket->receive_ms != usual_ms) {
            set_receive_ms(socket, usual_ms);
        }
        is_usual = is_usual && socket->receive_ms == usual_ms;
        if (!is_usual) {
            dora_err err = wait_for(socket->fd, POLLIN, deadline_ns, &revents);
            if (err != DORA_OK) {
                return failed(error, err, "receive");
            }
        }
        ssize_t count = recv(socket->fd, room, room_len, is_usual ? 0 : MSG_DONTWAIT);
        if (count > 0) {
            *got = (size_t)count;
            return DORA_OK;
        }
        if (count == 0 || is_closed_errno(errno)) {
            return failed(error, DORA_ECLOSED, "receive");
        }
        if (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK) {
            return failed(error, DORA_EIO, "receive");
        }
    }
}
