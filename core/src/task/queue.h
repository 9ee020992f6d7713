/* queue.h: the tasks of a pool that wait for a worker. Priorities share what is taken, and within
 * one callers take turns, a call each: whoever has much wait waits behind itself. Callers of these
 * functions hold the pool's lock. */
#ifndef DR_TASK_QUEUE_H
#define DR_TASK_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include <dora/priority.h>

#include "base/priority.h"
#include "task/chain.h"

struct dr_pool;

/* dr_turn is one caller that has something of one priority wait. */
typedef struct dr_turn {
    uint64_t key;   /* that tells the caller from others */
    uint32_t class; /* number of its dr_queue_class */
    dr_chain tasks; /* in the order in which they came */
    uint32_t next;  /* in the circle of those that take turns; of the free ones */
    uint32_t prev;
    uint32_t next_alike; /* whose callers have the same place in the table */
} dr_turn;

/* dr_queue_class is what waits of one priority. Of several the one is taken from that would have
 * had the least for its share with one call more: where all have something wait, of 21 calls 16 are
 * of high priority, 4 of normal and 1 of low. */
typedef struct dr_queue_class {
    uint32_t count;
    uint32_t turn; /* whose it is; DR_NONE: nothing waits */
    uint64_t had;  /* calls, each by what it is of the share: more the lower the priority */
} dr_queue_class;

typedef struct dr_queue {
    uint32_t count;
    dr_chain all; /* in the order in which they came: to look at, not to take from */
    dr_queue_class classes[DR_PRIORITIES]; /* the lowest priority first */
    uint32_t going;     /* class of the call that is being taken; DR_NONE: its last task is */
    uint64_t level;     /* what the class had that was taken from last: who comes has no less */
    uint32_t was_going; /* before the last take */
    dr_turn *turns;     /* as many as there are records */
    uint32_t used;      /* of them, at any time so far: memory that was never used costs nothing */
    uint32_t free;      /* first of those that were used and are not */
    uint32_t *table;    /* of callers: number of a turn and one; 0: none */
    uint32_t mask;
    uint64_t mixer;     /* odd, and nobody else's to know: callers cannot choose to be alike */
    uint64_t expiry_ns; /* nothing that waits has an earlier deadline; UINT64_MAX: none has one */
} dr_queue;

/* dr_queue_init makes room for `tasks`. Errors: DORA_ENOMEM. dr_queue_fini frees it; zeroed memory
 * is fine. */
dora_err dr_queue_init(dr_queue *queue, uint32_t tasks);
void dr_queue_fini(dr_queue *queue);

/* dr_queue_add puts a record last among its caller's of its priority, dr_queue_add_first first: it
 * is the next of that priority. */
void dr_queue_add(struct dr_pool *pool, uint32_t task);
void dr_queue_add_first(struct dr_pool *pool, uint32_t task);

/* dr_queue_take takes the next: of the priority that is due, and of the caller whose turn it is
 * there, the call that came first, or, where that has waited too long to be of much use
 * (newest_first_ms), the one that came last. The turn is over with the call's last task. Accepted
 * work of a priority is taken in its order. Returns: DR_NONE when nothing waits. dr_queue_take_of
 * takes from one of the pool's two, the other being a canary's. */
uint32_t dr_queue_take(struct dr_pool *pool, uint64_t now_ns);
uint32_t dr_queue_take_of(struct dr_pool *pool, dr_queue *queue, uint64_t now_ns);

/* dr_queue_forgo says that what was taken is not run after all: its priority has not had it. */
void dr_queue_forgo(struct dr_pool *pool, uint32_t task);

/* dr_queue_put_back undoes the last dr_queue_take: it is the next, where it was, so that what else
 * there is of its call goes with it. */
void dr_queue_put_back(struct dr_pool *pool, uint32_t task);

/* dr_queue_remove takes a record out, whose ever turn it is. */
void dr_queue_remove(struct dr_pool *pool, uint32_t task);

/* dr_queue_is_before says whether anything waits that would be taken before a call of a priority
 * that comes now, or is alike: what is of a lower one makes it wait for a few calls at most. */
bool dr_queue_is_before(const dr_queue *queue, uint8_t priority);

#endif
