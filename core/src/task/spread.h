/* spread.h: choosing a worker where each runs several tasks at a time on an event loop. */
#ifndef DR_TASK_SPREAD_H
#define DR_TASK_SPREAD_H

#include "task/dispatch.h"

/* dr_spread is dr_assign where workers run several tasks at a time, dr_spread_room how many more
 * they could take now, and dr_spread_watch looks after one of them at each tick. */
bool dr_spread(dr_pool *pool, uint32_t task, dr_wakes *wakes);
uint32_t dr_spread_room(const dr_pool *pool);
void dr_spread_watch(dr_pool *pool, uint32_t slot);

/* dr_spread_least is the worker that holds the fewest tasks, of a canary or of all others; DR_NONE:
 * all are full. dr_spread_to gives it a task. */
uint32_t dr_spread_least(const dr_pool *pool, bool is_canary);
void dr_spread_to(dr_pool *pool, uint32_t slot, uint32_t task, dr_wakes *wakes);

#endif
