/* dispatch.h: tasks from reactors to workers and back. Design and reasons: core/README.md,
 * "Hand-over". All functions take the pool's lock themselves. */
#ifndef DR_TASK_DISPATCH_H
#define DR_TASK_DISPATCH_H

#include "task/pool.h"

/* dr_task_input is one task to run. Slices are copied into shared memory. */
typedef struct dr_task_input {
    dora_slice name;
    dora_slice param;
    dora_slice trace;
    const char *guid;
    uint16_t type;
    uint16_t protocol; /* DR_PROTOCOL_... */
    bool is_whole;     /* `param` is the whole api */
    uint32_t connection;
    uint32_t api;
    uint32_t reactor;
    uint64_t submitted_ns; /* when it came */
    uint64_t deadline_ns;  /* 0: none */
    void *owner;
    uint32_t part;
} dr_task_input;

/* dr_outcome is what became of one task. Slices point into shared memory. */
typedef struct dr_outcome {
    void *owner;
    uint32_t part;
    uint32_t task;
    int64_t code; /* 0, the handler's, or a DORA_CODE */
    dora_slice msg;
    dora_slice data;
    bool is_big;       /* slices are valid during the callback only */
    bool is_timed;     /* a worker has run it; the next two count */
    uint64_t queue_ns; /* from its coming to its start */
    uint64_t run_ns;
    uint32_t slot;
} dr_outcome;

/* dr_outcome_fn takes one outcome. Returns: true to keep the block (unless is_big) until
 * dr_dispatch_release. */
typedef bool (*dr_outcome_fn)(const dr_outcome *outcome, void *user);

/* dr_dispatch_reserve admits a task: it has its place, and no worker sees it before
 * dr_dispatch_commit, which cannot fail; dr_dispatch_unreserve gives the place back. Every reserved
 * task must get one of the two; each takes one task or more of a reactor. A worker that sleeps is
 * woken once what it was handed is worth a wake-up, at the latest by dr_dispatch_collect, so the
 * end of a turn must call that. Returns: 0 and `*task`, or the reply code it is refused with; then
 * nothing was kept. Thread: the reactor `input->reactor`. */
int64_t dr_dispatch_reserve(dr_pool *pool, const dr_task_input *input, uint32_t *task);
void dr_dispatch_commit(dr_pool *pool, const uint32_t *tasks, uint32_t count);
void dr_dispatch_unreserve(dr_pool *pool, const uint32_t *tasks, uint32_t count);

/* dr_dispatch_collect gives every finished task of a reactor, and every one that died, to `fn`; it
 * hands waiting tasks to the workers that became free. Returns: how many. Thread: that reactor. */
size_t dr_dispatch_collect(dr_pool *pool, uint32_t reactor, dr_outcome_fn fn, void *user);

/* dr_dispatch_has_ready says, without the lock, whether collect would find something. */
bool dr_dispatch_has_ready(dr_pool *pool, uint32_t reactor);

/* dr_dispatch_release frees tasks whose blocks were kept. */
void dr_dispatch_release(dr_pool *pool, const uint32_t *tasks, uint32_t count);

/* dr_dispatch_cancel drops a task that no worker has started. Returns: false when one has; its
 * outcome then comes as ever. */
bool dr_dispatch_cancel(dr_pool *pool, uint32_t task);

/* dr_dispatch_has_begun says whether a worker has started a task whose outcome has not come. */
bool dr_dispatch_has_begun(dr_pool *pool, uint32_t task);

/* dr_dispatch_tick takes queued tasks back from workers that stall and kills those past their time
 * limit. Returns: ms until it should be called again; 0: no task is in flight. */
uint32_t dr_dispatch_tick(dr_pool *pool, uint64_t now_ns);

/* dr_dispatch_worker_ready, _hold, _retire and _died are the supervisor's news of a worker. Ready:
 * it takes tasks. Hold: it is ready, and gets tasks with dr_dispatch_switch. Retire: it gets no
 * more and leaves. Died: unstarted tasks go to others at once; each reactor then has to collect
 * (wake them all), and answers for what ran. */
void dr_dispatch_worker_ready(dr_pool *pool, uint32_t slot);
void dr_dispatch_worker_hold(dr_pool *pool, uint32_t slot);
void dr_dispatch_worker_retire(dr_pool *pool, uint32_t slot);
void dr_dispatch_worker_died(dr_pool *pool, uint32_t slot);

/* dr_dispatch_switch lets a crew's held workers take all tasks from now on, and retires all others,
 * in one moment: a task that is submitted afterwards never meets an old worker. `apis` gives for
 * each api of the old application, and last for its fallback, the number in the new one, DR_NONE:
 * it is gone; what is known of their costs goes with them. Thread: the supervisor's. */
void dr_dispatch_switch(dr_pool *pool, uint32_t crew, const uint32_t *apis, uint32_t api_count);

/* dr_dispatch_end ends all workers at once, since the server does not wait any longer: what they
 * run is answered as for any death, what none has begun with DORA_CODE_STOPPING. Thread: the
 * supervisor's. */
void dr_dispatch_end(dr_pool *pool);

/* dr_task_seen is one task that is not finished, at one moment. `name` is printable ASCII: a worker
 * could have written there. */
typedef struct dr_task_seen {
    const void *owner; /* of dr_task_input; there while the callback runs */
    uint32_t slot;     /* of the worker that has begun it */
    int pid;
    bool has_begun;
    uint64_t age_ns; /* since it began, or since it came */
    size_t name_len;
    char name[DR_API_NAME_MAX];
} dr_task_seen;

/* look.c, the lock is held: dr_task_name gives a task's name as dr_printable has it, cut where that
 * is longer than a name, dr_task_start_ns when it began, dr_task_since_ns from when its time limit
 * counts; dr_task_is says whether a worker's task is in a state (DR_TASK_...). */
size_t dr_task_name(const dr_pool *pool, uint32_t task, char name[DR_API_NAME_MAX]);
uint64_t dr_task_start_ns(const dr_pool *pool, uint32_t task);
uint64_t dr_task_since_ns(const dr_pool *pool, const dr_slot *slot, uint32_t task);
bool dr_task_is(const dr_pool *pool, uint32_t task, uint32_t state);

/* look.c: dr_running_text says what a slot's worker runs, as "/api (guid ...), ...": "" where it is
 * nothing; of many, the first. Takes the lock. Returns: `text`. */
const char *dr_running_text(dr_pool *pool, uint32_t slot, char *text, size_t size);

/* look.c: dr_dispatch_each tells `fn` of every task that workers run, then of those that wait. `fn`
 * is called under the lock: it must be quick. */
typedef void (*dr_task_seen_fn)(const dr_task_seen *task, void *user);
void dr_dispatch_each(dr_pool *pool, dr_task_seen_fn fn, void *user);

/* dr_dispatch_is_damaged looks whether the region can be as it is; `*seen` is what cannot.
 * dr_dispatch_renew puts another in its place, once all processes that know the old one were killed
 * or are killed by it: what a worker had is answered 100200, what none had 100203, and the workers
 * count as dead. The reactors then have to collect (wake them all). Errors: DORA_EIO, DORA_ENOMEM:
 * nothing has changed. Thread: the supervisor's. */
bool dr_dispatch_is_damaged(dr_pool *pool, dr_damage *seen);
dora_err dr_dispatch_renew(dr_pool *pool, dora_error *error);

/* dr_dispatch_reactor_gone: a reactor has ended; nothing waits for it any more. */
void dr_dispatch_reactor_gone(dr_pool *pool, uint32_t reactor);

/* For the files of this step only; the lock is held.
 * dr_place hands a task to the best worker. Returns: false when none can take it now.
 * dr_place_waiting hands over from the queue while workers can take. dr_hand_over gives a task to
 * this worker.
 * dr_spread is dr_place where workers run several tasks at a time, dr_spread_room how many more
 * they could take now, and dr_spread_watch looks after one of them at each tick.
 * dr_enlist gives a worker that is ready its place; dr_retire takes it away.
 * dr_is_done says whether a worker has finished a task that it still holds, dr_is_intact whether
 * the region says of its request what was written there.
 * dr_damage_look looks through the region now and then, dr_damage_note keeps the first thing that
 * was seen; `whose` is "worker" or "task", or NULL. Returns: whether something new was seen.
 * dr_bury takes a worker that has ended off the books; its reactors have yet to settle it.
 * dr_requeue_unstarted takes back what a worker has not started; to the queue's front.
 * dr_relieve does so with one that makes no progress. */
bool dr_place(dr_pool *pool, uint32_t task, dr_wakes *wakes);
void dr_place_waiting(dr_pool *pool, dr_wakes *wakes);
void dr_hand_over(dr_pool *pool, uint32_t slot, uint32_t task, dr_wakes *wakes);
bool dr_spread(dr_pool *pool, uint32_t task, dr_wakes *wakes);
uint32_t dr_spread_room(const dr_pool *pool);
void dr_spread_watch(dr_pool *pool, uint32_t slot);
void dr_relieve(dr_pool *pool, uint32_t slot);
void dr_enlist(dr_pool *pool, uint32_t slot);
void dr_retire(dr_pool *pool, uint32_t slot);
uint32_t dr_requeue_unstarted(dr_pool *pool, uint32_t slot);
bool dr_is_done(dr_pool *pool, uint32_t task);
bool dr_is_intact(const dr_pool *pool, uint32_t task);
bool dr_damage_look(dr_pool *pool, uint64_t now_ns);
void dr_damage_note(dr_pool *pool, const char *whose, uint32_t number, const char *what);
void dr_bury(dr_pool *pool, uint32_t slot, dr_restart why);
void dr_wake_all(dr_pool *pool, dr_wakes *wakes);

#endif
