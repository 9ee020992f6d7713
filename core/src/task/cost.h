/* cost.h: what the tasks of an api take at their quickest, and which therefore cannot end in their
 * callers' time. Learned and asked only while tasks wait. Callers hold the pool's lock. */
#ifndef DR_TASK_COST_H
#define DR_TASK_COST_H

#include "task/pool.h"

/* dr_cost_learn_fast takes the run time of a task into what is known of the quick ones: the tenth
 * percentile, which moves by an eighth at most, so that one sample says little. */
void dr_cost_learn_fast(dr_api_cost *cost, uint64_t run_ns, uint64_t now_ns);

/* dr_cost_fast_ns is what a quick task takes. It halves each second without a sample, so that no
 * api stays closed by what once was. Returns: 0 where nothing is known. */
uint64_t dr_cost_fast_ns(const dr_api_cost *cost, uint64_t now_ns);

/* dr_cost_is_hopeless says whether a task that began now would end too late, even if it were a
 * quick one. `deadline_ns` 0: never. */
bool dr_cost_is_hopeless(const dr_pool *pool, uint32_t api, uint64_t deadline_ns, uint64_t now_ns);

#endif
