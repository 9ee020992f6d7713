/* doors.h: the listening sockets of a server: which there are, and where they come from.
 * Thread: the supervisor's. */
#ifndef DR_SERVER_DOORS_H
#define DR_SERVER_DOORS_H

#include <stdatomic.h>

#include "base/limits.h"
#include "server/upgrade/sockets.h"

struct dr_server;

/* dr_door is a listening socket. */
typedef struct dr_door {
    dr_link_door kind;
    int fd;          /* whoever accepts from it closes it */
    bool is_managed; /* a service manager's, too, whose next server is to find it as it is */
    bool is_idle;    /* nobody accepts from it yet, so it is ours to close */
} dr_door;

/* dr_doors is what a server listens on, and what it was handed to listen on. Zeroed memory is none.
 */
typedef struct dr_doors {
    dr_sockets handed; /* until they are found */
    dr_door items[DR_DOORS_MAX];
    size_t count;
    bool took_unix;       /* that one was handed, */
    bool unix_is_managed; /* by a service manager at first */
    bool is_managed;      /* any is: at its end the server leaves all as they are */
    atomic_bool
        has_elder; /* who has handed them over accepts from them, until this server serves */
} dr_doors;

/* dr_doors_open gives the sockets of an address: those that were handed to this server, else as
 * many new ones as there are lanes. Returns in `*count` how many, in `fds` with room for
 * DR_DOORS_MAX. Ownership: gives them. Errors: DORA_EIO names the address. */
dora_err dr_doors_open(struct dr_server *server, dr_link_door kind, const char *host,
                       uint16_t *port, int *fds, size_t *count, dora_error *error);

/* dr_doors_note keeps what was opened otherwise. */
void dr_doors_note(struct dr_server *server, dr_link_door kind, int fd, bool is_managed);

/* dr_doors_are_shared: others accept from the same sockets, or will: the server from which this one
 * has not taken over yet, or a service manager's next. They are closed, and nothing else.
 * Thread: any. */
bool dr_doors_are_shared(const struct dr_server *server);

/* dr_doors_each tells `fn` each of them: `fn` borrows the descriptor. */
void dr_doors_each(struct dr_server *server, void (*fn)(const dr_door *door, void *user),
                   void *user);

/* dr_doors_opened says in the log which of those handed over nobody wanted, and closes them.
 * dr_doors_fini closes what nobody accepts from. */
void dr_doors_opened(struct dr_server *server);
void dr_doors_fini(struct dr_server *server);

#endif
