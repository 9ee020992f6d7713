/* transport_poll.c: blocking streams (TCP, Unix) with one absolute deadline. */
#include "transport/transport_poll.h"

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
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

#define NS_PER_MS 1000000u
#define UNIX_RETRY_MS 10 /* a full backlog of a Unix socket is not waited for by the kernel */
#define ASK_MS 500u      /* between two questions whether a wait is interrupted */

uint32_t dr_wait_left_ms(const dr_wait *wait)
{
    uint64_t now = dr_clock_ns();
    if (now >= wait->deadline_ns) {
        return 0;
    }
    uint64_t ms = (wait->deadline_ns - now + NS_PER_MS - 1) / NS_PER_MS;
    return ms < INT_MAX ? (uint32_t)ms : INT_MAX;
}

uint32_t dr_wait_slice_ms(const dr_wait *wait, uint32_t ms)
{
    return wait->is_interrupted == NULL || ms < ASK_MS ? ms : ASK_MS;
}

bool dr_wait_is_interrupted(const dr_wait *wait)
{
    return wait->is_interrupted != NULL && wait->is_interrupted(wait->user);
}

/* `number` is the errno of a system call that failed, else 0. */
static dora_err failed(dora_error *error, dora_err err, const char *doing, int number)
{
    dora_error_set(error, err, "%s: %s", doing,
                   err == DORA_EIO ? strerror(number) : dora_err_text(err));
    if (error != NULL) {
        error->code = err != DORA_EINTERRUPTED ? DORA_CODE_RECEIVE : 0;
        error->os_error = number;
    }
    return err;
}

static bool is_closed_errno(int number)
{
    return number == EPIPE || number == ECONNRESET || number == ENOTCONN;
}

static bool is_again_errno(int number)
{
    return number == EAGAIN || number == EWOULDBLOCK;
}

/* Returns: DORA_OK when one of `events` is there (in `*revents`), DORA_ETIMEDOUT, DORA_EIO,
 * DORA_EINTERRUPTED; DORA_ECLOSED where is_interrupted forked and this is the child. `fd` is where
 * the descriptor stands; NULL waits for the time only. */
static dora_err wait_for(const int *fd, short events, const dr_wait *wait, short *revents)
{
    for (;;) {
        uint32_t ms = dr_wait_left_ms(wait);
        struct pollfd item = {.fd = fd != NULL ? *fd : -1, .events = events};
        if (fd != NULL && *fd < 0) {
            return DORA_ECLOSED;
        }
        uint32_t slice_ms = dr_wait_slice_ms(wait, ms);
        int count = poll(&item, 1, (int)slice_ms);
        if (count > 0) {
            *revents = item.revents;
            return DORA_OK;
        }
        if (count < 0 && errno != EINTR) {
            return DORA_EIO;
        }
        if ((count < 0 || slice_ms < ms) && dr_wait_is_interrupted(wait)) {
            return DORA_EINTERRUPTED;
        }
        if (ms == 0) {
            return DORA_ETIMEDOUT;
        }
    }
}

/* Returns: 0, or an errno; ETIMEDOUT at the deadline, EINTR when interrupted. */
static int errno_of_wait(dora_err err)
{
    switch (err) {
    case DORA_OK:
        return 0;
    case DORA_ETIMEDOUT:
        return ETIMEDOUT;
    case DORA_EINTERRUPTED:
        return EINTR;
    default:
        return errno;
    }
}

/* A Unix socket whose backlog is full says EAGAIN at once. */
static int connect_later(int fd, const struct sockaddr *address, socklen_t address_len,
                         const dr_wait *wait)
{
    for (;;) {
        short revents = 0;
        dr_wait pause = *wait;
        uint64_t until_ns = dr_clock_ns() + UNIX_RETRY_MS * NS_PER_MS;
        pause.deadline_ns = until_ns < wait->deadline_ns ? until_ns : wait->deadline_ns;
        dora_err err = wait_for(NULL, 0, &pause, &revents);
        if (err == DORA_EINTERRUPTED) {
            return EINTR;
        }
        if (connect(fd, address, address_len) == 0) {
            return 0;
        }
        if (errno != EAGAIN) {
            return errno;
        }
        if (dr_wait_left_ms(wait) == 0) {
            return ETIMEDOUT;
        }
    }
}

/* Returns: 0, or an errno, as errno_of_wait. */
static int connect_by(int fd, const struct sockaddr *address, socklen_t address_len,
                      const dr_wait *wait)
{
    short revents = 0;
    int problem = 0;
    socklen_t problem_len = sizeof problem;
    if (connect(fd, address, address_len) == 0) {
        return 0;
    }
    if (errno == EAGAIN && address->sa_family == AF_UNIX) {
        return connect_later(fd, address, address_len, wait);
    }
    if (errno != EINPROGRESS && errno != EINTR) {
        return errno;
    }
    problem = errno_of_wait(wait_for(&fd, POLLOUT, wait, &revents));
    if (problem == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &problem_len) != 0) {
        return errno;
    }
    return problem;
}

/* Opens and connects one socket. Returns: 0, or an errno. */
static int open_to(dr_socket *opened, const struct sockaddr *address, socklen_t address_len,
                   const dr_wait *wait)
{
    int yes = 1;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return errno;
    }
    int problem = connect_by(fd, address, address_len, wait);
    if (problem == 0 && fcntl(fd, F_SETFL, 0) != 0) {
        problem = errno;
    }
    if (problem != 0) {
        close(fd);
        return problem;
    }
    if (address->sa_family != AF_UNIX) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    }
    opened->fd = fd;
    opened->receive_ms = 0;
    return 0;
}

/* Connects where nothing has to be looked up. Returns: 0, or an errno. */
static int connect_known(dr_socket *socket, const dr_address *address, const dr_wait *wait,
                         bool *is_known)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(address->port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(address->port)};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    *is_known = true;
    if (dr_address_is_unix(address)) {
        memcpy(local.sun_path, address->host, strlen(address->host) + 1);
        return open_to(socket, (const struct sockaddr *)&local, sizeof local, wait);
    }
    if (inet_pton(AF_INET, address->host, &four.sin_addr) == 1) {
        return open_to(socket, (const struct sockaddr *)&four, sizeof four, wait);
    }
    if (inet_pton(AF_INET6, address->host, &six.sin6_addr) == 1) {
        return open_to(socket, (const struct sockaddr *)&six, sizeof six, wait);
    }
    *is_known = false;
    return 0;
}

/* Returns: 0, or an errno; -1 where the name is not known, with the reason. */
static int connect_name(dr_socket *socket, const dr_address *address, const dr_wait *wait,
                        const char **reason)
{
    char service[8];
    struct addrinfo *found = NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    int problem = EHOSTUNREACH;
    snprintf(service, sizeof service, "%u", address->port);
    int status = getaddrinfo(address->host, service, &hints, &found);
    if (status != 0) {
        *reason = gai_strerror(status);
        return -1;
    }
    for (const struct addrinfo *item = found; item != NULL; item = item->ai_next) {
        problem = open_to(socket, item->ai_addr, item->ai_addrlen, wait);
        if (problem == 0 || problem == EINTR || dr_wait_left_ms(wait) == 0) {
            break;
        }
    }
    freeaddrinfo(found);
    return problem;
}

dora_err dr_socket_connect(dr_socket *socket, const dr_address *address, const dr_wait *wait,
                           dora_error *error)
{
    bool is_known = false;
    char text[DR_ADDRESS_TEXT_MAX];
    const char *reason = NULL;
    socket->fd = -1;
    int problem = connect_known(socket, address, wait, &is_known);
    if (!is_known) {
        problem = connect_name(socket, address, wait, &reason);
    }
    if (problem == 0) {
        return DORA_OK;
    }
    if (problem == EINTR) {
        return failed(error, DORA_EINTERRUPTED, "connect", EINTR);
    }
    dora_error_set(error, DORA_ECONNECT, "cannot connect to %s: %s", dr_address_text(address, text),
                   reason != NULL ? reason : strerror(problem));
    if (error != NULL) {
        error->code = DORA_CODE_CONNECT;
        error->os_error = problem;
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
    return got < 0 && is_again_errno(errno);
}

dora_err dr_socket_send(const dr_socket *socket, dora_slice bytes, const dr_wait *wait,
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
        if (count < 0 && !is_again_errno(errno)) {
            return failed(error, is_closed_errno(errno) ? DORA_ECLOSED : DORA_EIO, "send", errno);
        }
        dora_err err = wait_for(&socket->fd, POLLIN | POLLOUT, wait, &revents);
        if (err != DORA_OK) {
            return failed(error, err, "send", err == DORA_EIO ? errno : 0);
        }
        if ((revents & POLLOUT) == 0) {
            return DORA_EAGAIN;
        }
    }
    return DORA_OK;
}

/* The kernel ends such a wait up to an eighth late: less is set, and a poll waits for the rest. */
static void set_receive_ms(dr_socket *socket, uint32_t ms)
{
    uint32_t less_ms = ms > 8 ? ms - ms / 8 : 1;
    struct timeval value = {.tv_sec = (time_t)(less_ms / 1000),
                            .tv_usec = (suseconds_t)(less_ms % 1000 * 1000)};
    if (setsockopt(socket->fd, SOL_SOCKET, SO_RCVTIMEO, &value, sizeof value) == 0) {
        socket->receive_ms = ms;
    }
}

dora_err dr_socket_receive(dr_socket *socket, char *room, size_t room_len, const dr_wait *wait,
                           size_t *got, dora_error *error)
{
    for (;;) {
        short revents = 0;
        uint32_t ms = dr_wait_left_ms(wait);
        bool is_usual = ms > 0 && ms <= wait->usual_ms && ms + 1 >= wait->usual_ms;
        uint32_t usual_ms = dr_wait_slice_ms(wait, wait->usual_ms);
        if (is_usual && socket->receive_ms != usual_ms) {
            set_receive_ms(socket, usual_ms);
        }
        is_usual = is_usual && socket->receive_ms == usual_ms;
        if (!is_usual) {
            dora_err err = wait_for(&socket->fd, POLLIN, wait, &revents);
            if (err != DORA_OK) {
                return failed(error, err, "receive", err == DORA_EIO ? errno : 0);
            }
        }
        ssize_t count = recv(socket->fd, room, room_len, is_usual ? 0 : MSG_DONTWAIT);
        if (count > 0) {
            *got = (size_t)count;
            return DORA_OK;
        }
        int number = count == 0 ? 0 : errno;
        if (count == 0 || is_closed_errno(number)) {
            return failed(error, DORA_ECLOSED, "receive", number);
        }
        if (number != EINTR && !is_again_errno(number)) {
            return failed(error, DORA_EIO, "receive", number);
        }
        if ((number == EINTR || is_usual) && dr_wait_is_interrupted(wait)) {
            return failed(error, DORA_EINTERRUPTED, "receive", EINTR);
        }
        if (socket->fd < 0) { /* is_interrupted forked, and this is the child */
            return failed(error, DORA_ECLOSED, "receive", 0);
        }
    }
}

dora_err dr_socket_receive_now(const dr_socket *socket, char *room, size_t room_len, size_t *got)
{
    for (;;) {
        ssize_t count = recv(socket->fd, room, room_len, MSG_DONTWAIT);
        if (count > 0) {
            *got = (size_t)count;
            return DORA_OK;
        }
        if (count == 0) {
            return DORA_ECLOSED;
        }
        if (is_again_errno(errno)) {
            return DORA_EAGAIN;
        }
        if (errno != EINTR) {
            return is_closed_errno(errno) ? DORA_ECLOSED : DORA_EIO;
        }
    }
}
