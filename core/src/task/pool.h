/* pool.h: a pool as the master knows it: the truth about every task and every worker.
 *
 * Everything here is in the master's own memory. `lock` guards all of it and the master's side of
 * the region; it is held for list operations only, never over a system call that can wait, and no
 * worker can see it. Reactors submit and collect (dispatch.h); the supervisor starts workers and
 * reports deaths (crew.h). */
#ifndef DR_TASK_POOL_H
#define DR_TASK_POOL_H

#include <pthread.h>
#include <signal.h>

#include "base/count.h"
#include "ipc/region.h"
#include "ipc/slab.h"
#include "ipc/stream_slab.h"
#include "task/canary.h"
#include "task/growers.h"
#include "task/poison.h"
#include "task/queue.h"
#include "wire/message.h"
#include <dora/value.h>

/* DR_POOL_SLOTS is how many slots a pool has: its workers, those of the generation that takes over,
 * and beside them the dead that are settled and the old that finish a long task. */
#define DR_POOL_SLOTS(workers) ((workers)*3u + 2u)

typedef enum dr_record_state {
    DR_RECORD_FREE = 0,
    DR_RECORD_FILLING,  /* its block is being written */
    DR_RECORD_WAITING,  /* in the pool's queue */
    DR_RECORD_HANDED,   /* in a worker's inbox, or running */
    DR_RECORD_FINISHED, /* its outcome was given to the owner, who releases it */
    DR_RECORD_LOST      /* no worker will have it: `refusal` says why */
} dr_record_state;

/* dr_record is the truth about one task; its number is the number of its dr_shared_task. */
typedef struct dr_record {
    dr_record_state state;
    uint32_t generation;
    uint32_t slot;  /* of the worker that holds it */
    uint32_t entry; /* its place in that worker's inbox */
    uint32_t api;
    uint32_t next;
    uint32_t prev;
    uint32_t item; /* which api of the owner's call */
    uint32_t turn; /* of the queue, while it waits: its caller's; and its place among that one's */
    uint32_t turn_next;
    uint32_t turn_prev;
    int32_t refusal;   /* LOST: the code that it is answered with */
    uint64_t turn_key; /* of dr_task_input */
    uint16_t type;     /* dr_call_type */
    uint8_t priority;  /* dora_priority, never the default */
    bool is_charged; /* it was the last of its call to be taken: counted in its priority's share */
    uint32_t reactor;
    uint64_t cost_ns; /* counted in the worker's backlog */
    uint64_t submitted_ns;
    uint64_t deadline_ns; /* 0: none */
    uint64_t handed_ns;   /* where workers run several tasks and have a time limit */
    void *owner;
    uint64_t offset;
    uint32_t capacity;
    uint32_t input_len;    /* of the block; the reply stands behind it */
    uint32_t own_limit_ms; /* of its api: 0: as the pool says, DR_LIMIT_NONE: none */
    bool is_big;           /* its reply is being copied out of the worker's big area */
    bool is_bound;         /* it waits in the queue of the canary */
    /* interrupt.h: */
    uint8_t interrupt;   /* dr_interrupt: its worker was asked to end it, */
    uint8_t asked_again; /* and again so often */
    bool is_due;         /* its reactor is to answer for it now */
    bool is_answered;    /* that has been done: what the worker says is dropped */
    bool is_told;        /* the log has its end: that of its worker adds nothing */
    uint64_t interrupt_ns;
} dr_record;

typedef enum dr_slot_state {
    DR_SLOT_EMPTY = 0,
    DR_SLOT_STARTING, /* asked for or forked, not ready */
    DR_SLOT_HELD,     /* ready, and kept back until its generation takes over */
    DR_SLOT_IDLE,     /* holds nothing, in the idle chain */
    DR_SLOT_BUSY,     /* holds tasks */
    DR_SLOT_SUSPECT,  /* did not react and was relieved of its tasks */
    DR_SLOT_DEAD      /* its reactors have yet to answer for it */
} dr_slot_state;

/* Why a worker was replaced, as getStat and the metrics name it: section "Control" of PROTOCOL.md
 * says what each means. All are counted where it is buried (dr_bury). */
#define DR_RESTARTS(X)                                                                             \
    X(DIED, "died")             /* it ended without being told to */                               \
    X(TIME_LIMIT, "time_limit") /* it was killed for a task past its time limit */                 \
    X(CANCELLED, "cancelled")   /* likewise for one that was to end for another reason */          \
    X(WENT_ON, "went_on")       /* a task that should have ended went on in it */                  \
    X(RECYCLED, "recycled")     /* it had done max_requests */                                     \
    X(MEMORY, "memory")         /* it was above memory_mb_max */                                   \
    X(RELOAD, "reload")         /* another generation took over */                                 \
    X(DAMAGED, "damaged")       /* the pool's shared memory was damaged */                         \
    X(ZYGOTE, "zygote")         /* the zygote that it came from had hung */                        \
    X(LEFT, "left")             /* it left by itself, in order: it cannot undo what a task did */

typedef enum dr_restart {
    DR_RESTART_NONE = 0, /* it was not */
#define DR_RESTART_VALUE(name, text) DR_RESTART_##name,
    DR_RESTARTS(DR_RESTART_VALUE)
#undef DR_RESTART_VALUE
        DR_RESTART_COUNT
} dr_restart;

/* dr_stand is what was seen of a worker at the last looks for damage (damage.c). */
typedef struct dr_stand {
    uint32_t head;       /* of its inbox */
    uint32_t task;       /* that stood still against all reason */
    uint32_t generation; /* of that */
    uint32_t looks;      /* in a row at which it did */
    uint32_t big_looks;  /* at which its big area was full of nothing */
} dr_stand;

/* dr_damage is what was seen in a region that cannot be. */
typedef struct dr_damage {
    const char *what;  /* NULL: nothing */
    const char *whose; /* "worker" or "task"; NULL: of all of it */
    uint32_t number;   /* of that */
} dr_damage;

/* dr_slot is the truth about one worker. */
typedef struct dr_slot {
    dr_slot_state state;
    uint32_t crew;   /* that it belongs to: dr_crew.id */
    uint32_t number; /* in its crew, from 0 */
    /* Bits, since all three are asked at once for each task. */
    bool leaving : 1;      /* gets no more tasks and stops when it holds none */
    bool slow : 1;         /* its current task is long: nothing is handed ahead */
    bool is_canary : 1;    /* its generation gets a part of the calls, to be compared */
    bool killed_for_limit; /* killed: it did not end a task that it was to end */
    uint8_t killed_why;    /* dr_interrupt: that of this */
    uint32_t interrupted;  /* tasks that it was asked to end */
    uint32_t stack_count;  /* of its dr_shared_stack, when it was */
    bool has_loop;         /* it is driven by an event loop, and woken by its descriptor */
    bool is_behind; /* at the last tick tasks waited in its inbox, taken up to `inbox_head` */
    bool wants_recycling;
    bool has_said_end;  /* a task has ended with the word that it leaves: its others do so, too */
    uint16_t last_type; /* of the task that it has finished last: what follows that counts as it */
    uint32_t last_own_limit_ms; /* of that, too */
    uint32_t silent_head;       /* of its inbox, at `silent_ns` */
    uint64_t silent_ns; /* since then it was seen awake without running a task; 0: it was not */
    dr_restart why;     /* it leaves */
    uint32_t memory_kb; /* when it was last looked at */
    uint32_t held;
    dr_chain tasks; /* in the order they were handed over */
    uint32_t next;  /* idle chain */
    uint32_t prev;
    uint64_t backlog_ns;
    uint64_t finished; /* tasks, over the worker's life */
    uint64_t finished_at_tick;
    uint32_t inbox_head;
    uint32_t inbox_tail; /* the truth of what its inbox has got */
    dr_stand stand;
    uint64_t recycle_at;   /* tasks; 0: never */
    uint64_t recycle_last; /* until then only if it has grown, and asked again; 0: at once */
    uint64_t since_ns;     /* of its last progress */
    uint64_t news_ns;      /* a stream of its has sent something */
    uint64_t unsettled;    /* after its death: one bit for each reactor that must look */
    uint32_t outbox_heads[DR_REACTORS_MAX];
    uint64_t ready_ns;
    uint64_t started_ms; /* that it was asked for */
    uint64_t stopped_ns; /* when it was told to leave; 0: it was not */
    int pid;
    int last_pid; /* that, of one that has ended, too */
    int pidfd;
} dr_slot;

/* dr_api_cost is what a handler was seen to take. */
typedef struct dr_api_cost {
    uint64_t run_ns;  /* moving average; 0: not known */
    uint64_t fast_ns; /* of a quick one, and when the last was seen: cost.h */
    uint64_t seen_ns;
    bool is_suspect; /* a call of it has ended a worker: suspect.h */
} dr_api_cost;

typedef struct dr_pool_limits {
    uint32_t reactors;
    uint32_t workers;
    uint32_t concurrency; /* tasks that a worker runs at a time; 0 stands for 1 */
    uint32_t threads;     /* of them, plain functions; 0 stands for 1 */
    uint32_t queue_tasks_max;
    uint64_t slab_bytes;
    uint32_t big_bytes;
    uint32_t time_limit_ms;     /* of tasks that somebody waits for; 0: none */
    uint32_t accepted_limit_ms; /* of accepted work */
    uint32_t kill_after_ms;     /* that a task has which was asked to end; 0: it is not asked */
    uint32_t memory_hard_mb;    /* that a worker gets; 0: no limit */
    uint32_t hung_ms; /* without any end while tasks wait: it hangs; 0: is not looked for */
    uint32_t
        newest_first_ms; /* a call has waited so long: its caller's newest goes first; 0: never */
    uint32_t poison_s;   /* that a call is refused which has ended workers; 0: none is */
    uint32_t stream_idle_ms; /* without room for a stream's parts: it ends; 0: it waits */
} dr_pool_limits;

/* dr_wakes is whom to wake, once what they should see is there. */
typedef struct dr_wakes {
    uint32_t count;
    uint32_t slots[16];
    uint32_t tasks;   /* handed over since the last wake-up */
    uint64_t cost_ns; /* that they are expected to take */
} dr_wakes;

typedef struct dr_pool {
    pthread_mutex_t lock;
    uint32_t streams; /* that have a place, of which they may have half */
    dr_pool_limits limits;
    dr_region region;
    dr_slab slab;
    dr_record *records;
    dr_slot *slots;
    dr_api_cost *costs; /* one an api, and one for the fallback */
    dr_api_cost *spare_costs;
    uint32_t api_count;
    dr_chain free_records;
    dr_poison poison;        /* calls that have ended workers */
    dr_queue queue;          /* what waits */
    dr_chain lost;           /* of state LOST: their reactors have yet to answer for them */
    dr_chain idle;           /* most recently idle first */
    uint32_t reserved_count; /* admitted, not yet waiting or handed */
    uint32_t handed_count;
    uint32_t busy_count;        /* workers that hold tasks */
    uint32_t ahead_count;       /* tasks handed to workers that hold as many as they can run */
    uint32_t live_count;        /* workers that take tasks, but for a canary's */
    uint32_t dead_count;        /* workers not yet settled */
    uint32_t due_count;         /* tasks whose reactors are to answer for them: interrupt.h */
    uint32_t favourite;         /* the awake worker that is filled first */
    dr_canary canary;           /* a new generation that is compared with the one that serves */
    uint32_t generation;        /* of the application: 1, and one more with each reload */
    uint32_t shortest_limit_ms; /* that a task among several has had; 0: none has had one */
    uint64_t handled;           /* tasks, by workers whose slots were used again since */
    uint64_t urgent;            /* tasks of high priority that workers have done, */
    uint64_t patient;           /* and of low; the others are normal */
    uint64_t refused;           /* tasks that found no room */
    uint64_t restarts[DR_RESTART_COUNT];
    uint32_t crew;             /* that serves, since there is or was another; 0: there was none */
    dr_growers growers;        /* what workers have seen that have ended */
    uint32_t crew_count;       /* crews there were so far; the supervisor's alone */
    bool is_busy_said;         /* of this time that all workers are busy; the supervisor's alone */
    bool is_ending;            /* the server does not wait for its tasks any longer */
    bool unhealthy;            /* workers do not start; with none left, tasks are refused */
    bool is_looping;           /* its processes end again and again: crew_pace.h */
    uint64_t held_until_ms;    /* no worker is started before */
    char full[160];            /* what is said of a task that finds no room, */
    char full_of_streams[160]; /* and of a stream where others have theirs */
    uint64_t reactors_gone;    /* one bit for each that has ended */
    dr_damage damage;          /* the region waits for its replacement */
    uint64_t looked_ns;        /* for damage */
    uint32_t look_slot;        /* where the next look goes on */
    uint64_t ticked_ns;
    bool is_behind;                    /* a worker was so at the last tick */
    dr_count parts[DR_REACTORS_MAX];   /* of streams, that each reactor has sent */
    uint64_t look_ns[DR_REACTORS_MAX]; /* when each reactor may look for passed deadlines next */
    dr_wakes owed[DR_REACTORS_MAX];    /* each its reactor's: woken at the end of its turn */
    dr_stream_slab stream_slab;
    int event_fds[DR_REACTORS_MAX];
    int *loop_fds; /* one a slot, -1: none; numbers stay, so a late wake-up harms nobody */
    /* on_attention is called, without the lock, when the supervisor has to look: a worker wants
     * recycling, the region is damaged. Thread: any reactor's. */
    void (*on_attention)(struct dr_pool *pool, void *user);
    void *user;
} dr_pool;

/* dr_pool_limit_ms is how long a task of a type may run, whose api may have a limit of its own; 0:
 * as long as it likes. dr_record_limit_ms is that of a task. */
static inline uint32_t dr_pool_limit_ms(const dr_pool *pool, uint16_t type, uint32_t own_limit_ms)
{
    if (own_limit_ms != 0) {
        return own_limit_ms == DR_LIMIT_NONE ? 0 : own_limit_ms;
    }
    return dr_call_type_is_accepted((dr_call_type)type) ? pool->limits.accepted_limit_ms
                                                        : pool->limits.time_limit_ms;
}

static inline uint32_t dr_record_limit_ms(const dr_pool *pool, const dr_record *record)
{
    return dr_pool_limit_ms(pool, record->type, record->own_limit_ms);
}

/* dr_pool_init makes the region and the books. Errors: DORA_ENOMEM, DORA_EIO.
 * dr_pool_fini frees all; zeroed memory is fine. */
dora_err dr_pool_init(dr_pool *pool, const dr_pool_limits *limits, const int *event_fds,
                      dora_error *error);
void dr_pool_fini(dr_pool *pool);

/* dr_pool_set_apis sets how many apis have costs of their own. Errors: DORA_ENOMEM. */
dora_err dr_pool_set_apis(dr_pool *pool, uint32_t api_count);

/* The chains. */
void dr_record_append(dr_pool *pool, dr_chain *chain, uint32_t index);
void dr_record_prepend(dr_pool *pool, dr_chain *chain, uint32_t index);
void dr_record_remove(dr_pool *pool, dr_chain *chain, uint32_t index);

/* dr_record_pop takes the first record out of a chain that has one. */
static inline void dr_record_pop(dr_pool *pool, dr_chain *chain)
{
    chain->first = pool->records[chain->first].next;
    if (chain->first == DR_NONE) {
        chain->last = DR_NONE;
    } else {
        pool->records[chain->first].prev = DR_NONE;
    }
}

/* dr_record_free gives a record and its block back. dr_record_lose leaves one that is in no chain
 * to its reactor, which answers it with `code` at its next look. */
void dr_record_free(dr_pool *pool, uint32_t index);
void dr_record_lose(dr_pool *pool, uint32_t index, int32_t code);

/* dr_slot_set_idle and dr_slot_leave_idle move a worker in and out of the idle chain, in which
 * those of a canary never are. */
void dr_slot_set_idle(dr_pool *pool, uint32_t slot);
void dr_slot_leave_idle(dr_pool *pool, uint32_t slot);

/* dr_slot_take and dr_slot_drop move a record in and out of a worker's chain, with all counts. */
void dr_slot_take(dr_pool *pool, uint32_t slot, uint32_t index);
void dr_slot_drop(dr_pool *pool, uint32_t slot, uint32_t index);

/* dr_slot_reserve finds an empty slot for a new worker and clears its shared memory.
 * Returns: DR_NONE when all are in use. */
uint32_t dr_slot_reserve(dr_pool *pool);

/* dr_slot_loop_fd makes the pipe by which the event loop of a slot's next worker is woken. The
 * master keeps the writing end, which no worker has: one that a worker could make blocking, and
 * fill, would hold up everybody. Returns: the reading end, -1: that cannot be. Ownership: gives. */
int dr_slot_loop_fd(dr_pool *pool, uint32_t slot);

/* dr_slot_wake wakes a slot's worker. Thread: any; the lock is not needed. */
void dr_slot_wake(dr_pool *pool, uint32_t slot);

/* dr_slot_is_live says whether a worker takes tasks. */
static inline bool dr_slot_is_live(const dr_slot *slot)
{
    return slot->state >= DR_SLOT_IDLE && slot->state != DR_SLOT_DEAD && !slot->leaving;
}

/* dr_slot_signal sends a slot's worker a signal. Returns: false when there is no descriptor to do
 * it by, or it has ended. The lock is held. */
bool dr_slot_signal(const dr_slot *slot, int number);

/* dr_slot_stop tells a worker that holds nothing to leave. */
void dr_slot_stop(dr_pool *pool, uint32_t slot);

#endif
