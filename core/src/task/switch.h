/* switch.h: one generation of workers takes over from another, in one moment under the lock. */
#ifndef DR_TASK_SWITCH_H
#define DR_TASK_SWITCH_H

#include "task/dispatch.h"

/* dr_dispatch_switch lets a crew's held workers take all tasks from now on, and retires all others,
 * in one moment: a task that is submitted afterwards never meets an old worker. `apis` gives for
 * each api of the old application, and last for its fallback, the number in the new one, DR_NONE:
 * it is gone; what is known of their costs goes with them. Thread: the supervisor's. */
void dr_dispatch_switch(dr_pool *pool, uint32_t crew, const uint32_t *apis, uint32_t api_count);

#endif
