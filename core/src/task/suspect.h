/* suspect.h: a pool's calls that have ended workers, from their tasks' deaths to their refusal.
 *
 * An api is suspect (dr_api_cost.is_suspect) while any call of it is known (poison.h): only then
 * are the calls that come for it looked at, so that all others pay one branch. */
#ifndef DR_TASK_SUSPECT_H
#define DR_TASK_SUSPECT_H

#include "task/dispatch.h"

/* dr_blame is what a task is blamed for that a worker ran when it ended. */
typedef struct dr_blame {
    bool is_known; /* false: it can be blamed for nothing */
    dr_poison_id id;
    char name[DR_API_NAME_MAX];
} dr_blame;

/* dr_suspect_blame tells of a task that its worker has begun. Known is one that ran alone there,
 * and is what was handed over. The lock is held. */
void dr_suspect_blame(const dr_pool *pool, uint32_t task, dr_blame *blame);

/* dr_suspect_note: a task has ended its worker, by its own act, as `ended` says. The lock is held.
 * Returns: whether its call is refused from now on, which the supervisor has to be told. */
bool dr_suspect_note(dr_pool *pool, const dr_blame *blame, const char *ended, uint64_t now_ns);

/* dr_suspect_clear: a task of an api that is suspect has ended, and its worker lives. The lock is
 * held. */
void dr_suspect_clear(dr_pool *pool, uint32_t task, uint64_t now_ns);

/* dr_suspect_is_refused says whether a call is, whose api is suspect; it counts those that are.
 * The lock is held, and given back while the digest is taken: it may be of many bytes.
 * dr_suspect_waits_in_vain is that of a task that waits; the lock stays. */
bool dr_suspect_is_refused(dr_pool *pool, const dr_task_input *input);
bool dr_suspect_waits_in_vain(dr_pool *pool, uint32_t task, uint64_t now_ns);

/* dr_suspect_forget forgets the calls of an api by its name, of all where `name` is empty, as they
 * were asked for; each is given to `fn` first, which may be NULL. Takes the lock. Returns: how
 * many. dr_suspect_forget_all is that of all; the lock is held. */
typedef void (*dr_suspect_fn)(const dr_poison_call *call, void *user);
uint32_t dr_suspect_forget(dr_pool *pool, dora_slice name, dr_suspect_fn fn, void *user);
void dr_suspect_forget_all(dr_pool *pool);

/* dr_suspect_sweep forgets those whose time is over. dr_suspect_unsaid gives a copy of one that is
 * refused and was not told of yet. Returns: false when there is none. dr_suspect_each gives copies
 * of those that are refused. All take the lock; `calls` has DR_POISON_CALLS_MAX. */
void dr_suspect_sweep(dr_pool *pool, uint64_t now_ns);
bool dr_suspect_unsaid(dr_pool *pool, dr_poison_call *call);
uint32_t dr_suspect_each(dr_pool *pool, dr_poison_call *calls);

#endif
