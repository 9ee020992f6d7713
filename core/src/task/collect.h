/* collect.h: finished tasks back to the reactor that owns their connection, and the answers for
 * workers that died. */
#ifndef DR_TASK_COLLECT_H
#define DR_TASK_COLLECT_H

#include "task/dispatch.h"

/* dr_dispatch_collect gives every finished task of a reactor, and each whose worker died, to `fn`;
 * it hands waiting tasks to the workers that became free. Returns: how many. Thread: that reactor.
 */
size_t dr_dispatch_collect(dr_pool *pool, uint32_t reactor, dr_outcome_fn fn, void *user);

/* dr_dispatch_has_ready says, without the lock, whether collect would find something. */
bool dr_dispatch_has_ready(dr_pool *pool, uint32_t reactor);

/* dr_is_done says whether a worker has finished a task that it still holds, dr_is_intact whether
 * the region says of its request what was written there. The lock is held. */
bool dr_is_done(dr_pool *pool, uint32_t task);
bool dr_is_intact(const dr_pool *pool, uint32_t task);

/* dr_code_of_dead is what a task is answered with whose worker died while it ran. The lock is held.
 */
int64_t dr_code_of_dead(const dr_pool *pool, const dr_slot *slot, uint32_t task);

#endif
