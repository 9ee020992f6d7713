/* control.h: what a lane asks the supervisor to do, and how the answer comes back to it.
 *
 * A lane that is told to reload wakes the supervisor (its on_attention). The supervisor takes what
 * was asked by dr_control_take and must answer each request exactly once, at any time, by
 * dr_control_answer, which wakes the lane. A lane does not end while it waits for an answer, unless
 * the server stops at once. */
#ifndef DR_SERVER_CONTROL_H
#define DR_SERVER_CONTROL_H

#include <pthread.h>

#include "server/call/backend.h"

struct dr_call;
struct dr_reactor_thread;
struct dr_server;

/* dr_wish is what a client may want of the supervisor. */
typedef enum dr_wish {
    DR_WISH_RELOAD = 0,      /* reloadTask: who takes long is answered before it is known */
    DR_WISH_RELOAD_WAIT,     /* reloadWait: the answer is what became of it */
    DR_WISH_RELOAD_NOW,      /* reloadNow: it is not watched */
    DR_WISH_RELOAD_NOW_WAIT, /* reloadNowWait: both */
    DR_WISH_UPGRADE          /* an heir is wanted */
} dr_wish;

/* dr_reload_request is one client's wish that the server load its applications again, or hand over
 * to an heir. */
typedef struct dr_reload_request {
    struct dr_reload_request *next;
    struct dr_reactor_thread *thread; /* that asks */
    struct dr_call *call;             /* its own; not for the supervisor */
    uint64_t taken_ms;                /* by the supervisor */
    int64_t code;                     /* of the answer: 0, or DORA_CODE_RELOAD */
    bool is_pending;                  /* with code 0: still loading */
    dr_wish wish;
    int heir_pid; /* with code 0: that serves now */
    char *msg;    /* why it is refused; NULL otherwise */
} dr_reload_request;

/* dr_reload_queue is a list of requests that two threads share. */
typedef struct dr_reload_queue {
    pthread_mutex_t lock;
    dr_reload_request *first;
    dr_reload_request *last;
} dr_reload_queue;

void dr_reload_queue_init(dr_reload_queue *queue);
void dr_reload_queue_fini(dr_reload_queue *queue);

/* dr_control_command does what a request of type SC says: dr_control_handler of the server, which
 * is `user`. dr_control_answers answers the clients of a lane whose wish to reload the supervisor
 * has answered. Thread: the lane's. */
void dr_control_command(const dr_responder *responder, const dr_request *request, void *user);
void dr_control_answers(struct dr_reactor_thread *thread);

/* dr_control_take gives the oldest request that nobody has taken yet, NULL when there is none.
 * Thread: the supervisor's. */
dr_reload_request *dr_control_take(struct dr_server *server);

/* dr_control_answer answers a request: code 0 (done, or still loading where `is_pending`), or
 * DORA_CODE_RELOAD or DORA_CODE_STOPPING with `msg`, which is copied; NULL is the code's usual
 * text. Ownership: takes the request. Thread: the supervisor's. */
void dr_control_answer(dr_reload_request *request, int64_t code, bool is_pending, const char *msg);

#endif
