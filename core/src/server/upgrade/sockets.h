/* sockets.h: listening sockets that this process did not open itself: of the master it takes over
 * from, or of a service manager (sd_listen_fds(3)). */
#ifndef DR_SERVER_SOCKETS_H
#define DR_SERVER_SOCKETS_H

#include <stdbool.h>
#include <sys/types.h>

#include <dora/error.h>

#include "net/listener.h"
#include "server/upgrade/link.h"

/* dr_socket is one of them. */
typedef struct dr_socket {
    int fd; /* -1: it was taken */
    dr_link_door door;
    bool is_managed; /* a service manager has it, too: it stays open when the server has ended */
    dev_t device;    /* of the file of a Unix socket, as its maker knows it; 0: it is not known */
    ino_t inode;
} dr_socket;

/* dr_sockets is all of them. Zeroed memory is none. */
typedef struct dr_sockets {
    dr_socket *items;
    size_t count;
} dr_sockets;

/* dr_sockets_add: one more; what does not listen, or is of another kind, is refused. Ownership:
 * takes its descriptor, also after an error. Errors: DORA_ENOMEM, DORA_EINVAL. */
dora_err dr_sockets_add(dr_sockets *sockets, const dr_socket *one);

/* dr_sockets_activated adds what a service manager has handed over, as LISTEN_FDS says, and takes
 * these variables out of the environment. Errors: DORA_ECONFIG names what is wrong with one. */
dora_err dr_sockets_activated(dr_sockets *sockets, dora_error *error);

/* dr_sockets_find gives up to `room` sockets that listen on this address, and whether a service
 * manager has them, too. `*port` 0: whatever port those of the same door have, which `*port` is
 * then. Returns: how many. Ownership: gives them. */
size_t dr_sockets_find(dr_sockets *sockets, dr_link_door door, const char *host, uint16_t *port,
                       int *fds, size_t room, bool *is_managed);

/* dr_sockets_find_unix gives the socket that listens at `path`, where that still is its file, and
 * likewise. Returns: -1: there is none. Ownership: gives it; `local` borrows `path`. */
int dr_sockets_find_unix(dr_sockets *sockets, const char *path, dr_local *local, bool *is_managed);

/* dr_sockets_fini closes those that nobody took. Returns: how many these were. */
size_t dr_sockets_fini(dr_sockets *sockets);

#endif
