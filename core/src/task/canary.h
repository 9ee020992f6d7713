/* canary.h: a new generation that gets a part of the calls, beside the one that serves, until what
 * is seen of both has been compared.
 *
 * Its workers are in the same pool, but not in its chain of idle ones. A call is chosen as it
 * comes, so all others never meet the new generation; of a chosen one each task goes to a new
 * worker that is free, else where all others go: nothing waits for the new generation that the old
 * one can run. Only apis that the new one alone has wait for it, in a queue of their own. Callers
 * of what is not marked otherwise hold the pool's lock. */
#ifndef DR_TASK_CANARY_H
#define DR_TASK_CANARY_H

#include "base/limits.h"
#include "task/queue.h"
#include "task/worse.h"

struct dr_pool;
struct dr_wakes;

/* dr_canary_api is an api, by its number in the routes that are in force meanwhile. */
typedef struct dr_canary_api {
    uint32_t to; /* its number in the new generation; DR_NONE: that does not have it */
    uint32_t own_limit_ms;
    uint32_t old_limit_ms; /* in the old one */
    bool is_new;           /* the old one does not have it */
} dr_canary_api;

typedef enum dr_canary_side { DR_CANARY_OLD = 0, DR_CANARY_NEW, DR_CANARY_SIDES } dr_canary_side;

/* dr_canary_turns says whose turn it is: one call in each block, at a place in it that nobody can
 * foresee, since calls that come in a rhythm are not to choose their generation. */
typedef struct dr_canary_turns {
    uint32_t percent;
    uint32_t carried; /* of the last blocks, in hundredths of a call */
    uint32_t left;    /* calls of this block */
    uint32_t chosen;  /* the one after which so many are left */
    uint32_t random;
    bool is_due; /* a chosen call found no worker: the next one is it */
} dr_canary_turns;

typedef struct dr_canary {
    uint32_t crew;    /* the new one; 0: there is none, and nothing of what follows counts */
    dr_queue queue;   /* what only it can run */
    uint32_t serving; /* the old one */
    uint32_t api_count;
    dr_canary_api *apis;
    dr_canary_turns turns;
    uint64_t look_ns[DR_REACTORS_MAX]; /* when each reactor looks through that again */
    dr_seen seen[DR_CANARY_SIDES];
} dr_canary;

/* dr_canary_begin lets the held workers of `crew` take `percent` of the calls, 1 to 50, beside
 * those of `serving`. Errors: DORA_ENOMEM: nothing has changed. Ownership: takes `apis`, which has
 * one entry an api of the routes and last one of the fallback, also on failure. dr_canary_end ends
 * that: its workers finish what they run and leave. Thread: the supervisor's; they take the lock
 * themselves. */
dora_err dr_canary_begin(struct dr_pool *pool, uint32_t crew, uint32_t serving, uint32_t percent,
                         dr_canary_api *apis, uint32_t api_count);
void dr_canary_end(struct dr_pool *pool);

/* dr_canary_look copies what was seen of both, old and new. Returns: false where there is no new
 * one, and nothing is seen. Thread: any; takes the lock itself. */
bool dr_canary_look(struct dr_pool *pool, dr_seen seen[DR_CANARY_SIDES]);

/* For the files of this step only, as what follows. dr_canary_chooses: a call has come; is it one
 * for the new generation? dr_canary_enter gives a task of it, or of an api that is new, to a new
 * worker, or has it wait for one. Returns: false where it goes with all others. dr_canary_assign
 * hands over from the queue. */
bool dr_canary_chooses(struct dr_pool *pool);
bool dr_canary_enter(struct dr_pool *pool, uint32_t task, bool is_chosen, struct dr_wakes *wakes);
void dr_canary_assign(struct dr_pool *pool, struct dr_wakes *wakes, uint64_t now_ns);

/* dr_canary_give_back makes a task that a new worker had not begun one for all. */
void dr_canary_give_back(struct dr_pool *pool, uint32_t task);

/* dr_canary_count counts a task that has ended, dr_canary_count_death a worker. */
void dr_canary_count(struct dr_pool *pool, uint32_t task, int64_t code, uint64_t run_ns);
void dr_canary_count_death(struct dr_pool *pool, uint32_t slot);

/* dr_canary_join makes the new workers ordinary ones, dr_canary_empty puts what waits for them into
 * the queue of all and frees what belongs to the comparison. */
void dr_canary_join(struct dr_pool *pool);
void dr_canary_empty(struct dr_pool *pool);

#endif
