/* listener.h: listening sockets: TCP (listener.c) and Unix (local.c). */
#ifndef DR_NET_LISTENER_H
#define DR_NET_LISTENER_H

#include <sys/types.h>

#include <dora/error.h>

/* dr_listener_open makes `count` non-blocking sockets that listen on one address, one for each
 * reactor; the kernel spreads connections over them. Port 0 picks a free one; `*port` is what was
 * bound. Errors: DORA_EIO names the address and why (a port in use). Ownership: gives `fds`. */
dora_err dr_listener_open(const char *host, uint16_t *port, int backlog, int *fds, uint32_t count,
                          dora_error *error);

/* dr_listener_refuse_new has a listening TCP socket take no new connection, while those that wait
 * can still be accepted. Who tries to connect tries again by itself, and finds another server
 * there, or none. Where the system has no way to do so, nothing changes. */
void dr_listener_refuse_new(int fd);

/* dr_local is the file of a listening Unix socket. Zeroed memory is none. */
typedef struct dr_local {
    const char *path;
    dev_t device;
    ino_t inode;
} dr_local;

#endif
