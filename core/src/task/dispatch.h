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
    dora_slice caller; /* the identity of who calls: at most DR_IDENTITY_NAME_MAX bytes */
    const char *guid;
    uint16_t type;
    uint16_t protocol; /* DR_PROTOCOL_... */
    dora_priority priority;
    bool is_whole;   /* `param` is the whole api */
    uint32_t window; /* of a stream: parts under way */
    uint32_t connection;
    uint32_t api;
    uint32_t reactor;
    uint32_t own_limit_ms; /* of its api: 0: as the pool says, DR_LIMIT_NONE: none */
    uint64_t submitted_ns; /* when it came */
    uint64_t deadline_ns;  /* 0: none */
    uint64_t turn_key;     /* of whoever takes turns with others where tasks wait */
    void *owner;
    uint32_t item;
} dr_task_input;

/* dr_outcome is what became of one task. Slices point into shared memory. */
typedef struct dr_outcome {
    void *owner;
    uint32_t item;
    uint32_t task;
    int64_t code; /* 0, the handler's, or a DORA_CODE */
    dora_slice msg;
    dora_slice data;
    uint16_t http_status; /* what a worker has said of an error; 0: nothing; to be checked */
    bool is_news;         /* there is something in its stream: it goes on, nothing else is set */
    bool is_big;          /* slices are valid during the callback only */
    bool is_early;        /* they, too: its worker has not ended it yet, but was asked to */
    bool is_timed;        /* a worker has run it; the next two count */
    uint64_t queue_ns;    /* from its coming to its start */
    uint64_t run_ns;
    uint32_t slot;
} dr_outcome;

/* dr_outcome_fn takes one outcome. Returns: true to keep the block until dr_dispatch_release. Of
 * news, and of what is early, it says nothing. */
typedef bool (*dr_outcome_fn)(const dr_outcome *outcome, void *user);

/* dr_dispatch_reserve admits a task: it has its place, and no worker sees it before
 * dr_dispatch_commit, which cannot fail; dr_dispatch_unreserve gives the place back. Every reserved
 * task must get one of the two; each takes one task or more of a reactor. A worker that sleeps is
 * woken once what it was handed is worth a wake-up, at the latest by dr_dispatch_collect, so the
 * end of a turn must call that. Returns: 0 and `*task`; or the reply code it is refused with, and
 * `*why`, a text that names the limits and lives as long as the pool: then nothing was kept.
 * Thread: the reactor `input->reactor`. */
int64_t dr_dispatch_reserve(dr_pool *pool, const dr_task_input *input, uint32_t *task,
                            const char **why);
void dr_dispatch_commit(dr_pool *pool, const uint32_t *tasks, uint32_t count);
void dr_dispatch_unreserve(dr_pool *pool, const uint32_t *tasks, uint32_t count);

/* dr_dispatch_release frees tasks whose blocks were kept. */
void dr_dispatch_release(dr_pool *pool, const uint32_t *tasks, uint32_t count);

/* dr_dispatch_cancel drops a task that no worker has started. Returns: false when one has; its
 * outcome then comes as ever. */
bool dr_dispatch_cancel(dr_pool *pool, uint32_t task);

/* dr_dispatch_has_begun says whether a worker has started a task whose outcome has not come. */
bool dr_dispatch_has_begun(dr_pool *pool, uint32_t task);

/* dr_task_seen is one task that is not finished, at one moment. `name` is printable ASCII: a worker
 * could have written there. `trace` may be any bytes. */
typedef struct dr_task_seen {
    const void *owner; /* of dr_task_input; there while the callback runs */
    uint32_t slot;     /* of the worker that has begun it */
    uint32_t crew;     /* of that */
    uint32_t worker;   /* its number */
    int pid;
    bool has_begun;
    uint64_t queue_ns; /* until it began, or now */
    uint64_t age_ns;   /* since it began, or since it came */
    size_t name_len;
    char name[DR_API_NAME_MAX];
    size_t trace_len;
    char trace[DR_TRACE_BYTES_MAX];
    size_t stack_len; /* where it was when it was asked to end; 0: it was not, or nobody knows */
    char stack[DORA_STACK_BYTES];
} dr_task_seen;

/* Returns: whether the log has its end now. */
typedef bool (*dr_task_seen_fn)(const dr_task_seen *task, void *user);

/* For the files of this step only, as what follows; the lock is held. */

/* dr_assign hands a task to the best worker. Returns: false when none can take it now.
 * dr_assign_waiting hands over from the queue while workers can take. dr_hand_over gives a task to
 * this worker. */
bool dr_assign(dr_pool *pool, uint32_t task, dr_wakes *wakes);
void dr_assign_waiting(dr_pool *pool, dr_wakes *wakes);
void dr_hand_over(dr_pool *pool, uint32_t slot, uint32_t task, dr_wakes *wakes);
void dr_wake_all(dr_pool *pool, dr_wakes *wakes);

#endif
