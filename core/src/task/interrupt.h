/* interrupt.h: a task that should end before it has: at its time limit, cancelled, or since the
 * server stops. Its worker is asked first, and killed where that has not ended it in time.
 *
 * The master writes into the shared task why it should end, with the task's generation, so that
 * what comes late means nothing to the next task; and sends the worker a signal. The caller is
 * answered soon, whatever the handler still does; but where the server stops, with its end. */
#ifndef DR_TASK_INTERRUPT_H
#define DR_TASK_INTERRUPT_H

#include <dora/error.h>
#include <dora/handler.h>

#include "task/dispatch.h"
#include "task/job.h"

/* dr_interrupt is why. The numbers are those of dora_interrupt, which handlers see. */
typedef enum dr_interrupt {
    DR_INTERRUPT_NONE = DORA_INTERRUPT_NONE,
    DR_INTERRUPT_TIME_LIMIT = DORA_INTERRUPT_TIME_LIMIT,
    DR_INTERRUPT_CANCELLED = DORA_INTERRUPT_CANCELLED,
    DR_INTERRUPT_STOP = DORA_INTERRUPT_STOP
} dr_interrupt;

/* ---- the master ---- */

/* dr_interrupt_task asks what runs a task to end it. Its outcome comes as ever, once: the worker's
 * word, or before that the master's, and has dr_interrupt_code. Returns: false where no worker has
 * begun it (dr_dispatch_cancel drops such a one), where it has ended, and where it was asked
 * already; of a pool that asks nothing (kill_after_ms 0) only at a time limit. Takes the lock.
 * Thread: any. */
bool dr_interrupt_task(dr_pool *pool, uint32_t task, dr_interrupt why);

/* dr_interrupt_all asks so all that run, since the server stops; what waits is refused from now on.
 * Takes the lock. Returns: how many. */
uint32_t dr_interrupt_all(dr_pool *pool);

/* dr_interrupt_code is what such a task ends with: 100201 or 100211. */
static inline int64_t dr_interrupt_code(dr_interrupt why)
{
    return why == DR_INTERRUPT_TIME_LIMIT ? DORA_CODE_TIME_LIMIT : DORA_CODE_CANCELLED;
}

/* For the files of this step only, the lock is held. dr_interrupt_ask is dr_interrupt_task.
 * dr_interrupt_watch looks, tick by tick, what has become of those that a worker was asked for:
 * asks again, has the caller answered, kills the worker. dr_interrupt_ended counts off one that
 * ends, or whose worker has died. dr_interrupt_due takes the next that its reactor is to answer
 * while it runs on; `*outcome` is what to say, its message is to be freed. Returns: false: none. */
bool dr_interrupt_ask(dr_pool *pool, uint32_t task, dr_interrupt why, uint64_t now_ns);
void dr_interrupt_watch(dr_pool *pool, uint32_t slot, uint64_t now_ns);
void dr_interrupt_ended(dr_pool *pool, uint32_t task);
bool dr_interrupt_due(dr_pool *pool, uint32_t reactor, uint64_t now_ns, dr_outcome *outcome);

/* dr_interrupt_said writes what the caller of such a task is told. Returns: the length.
 * dr_interrupt_stack copies what a worker has said of where it was since it was asked, as printable
 * lines. Returns: its length; 0: it has said nothing. */
size_t dr_interrupt_said(const dr_pool *pool, uint32_t task, char *text, size_t size);
size_t dr_interrupt_stack(const dr_pool *pool, uint32_t slot, char *text, size_t size);

/* ---- the worker ---- */

/* dr_job_interrupt says why a job should end. Costs the worker one look at memory that it has at
 * hand. Thread: any of the worker's, also in a signal handler. */
static inline dr_interrupt dr_job_interrupt(const dr_job *job)
{
    const uint64_t word = atomic_load_explicit(&job->shared->interrupt, memory_order_acquire);
    const uint32_t why = (uint32_t)word;
    return (word >> 32) == job->generation && why <= DR_INTERRUPT_STOP ? (dr_interrupt)why
                                                                       : DR_INTERRUPT_NONE;
}

#endif
