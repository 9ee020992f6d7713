/* reactor_thread.h: a lane's thread: what its reactor asks of the pools, and how it ends. Thread:
 * the supervisor's. */
#ifndef DR_SERVER_REACTOR_THREAD_H
#define DR_SERVER_REACTOR_THREAD_H

#include <pthread.h>

#include "server/call/lane.h"
#include "server/master/control.h"

struct dr_server;

typedef struct dr_reactor_thread {
    struct dr_server *server;
    dr_lane *lane;
    pthread_t thread;
    bool is_running;
    bool is_draining;
    bool is_moving; /* to an heir; `drain` runs for it */
    uv_timer_t drain;
    uint64_t moves_ms;            /* since when connections move; 0: they do not */
    uint64_t drained_ms;          /* when the last call was answered; 0: not yet */
    dr_reload_queue answered;     /* by the supervisor */
    _Atomic uint32_t pulse;       /* of the service's watchdog that it has answered last */
    _Atomic uint32_t routes_seen; /* the number of the newest table that it knows of */
} dr_reactor_thread;

/* dr_reactor_thread_init makes the reactor of lane `index`, and its events; dr_reactor_thread_start
 * its thread; dr_reactor_thread_join waits for its end. */
dora_err dr_reactor_thread_init(struct dr_server *server, uint32_t index, dora_error *error);
dora_err dr_reactor_thread_start(dr_reactor_thread *thread, dora_error *error);
void dr_reactor_thread_join(dr_reactor_thread *thread);
void dr_reactor_thread_fini(dr_reactor_thread *thread);

/* dr_reactor_thread_listen_http serves a listening socket over HTTP. Ownership: takes the
 * descriptor. */
dora_err dr_reactor_thread_listen_http(dr_reactor_thread *thread, int listen_fd, dora_error *error);

/* dr_reactor_threads_ask wakes all that run, for their on_ask. Thread: any. */
void dr_reactor_threads_ask(struct dr_server *server);

#endif
