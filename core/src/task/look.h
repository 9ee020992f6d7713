/* look.h: what a pool's tasks are doing, for people. */
#ifndef DR_TASK_LOOK_H
#define DR_TASK_LOOK_H

#include "task/dispatch.h"

/* look.c, the lock is held: dr_task_name gives a task's name as dr_printable has it, cut where that
 * is longer than a name, dr_task_start_ns when it began, dr_task_since_ns from when its time limit
 * counts; dr_task_is says whether a worker's task is in a state (DR_TASK_...). */
size_t dr_task_name(const dr_pool *pool, uint32_t task, char name[DR_API_NAME_MAX]);
uint64_t dr_task_start_ns(const dr_pool *pool, uint32_t task);
uint64_t dr_task_since_ns(const dr_pool *pool, const dr_slot *slot, uint32_t task);
bool dr_task_is(const dr_pool *pool, uint32_t task, uint32_t state);

/* dr_running_text says what a slot's worker runs, as "/api (guid ...), ...": "" where it is
 * nothing; of many, the first. Takes the lock. Returns: `text`. */
const char *dr_running_text(dr_pool *pool, uint32_t slot, char *text, size_t size);

/* dr_dispatch_each tells `fn` of every task that workers run, then of those that wait. `fn` is
 * called under the lock: it must be quick. */
void dr_dispatch_each(dr_pool *pool, dr_task_seen_fn fn, void *user);

#endif
