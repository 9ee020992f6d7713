/* worker.h: a task worker: one task after the other (worker.c), or several at a time on an event
 * loop (loop.c). */
#ifndef DR_TASK_WORKER_H
#define DR_TASK_WORKER_H

#include "ipc/region.h"
#include "task/app.h"
#include "task/develop.h"
#include "task/grown.h"
#include "task/growth.h"

/* dr_worker is what the public interface calls a dora_worker. */
typedef struct dora_worker {
    const dora_runtime *runtime;
    const dora_app *app;
    dr_region *region;
    uint32_t slot;
    uint32_t reply_bytes_max;
    const int *event_fds;      /* one for each reactor */
    _Atomic uint64_t requests; /* taken so far; handlers' threads may read it */
    dr_growth growth;          /* looked at where the master asks for it */
    bool names_growth;         /* it looks in whose calls it grows, */
    dr_grown grown;            /*   where it runs one after the other */
    bool is_forked;            /* by the application, from a worker: it is none, and ends */
    dr_develop *develop;       /* NULL, but for who writes the application */
    uint32_t kill_after_ms;    /* of the pool */
    uint32_t stack_of;         /* at so many interrupts it has said last where it was */
    const dora_task *job;      /* whose handler runs, where that is one at a time */
    bool has_big;              /* a task of this worker writes in its big area */
    /* Of one with an event loop. */
    bool has_loop;
    bool is_told;           /* the loop knows that it should stop */
    bool is_leaving;        /* it takes no more */
    int loop_fd;            /* by which the master wakes it */
    uint32_t concurrency;   /* tasks at a time */
    uint32_t threads;       /* for plain functions beside the loop */
    uint32_t running;       /* not yet published */
    uint32_t time_limit_ms; /* 0: none */
    uint32_t accepted_limit_ms;
    bool has_memory_limit;    /* errno is to be the task's own (memory_limit.h) */
    uint32_t interrupts_seen; /* by the loop */
    dora_task *free_jobs;
    dora_task *settled_first; /* they wait for the big area, in their order */
    dora_task *settled_last;
    dora_task *stalled; /* they wait for room in their streams */
} dr_worker;

/* dr_worker_run takes tasks until it is told to stop or the runtime says DORA_EEXIT; of a worker
 * with a loop it is the runtime's loop. It does not depend on the master being alive to end: the
 * zygote sets the stop flag. */
void dr_worker_run(dr_worker *worker);

/* For the files of this step only. The area for a reply that outgrew its block.
 * dr_worker_is_big_free looks, dr_worker_wait_for_big sleeps until it is free, dr_worker_set_big
 * says DR_BIG_...; once it is FULL, the master frees it. */
bool dr_worker_is_big_free(const dr_worker *worker);
void dr_worker_wait_for_big(dr_worker *worker);
void dr_worker_set_big(dr_worker *worker, uint32_t state);

/* dr_worker_wait_for_room sleeps until a job's stream may have room, or be over, or the job is to
 * end. */
void dr_worker_wait_for_room(dr_worker *worker, const dora_task *job);

/* dr_worker_count counts one more request, and looks now and then whether the worker has grown. */
void dr_worker_count(dr_worker *worker);

#endif
