/* listener.c: a socket for each reactor on one port, after a plain bind has shown it to be free. */
#include "net/listener.h"

#include <errno.h>
#include <linux/filter.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int open_one(const struct addrinfo *address, bool is_shared)
{
    const int on = 1;
    const int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        (is_shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0) ||
        bind(fd, address->ai_addr, address->ai_addrlen) != 0) {
        const int kept = errno;
        close(fd);
        errno = kept;
        return -1;
    }
    return fd;
}

static uint16_t bound_port(int fd)
{
    struct sockaddr_storage bound;
    socklen_t len = sizeof(bound);
    if (getsockname(fd, (struct sockaddr *)&bound, &len) != 0) {
        return 0;
    }
    return ntohs(bound.ss_family == AF_INET6
                     ? ((const struct sockaddr_in6 *)(const void *)&bound)->sin6_port
                     : ((const struct sockaddr_in *)(const void *)&bound)->sin_port);
}

static dora_err open_all(struct addrinfo *address, const char *host, uint16_t *port, int backlog,
                         int *fds, uint32_t count, dora_error *error)
{
    /* SO_REUSEPORT would let two servers share a port without a word: a plain bind comes first. */
    fds[0] = open_one(address, false);
    if (fds[0] < 0) {
        return dora_error_set(error, DORA_EIO, "cannot listen on %s:%u: %s", host, *port,
                              strerror(errno));
    }
    *port = bound_port(fds[0]);
    if (count > 1) {
        close(fds[0]);
        if (address->ai_family == AF_INET6) {
            ((struct sockaddr_in6 *)(void *)address->ai_addr)->sin6_port = htons(*port);
        } else {
            ((struct sockaddr_in *)(void *)address->ai_addr)->sin_port = htons(*port);
        }
        for (uint32_t i = 0; i < count; i++) {
            fds[i] = open_one(address, true);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (fds[i] < 0 || listen(fds[i], backlog) != 0) {
            const int kept = errno;
            for (uint32_t k = 0; k < count; k++) {
                if (fds[k] >= 0) {
                    close(fds[k]);
                }
            }
            return dora_error_set(error, DORA_EIO, "cannot listen on %s:%u: %s", host, *port,
                                  strerror(kept));
        }
    }
    return DORA_OK;
}

dora_err dr_listener_open(const char *host, uint16_t *port, int backlog, int *fds, uint32_t count,
                          dora_error *error)
{
    char service[8];
    struct addrinfo *found = NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    (void)snprintf(service, sizeof(service), "%u", *port);
    const int failed = getaddrinfo(host, service, &hints, &found);
    if (failed != 0) {
        return dora_error_set(error, DORA_EIO, "cannot listen on %s:%u: %s", host, *port,
                              gai_strerror(failed));
    }
    const dora_err err = open_all(found, host, port, backlog, fds, count, error);
    freeaddrinfo(found);
    return err;
}

void dr_listener_refuse_new(int fd)
{
    /* The filter sees a packet from its TCP header on; one that opens a connection has SYN (2) and
     * not ACK (16) among the flags in byte 13. */
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),       BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 2 | 16),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 1), BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    const struct sock_fprog program = {.len = sizeof(steps) / sizeof(steps[0]), .filter = steps};
    (void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}
