/* damage.h: noticing that a worker has written where it should not. */
#ifndef DR_TASK_DAMAGE_H
#define DR_TASK_DAMAGE_H

#include "task/dispatch.h"

/* dr_dispatch_is_damaged looks whether the region can be as it is; `*seen` is what cannot. Thread:
 * the supervisor's. */
bool dr_dispatch_is_damaged(dr_pool *pool, dr_damage *seen);

/* dr_damage_look looks through the region now and then, dr_damage_note keeps the first thing that
 * was seen; `whose` is "worker" or "task", or NULL. Returns: whether something new was seen. The
 * lock is held. */
bool dr_damage_look(dr_pool *pool, uint64_t now_ns);
void dr_damage_note(dr_pool *pool, const char *whose, uint32_t number, const char *what);

#endif
