/* offload.h: heavy work on one body in libuv's thread pool, so that it does not hold up the
 * reactor's other connections; and a queue before the pool, so that nobody's work holds up that of
 * others. Thread: the lane's, but for `work`.
 *
 * Small jobs and large ones wait in queues of their own, and each kind is left one thread that the
 * other does not take. Within a queue connections take turns, with one job each. */
#ifndef DR_SERVER_OFFLOAD_H
#define DR_SERVER_OFFLOAD_H

#include "server/call/responder.h"

/* dr_offload is a piece of work; it is the first member of what its kind needs besides. */
struct dr_offload {
    uv_work_t request;
    dr_responder responder; /* nobody, once its connection is gone */
    size_t bytes;           /* of the body: held for whoever asked until it is done */
    dr_offload *next; /* of those that run, or whose connection's turn it is after this one's */
    dr_offload *more; /* that waits for the same connection's next turn */
    const char *guid; /* of the request; NULL: it is none */
    bool is_large;
    bool is_cancelled;
    void (*work)(dr_offload *offload); /* in the thread pool: nothing of the lane may be touched */
    void (*done)(dr_offload *offload); /* on the lane; not for nobody */
    void (*free)(dr_offload *offload);
};

/* dr_offloads_init makes a lane's queues; `lanes` share the thread pool. */
void dr_offloads_init(dr_offloads *offloads, uint32_t lanes);

/* dr_offload_start queues `offload`, whose functions and bytes are set. Ownership: takes `offload`,
 * on failure too, and calls `free` at the end. Errors: DORA_ENOMEM, also when more would be held or
 * would wait than may. */
dora_err dr_offload_start(const dr_responder *responder, dr_offload *offload);

/* dr_offload_run does the work of `offload`: in the thread pool where it is large, else at once.
 * Where it cannot be queued, whoever asked is told. Ownership: takes. */
void dr_offload_run(const dr_responder *responder, dr_offload *offload, bool is_large);

/* dr_offload_forget: whoever asked is gone. What has not begun is dropped. */
void dr_offload_forget(const dr_responder *responder);

/* dr_offload_cancel notes that a client cancels the request of this guid, where that is under way
 * on its connection. Returns: whether it is. */
bool dr_offload_cancel(const dr_responder *responder, const char *guid);

/* dr_offload_has_frames says whether a lane has work on bodies of frames; those over HTTP do not
 * count. */
bool dr_offload_has_frames(const dr_lane *lane);

#endif
