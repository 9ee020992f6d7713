/* watch.h: workers that start, stall, overrun, leave or die. */
#ifndef DR_TASK_WATCH_H
#define DR_TASK_WATCH_H

#include "task/dispatch.h"

/* dr_dispatch_tick takes queued tasks back from workers that stall and kills those past their time
 * limit. Returns: ms until it should be called again; 0: no task is in flight. */
uint32_t dr_dispatch_tick(dr_pool *pool, uint64_t now_ns);

/* dr_dispatch_worker_ready, _hold, _retire and _died are the supervisor's news of a worker. Ready:
 * it takes tasks. Hold: it is ready, and gets tasks with dr_dispatch_switch. Retire: it gets no
 * more and leaves. Died: unstarted tasks go to others at once; each reactor then has to collect
 * (wake them all), and answers for what ran. */
void dr_dispatch_worker_ready(dr_pool *pool, uint32_t slot);
void dr_dispatch_worker_hold(dr_pool *pool, uint32_t slot);
void dr_dispatch_worker_retire(dr_pool *pool, uint32_t slot);
void dr_dispatch_worker_died(dr_pool *pool, uint32_t slot);

/* dr_dispatch_worker_missing is that of one that was never forked: it counts as no restart. */
void dr_dispatch_worker_missing(dr_pool *pool, uint32_t slot);

/* dr_dispatch_end ends all workers at once, since the server does not wait any longer: what they
 * run is answered as for any death, what none has begun with DORA_CODE_STOPPING. Thread: the
 * supervisor's. */
void dr_dispatch_end(dr_pool *pool);

/* dr_dispatch_reactor_gone: a reactor has ended; nothing waits for it any more. */
void dr_dispatch_reactor_gone(dr_pool *pool, uint32_t reactor);

/* dr_task_take_back takes a handed task from its worker. Returns: false where that has begun it, as
 * one has that was asked to end, whatever its worker says now. */
bool dr_task_take_back(dr_pool *pool, uint32_t task);

/* dr_enlist gives a worker that is ready its place; dr_retire takes it away. dr_requeue_unstarted
 * takes back what a worker has not started; to the queue's front. dr_relieve does so with one that
 * makes no progress. dr_bury takes a worker that has ended off the books; its reactors have yet to
 * settle it. */
void dr_enlist(dr_pool *pool, uint32_t slot);
void dr_retire(dr_pool *pool, uint32_t slot);
uint32_t dr_requeue_unstarted(dr_pool *pool, uint32_t slot);
void dr_relieve(dr_pool *pool, uint32_t slot);
void dr_bury(dr_pool *pool, uint32_t slot, dr_restart why);

#endif
