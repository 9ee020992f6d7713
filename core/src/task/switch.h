/* switch.h: one generation of workers takes over from another, in one moment under the lock. */
#ifndef DR_TASK_SWITCH_H
#define DR_TASK_SWITCH_H

#include "task/dispatch.h"

/* dr_move is what became of one api. */
typedef struct dr_move {
    uint32_t to; /* its number in the new application; DR_NONE: it is gone */
    uint32_t own_limit_ms;
} dr_move;

/* dr_dispatch_switch lets a crew's held workers take all tasks from now on, and retires all others,
 * in one moment: a task that is submitted afterwards never meets an old worker. `moves` has what
 * became of each api of the old application, and last of its fallback: what is known of their costs
 * goes with them, and what no worker has begun has the new time limits. Thread: the supervisor's.
 */
void dr_dispatch_switch(dr_pool *pool, uint32_t crew, const dr_move *moves, uint32_t count);

#endif
