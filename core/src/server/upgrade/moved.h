/* moved.h: what comes to a new master from the one it takes over from: what that remembers of
 * calls, then its connections (moving.h). Thread: the supervisor's, but for what says so. */
#ifndef DR_SERVER_MOVED_H
#define DR_SERVER_MOVED_H

#include <pthread.h>

#include "server/call/lane.h"
#include "server/dedupe/reply_import.h"
#include "server/upgrade/link.h"

struct dr_moved_conn;

typedef struct dr_moved {
    dr_backend *backend;
    dr_reply_import import;
    struct dr_moved_conn *coming; /* bytes of it are still to come */
    uint32_t next_lane;
    pthread_mutex_t lock; /* over the lists */
    _Atomic uint32_t waiting_count;
    struct dr_moved_conn *waiting[DR_REACTORS_MAX]; /* for their lanes */
} dr_moved;

/* dr_moved_init: nothing has come yet. dr_moved_fini closes connections that no lane has taken.
 * Ownership: borrows the backend. */
void dr_moved_init(dr_moved *moved, dr_backend *backend);
void dr_moved_fini(dr_moved *moved);

/* dr_moved_take takes a message: DR_LINK_DIGESTS, DR_LINK_CONNECTION, DR_LINK_BYTES. Ownership:
 * takes `fd`, the descriptor that came with it; -1: none did. Errors: DORA_EPROTO, DORA_ENOMEM. */
dora_err dr_moved_take(dr_moved *moved, dr_link_type type, dora_slice body, int fd,
                       dora_error *error);

/* dr_moved_over: nothing more comes. What still runs over there is lost. */
void dr_moved_over(dr_moved *moved);

/* dr_moved_start goes on with the connections that have come for a lane. Thread: the lane's. */
void dr_moved_start(dr_moved *moved, dr_lane *lane);

#endif
