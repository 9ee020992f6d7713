/* queue.h: the tasks of a pool that wait for a worker. Callers take turns, a call each: whoever has
 * much wait waits behind itself. Callers of these functions hold the pool's lock. */
#ifndef DR_TASK_QUEUE_H
#define DR_TASK_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include <dora/error.h>

#include "task/chain.h"

struct dr_pool;

/* dr_turn is one caller that has something wait. */
typedef struct dr_turn {
    uint64_t key;   /* that tells the caller from others */
    dr_chain tasks; /* in the order in which they came */
    uint32_t next;  /* in the circle of those that take turns; of the free ones */
    uint32_t prev;
    uint32_t next_alike; /* whose callers have the same place in the table */
} dr_turn;

typedef struct dr_queue {
    uint32_t count;
    dr_chain all;    /* in the order in which they came: to look at, not to take from */
    uint32_t turn;   /* whose it is; DR_NONE: nothing waits */
    dr_turn *turns;  /* as many as there are records */
    uint32_t used;   /* of them, at any time so far: memory that was never used costs nothing */
    uint32_t free;   /* first of those that were used and are not */
    uint32_t *table; /* of callers: number of a turn and one; 0: none */
    uint32_t mask;
    uint64_t mixer;     /* odd, and nobody else's to know: callers cannot choose to be alike */
    uint64_t expiry_ns; /* nothing that waits has an earlier deadline; UINT64_MAX: none has one */
} dr_queue;

/* dr_queue_init makes room for `tasks`. Errors: DORA_ENOMEM. dr_queue_fini frees it; zeroed memory
 * is fine. */
dora_err dr_queue_init(dr_queue *queue, uint32_t tasks);
void dr_queue_fini(dr_queue *queue);

/* dr_queue_add puts a record last among its caller's, dr_queue_add_first first: it is the next. */
void dr_queue_add(struct dr_pool *pool, uint32_t task);
void dr_queue_add_first(struct dr_pool *pool, uint32_t task);

/* dr_queue_take takes the next: of the caller whose turn it is, the call that came first, or, where
 * that has waited too long to be of much use (newest_first_ms), the one that came last. The turn is
 * over with the call's last task. Accepted work is taken in its order. Returns: DR_NONE when
 * nothing waits. */
uint32_t dr_queue_take(struct dr_pool *pool, uint64_t now_ns);

/* dr_queue_put_back undoes the last dr_queue_take: it is the next, where it was, so that what else
 * there is of its call goes with it. */
void dr_queue_put_back(struct dr_pool *pool, uint32_t task);

/* dr_queue_remove takes a record out, whose ever turn it is. */
void dr_queue_remove(struct dr_pool *pool, uint32_t task);

#endif
