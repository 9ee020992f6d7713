/* room.h: when a pool that has refused a task is likely to have room again. */
#ifndef DR_TASK_ROOM_H
#define DR_TASK_ROOM_H

#include "task/pool.h"

/* dr_room_ms estimates in how many milliseconds half of what waits will have begun:
 *
 *   (tasks that no worker has begun + 1) * what one takes / tasks that run at a time / 2
 *
 * What one takes is the mean of what the apis of the first DR_RETRY_TASKS_LOOKED that wait were
 * seen to take; of an api that has never ended, how long its task has waited. Half, so that those
 * who were refused come while there is still something to do. Where no worker starts, it is
 * DR_RETRY_AFTER_MS_USUAL. Returns: DR_RETRY_AFTER_MS_MIN to DR_RETRY_AFTER_MS_MAX. Thread: any; it
 * takes the pool's lock. */
uint32_t dr_room_ms(dr_pool *pool, uint64_t now_ns);

#endif
