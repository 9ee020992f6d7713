/* worker.c: take a task, call the handler, hand back the reply; one after the other. No system call
 * while tasks wait. */
#include "task/worker.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/fetch.h"
#include "base/priority.h"
#include "ipc/inbox.h"
#include "ipc/wake.h"
#include "task/job.h"
#include "task/loop.h"

#define SLEEP_MS 5000u

static dr_shared_worker *shared_of(const dr_worker *worker)
{
    return &worker->region->workers[worker->slot];
}

static void sleep_until_work(dr_worker *worker)
{
    dr_shared_worker *shared = shared_of(worker);
    const dora_runtime *runtime = worker->runtime;
    dr_wake_sleep_begin(shared, DR_ASLEEP);
    if (!dr_inbox_is_empty(worker->region, worker->slot) || atomic_load(&shared->stop) != 0) {
        dr_wake_sleep_cancel(shared);
        return;
    }
    if (runtime->sleep_begin != NULL) {
        runtime->sleep_begin(runtime->host);
    }
    dr_wake_sleep(shared, DR_ASLEEP, SLEEP_MS);
    if (runtime->sleep_end != NULL) {
        runtime->sleep_end(runtime->host);
    }
}

bool dr_worker_is_big_free(const dr_worker *worker)
{
    return !worker->has_big &&
           atomic_load_explicit(&shared_of(worker)->big, memory_order_seq_cst) != DR_BIG_FULL;
}

void dr_worker_wait_for_big(dr_worker *worker)
{
    dr_shared_worker *shared = shared_of(worker);
    while (!dr_worker_is_big_free(worker)) {
        dr_wake_sleep_begin(shared, DR_ASLEEP_FOR_BIG);
        if (!dr_worker_is_big_free(worker)) {
            dr_wake_sleep(shared, DR_ASLEEP_FOR_BIG, SLEEP_MS);
        } else {
            dr_wake_sleep_cancel(shared);
        }
    }
}

void dr_worker_wait_for_room(dr_worker *worker, const dora_task *job)
{
    dr_shared_worker *shared = shared_of(worker);
    dr_wake_sleep_begin(shared, DR_ASLEEP_FOR_ROOM);
    if (dr_parts_can_go_on(job)) {
        dr_wake_sleep_cancel(shared);
        return;
    }
    dr_wake_sleep(shared, DR_ASLEEP_FOR_ROOM, SLEEP_MS);
}

void dr_worker_set_big(dr_worker *worker, uint32_t state)
{
    worker->has_big = state == DR_BIG_BUSY;
    atomic_store_explicit(&shared_of(worker)->big, state, memory_order_release);
}

void dr_worker_count(dr_worker *worker)
{
    const uint64_t taken = atomic_load_explicit(&worker->requests, memory_order_relaxed) + 1;
    atomic_store_explicit(&worker->requests, taken, memory_order_relaxed);
    if (taken == worker->growth.look_at && dr_growth_look(&worker->growth)) {
        atomic_store_explicit(&shared_of(worker)->growth, DR_GROWTH_SEEN, memory_order_relaxed);
    }
}

static dora_err call(dr_job *job)
{
    const dora_runtime *runtime = job->worker->runtime;
    dora_err err = dr_job_find(job);
    if (err != DORA_OK) {
        return err;
    }
    /* Calls that the handler makes end with its caller's. */
    const bool has_deadline = job->request.deadline_ns != 0;
    if (has_deadline) {
        dr_deadline_set(job->request.deadline_ns);
    }
    const bool has_trace = job->request.trace.len > 0;
    const bool has_priority = job->request.priority != DORA_PRIORITY_NORMAL;
    if (has_trace) {
        dora_trace_set(&job->request);
    }
    if (has_priority) {
        dr_priority_set((dora_priority)job->request.priority);
    }
    job->worker->job = job;
    err = runtime->invoke(runtime->host, job->handler, &job->request, &job->reply);
    job->worker->job = NULL;
    if (has_deadline) {
        dr_deadline_set(0);
    }
    if (has_trace) {
        dora_trace_set(NULL);
    }
    if (has_priority) {
        dr_priority_set(DORA_PRIORITY_DEFAULT);
    }
    return err;
}

/* look_at_growth is after a task has been answered and cleared away, so that no caller waits. */
static void look_at_growth(const dr_job *job, uint64_t *now_ns)
{
    dr_worker *worker = job->worker;
    const uint64_t tasks = atomic_load_explicit(&worker->requests, memory_order_relaxed);
    *now_ns = dr_grown_look(&worker->grown, shared_of(worker), job->api, tasks, *now_ns);
}

/* fetch_request asks for what a task's handler reads first, once the task itself is there. It
 * may have been taken back since, and its place be another's by now. */
static void fetch_request(const dr_region *region, const dr_shared_task *task)
{
    const uint64_t offset = atomic_load_explicit(&task->offset, memory_order_relaxed);
    if (offset < region->shape.slab_bytes) {
        dr_fetch(region->slab + offset, DR_FETCH_BYTES);
    }
}

static dora_err serve(dr_job *job, uint32_t index, uint32_t generation, uint64_t *now_ns)
{
    const dr_worker *worker = job->worker;
    const dora_runtime *runtime = worker->runtime;
    if (!dr_job_begin(job, index, generation, *now_ns)) {
        return DORA_OK; /* taken back, or cancelled */
    }
    const dr_shared_task *next = dr_inbox_next(worker->region, worker->slot);
    if (next != NULL) {
        dr_fetch(next, sizeof(*next));
    }
    const dora_err err = call(job);
    if (worker->is_forked) {
        return DORA_EEXIT; /* the caller's answer is the worker's to give */
    }
    if (next != NULL) {
        fetch_request(worker->region, next);
    }
    dr_job_settle(job, err);
    (void)dr_job_publish(job, now_ns); /* it waits for the big area */
    if (worker->develop != NULL) {
        dr_develop_task_done(worker->develop);
    }
    const dora_err then =
        err == DORA_EEXIT || runtime->between == NULL ? err : runtime->between(runtime->host);
    if (*now_ns >= worker->grown.due_ns) {
        look_at_growth(job, now_ns);
    }
    return then;
}

static void run_one_by_one(dr_worker *worker)
{
    dr_job *job = calloc(1, sizeof(*job));
    if (job == NULL) {
        return;
    }
    job->worker = worker;
    job->request.job = job->reply.job = job;
    uint64_t now_ns = dr_clock_ns();
    while (!worker->is_forked) {
        uint32_t generation;
        uint32_t index;
        if (dr_inbox_pop(worker->region, worker->slot, &generation, &index)) {
            if (serve(job, index, generation, &now_ns) == DORA_EEXIT) {
                break;
            }
            continue;
        }
        if (atomic_load_explicit(&shared_of(worker)->stop, memory_order_acquire) != 0) {
            break;
        }
        sleep_until_work(worker);
        now_ns = dr_clock_ns();
    }
    free(job);
}

void dr_worker_run(dr_worker *worker)
{
    if (atomic_load_explicit(&shared_of(worker)->growth, memory_order_relaxed) == DR_GROWTH_NONE) {
        worker->growth = dr_growth_begin();
    }
    worker->grown =
        dr_grown_begin(worker->names_growth && !worker->has_loop ? worker->runtime : NULL);
    if (worker->has_loop) {
        worker->runtime->run_loop(worker->runtime->host, worker);
        dr_loop_fini(worker);
    } else {
        run_one_by_one(worker);
    }
    if (!worker->is_forked) {
        atomic_store_explicit(&shared_of(worker)->has_left, 1, memory_order_relaxed);
    }
}
