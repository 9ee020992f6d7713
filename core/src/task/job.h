/* job.h: one task in a worker's hand, from its claim to its reply. */
#ifndef DR_TASK_JOB_H
#define DR_TASK_JOB_H

#include "task/app.h"
#include "task/worker.h"

/* Where a job's reply stands while it is written. */
typedef enum dr_job_place {
    DR_JOB_IN_BLOCK = 0, /* behind its request */
    DR_JOB_IN_BIG,       /* in the worker's big area */
    DR_JOB_IN_HEAP       /* in `heap`, until the big area is free */
} dr_job_place;

/* dr_job is what the public interface calls a dora_task. */
typedef struct dora_task {
    dr_worker *worker;
    uint32_t index;
    dr_shared_task *shared; /* of that number */
    uint32_t generation;
    uint32_t reactor; /* that waits for it */
    uint32_t api;     /* of the last one that was run, as the master numbers them */
    void *handler;
    const dr_about *about; /* of the handler */
    uint64_t begin_ns;
    uint64_t paused_ns; /* since then it waits for room in its stream; 0: it does not */
    bool is_waiting;    /* within the runtime, since dora_task_wait */
    bool is_stalled;    /* it stands among the worker's `stalled`, */
    struct dora_task *next_stalled;
    dora_request request;
    char *room; /* behind the request */
    size_t room_len;
    dr_job_place place;
    char *heap;             /* owned */
    dora_slice out;         /* the reply, once it is settled: a message or data */
    struct dora_task *next; /* of the worker's free or settled ones */
    dora_reply reply;
} dr_job;

/* dr_job_begin claims a task and prepares its request and an empty reply.
 * Returns: false when the task was taken back or cancelled. */
bool dr_job_begin(dr_job *job, uint32_t index, uint32_t generation, uint64_t now_ns);

/* dr_job_find finds the handler, and counts the request. Returns: DORA_EHANDLER where there is
 * nothing to call: nobody waits any more, or there is no such api; the reply then says so. */
dora_err dr_job_find(dr_job *job);

/* dr_job_is_expired says whether nobody waits any more when it begins; the reply then says so. */
bool dr_job_is_expired(dr_job *job);

/* dr_job_write_anew makes the writer of its reply ready for one more value, behind a part.
 * dr_job_say_start says in shared memory since when it runs, or that it waits (DR_START_WAITS). */
void dr_job_write_anew(dr_job *job);
void dr_job_say_start(const dr_job *job, uint64_t start_ns);

/* dr_job_settle makes what the handler returned and wrote the job's reply.
 * dr_job_publish hands it to the reactor that waits for it. Returns: false when it needs the
 * worker's big area, which is in use, and the worker must not wait for it (has a loop): publish it
 * again later. `*end_ns` is when it was done. */
void dr_job_settle(dr_job *job, dora_err err);
bool dr_job_publish(dr_job *job, uint64_t *end_ns);

#endif
