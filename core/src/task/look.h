/* look.h: what a pool's tasks are doing, for people. */
#ifndef DR_TASK_LOOK_H
#define DR_TASK_LOOK_H

#include "task/suspect.h"

/* look.c, the lock is held: dr_task_name gives a task's name as dr_printable has it, cut where that
 * is longer than a name, dr_task_start_ns when it began, dr_task_since_ns from when its time limit
 * counts; dr_task_is says whether a worker's task is in a state (DR_TASK_...); dr_slot_starved_kb
 * what a slot's worker held when it crashed at the pool's memory_hard_mb, 0 where it did not. */
size_t dr_task_name(const dr_pool *pool, uint32_t task, char name[DR_API_NAME_MAX]);
uint64_t dr_task_start_ns(const dr_pool *pool, uint32_t task);
uint64_t dr_task_since_ns(const dr_pool *pool, const dr_slot *slot, uint32_t task);
bool dr_task_is(const dr_pool *pool, uint32_t task, uint32_t state);
uint32_t dr_slot_starved_kb(const dr_pool *pool, uint32_t slot);

/* dr_task_ran is a task that a worker ran when it ended. `name` is printable; guid and trace may be
 * any bytes. */
typedef struct dr_task_ran {
    uint16_t type;
    uint8_t interrupt;     /* dr_interrupt: it was asked to end */
    uint32_t own_limit_ms; /* of its api; 0: as the pool says */
    uint32_t starved_kb; /* what its worker held where it got no more memory; 0: it was not that */
    bool is_told;        /* the log has its end already */
    int64_t code;        /* that it is answered with */
    uint64_t queue_ns;
    uint64_t run_ns;
    size_t name_len;
    char name[DR_API_NAME_MAX];
    char guid[DR_GUID_LEN];
    size_t trace_len;
    char trace[DR_TRACE_BYTES_MAX];
    dr_blame blame;
} dr_task_ran;

/* dr_tasks_running says what a slot's worker ran that has ended, of which the log is told then.
 * Takes the lock. Returns: how many; `max` at most. */
uint32_t dr_tasks_running(dr_pool *pool, uint32_t slot, dr_task_ran *ran, uint32_t max);

/* dr_task_asked is what was asked of a task that has not been freed; its texts may be any bytes. */
typedef struct dr_task_asked {
    size_t name_len;
    char name[DR_API_NAME_MAX];
    size_t trace_len;
    char trace[DR_TRACE_BYTES_MAX];
    size_t caller_len; /* 0: no identity */
    char caller[DR_IDENTITY_NAME_MAX];
    uint64_t param_bytes;
    uint64_t came_ns;
    bool is_http;
    uint64_t queue_ns; /* until it began, or now */
    uint64_t run_ns;   /* until now */
} dr_task_asked;

/* dr_task_ask copies it out. Thread: the reactor's that waits for the task. */
void dr_task_ask(const dr_pool *pool, uint32_t task, dr_task_asked *asked);

/* dr_slot_pid is the process of the worker that a slot has, or had last. Takes the lock. */
int dr_slot_pid(dr_pool *pool, uint32_t slot);

/* dr_dispatch_each tells `fn` of every task that workers run, then of those that wait, but of none
 * whose end the log has. `fn` is called under the lock: it must be quick. */
void dr_dispatch_each(dr_pool *pool, dr_task_seen_fn fn, void *user);

#endif
