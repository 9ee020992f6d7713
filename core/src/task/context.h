/* context.h: what a zygote or a worker knows of its server. dora_log and dora_server_info_get are
 * called without an argument: this is the one thing that they find by themselves. */
#ifndef DR_TASK_CONTEXT_H
#define DR_TASK_CONTEXT_H

#include <pthread.h>
#include <stdatomic.h>

#include "ipc/region.h"

typedef struct dr_context {
    int log_fd;
    uint32_t log_level;
    const char *pool;
    _Atomic uint64_t dropped;          /* records, not yet told */
    const dr_status_page *status_page; /* NULL in a zygote */
    int pid;                           /* of the worker: what it forks is none */
    uint32_t number;
    const _Atomic uint64_t *requests;   /* that the worker has taken */
    const struct dora_task *const *job; /* that it runs now, where that is one at a time */
    pthread_t thread;                   /* which runs it */
} dr_context;

/* dr_context_set says what handlers find; NULL: nothing. Ownership: borrowed until it is set again.
 * Thread: the process's only one, before the application runs. */
void dr_context_set(dr_context *context);

/* dr_context_enter makes a zygote's context that of a worker it forked. Ownership: borrows `board`,
 * `requests` and `job` for the process's life. Thread: that which runs jobs. */
void dr_context_enter(dr_context *context, const dr_status_page *board, uint32_t number,
                      const _Atomic uint64_t *requests, const struct dora_task *const *job);

#endif
