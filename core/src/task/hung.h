/* hung.h: pools and workers that make no progress. All functions take the pool's lock themselves.
 */
#ifndef DR_TASK_HUNG_H
#define DR_TASK_HUNG_H

#include "task/dispatch.h"

#define DR_BUSY_TOLD_MAX 8u /* tasks in one line of the log */

/* dr_busy is a pool all of whose workers have been busy with the same tasks for DR_BUSY_SAID_MS. */
typedef struct dr_busy {
    uint32_t workers;
    uint32_t waiting; /* tasks */
    uint32_t count;   /* of `told`; there may be more */
    dr_task_seen told[DR_BUSY_TOLD_MAX];
} dr_busy;

/* dr_pool_is_busy says whether it is so at `now_ns`. Thread: any. */
bool dr_pool_is_busy(dr_pool *pool, uint64_t now_ns, dr_busy *busy);

/* dr_pool_is_hung says whether tasks wait and none has ended for the pool's hung_ms. `*waiting` is
 * how many. A worker at a task that has no limit by its api's word hangs in nothing. Thread: any.
 */
bool dr_pool_is_hung(dr_pool *pool, uint64_t now_ns, uint32_t *waiting);

/* dr_pool_end_silent ends a worker that has answered and does not take the next task within the
 * time limit: what runs after a reply (shutdown functions, destructors, what an application does
 * between two tasks) has the limit of a task. To be called about once a second. Returns: the
 * process; 0: none. `*own_limit_ms` is the limit where it is an api's own, 0: it is the pool's.
 * Thread: the supervisor's. */
int dr_pool_end_silent(dr_pool *pool, uint64_t now_ns, uint32_t *own_limit_ms);

#endif
