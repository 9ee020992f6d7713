/* loop.c: a worker that is driven by an event loop of its language: it takes as many tasks as it
 * has room for, hands replies back in any order, and says when it sleeps. */
#include "task/loop.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "ipc/inbox.h"
#include "ipc/wake.h"
#include "task/heed.h"
#include "task/interrupt.h"
#include "task/limit.h"
#include "wire/message.h"

static dr_shared_worker *shared_of(const dora_worker *worker)
{
    return &worker->region->workers[worker->slot];
}

static bool has_room(const dora_worker *worker)
{
    return !worker->is_leaving && worker->running < worker->concurrency;
}

static void give_back(dora_worker *worker, dora_task *job)
{
    job->next = worker->free_jobs;
    worker->free_jobs = job;
}

/* take_job: NULL without memory. */
static dora_task *take_job(dora_worker *worker)
{
    dora_task *job = worker->free_jobs;
    if (job != NULL) {
        worker->free_jobs = job->next;
        job->next = NULL;
        return job;
    }
    job = calloc(1, sizeof(*job));
    if (job != NULL) {
        job->worker = worker;
        job->request.job = job->reply.job = job;
    }
    return job;
}

static bool publish(dora_task *job)
{
    uint64_t end_ns;
    if (!dr_job_publish(job, &end_ns)) {
        return false;
    }
    job->worker->running--;
    give_back(job->worker, job);
    return true;
}

/* publish_settled hands over what waited for the big area, as far as it goes. */
static void publish_settled(dora_worker *worker)
{
    while (worker->settled_first != NULL) {
        dora_task *job = worker->settled_first;
        dora_task *next = job->next;
        if (!publish(job)) {
            return;
        }
        worker->settled_first = next;
    }
}

void dora_task_done(dora_task *task, dora_err err)
{
    dora_worker *worker = task->worker;
    if (worker->is_forked) {
        return; /* the answer is the worker's to give */
    }
    if (task->is_waiting) { /* it has not begun; nor shall the next in its place wait */
        dr_job_say_start(task, task->begin_ns);
    }
    dr_job_settle(task, err);
    if (publish(task)) {
        return;
    }
    task->next = NULL;
    if (worker->settled_first == NULL) {
        worker->settled_first = task;
    } else {
        worker->settled_last->next = task;
    }
    worker->settled_last = task;
}

void dora_task_wait(dora_task *task)
{
    task->is_waiting = true;
    dr_job_say_start(task, DR_START_WAITS);
}

bool dora_task_begin(dora_task *task)
{
    task->is_waiting = false;
    task->request.began_ns = task->begin_ns = dr_clock_ns();
    dr_job_say_start(task, task->begin_ns);
    return !dr_job_is_expired(task);
}

dora_task *dora_worker_take(dora_worker *worker)
{
    if (worker->is_forked) {
        return NULL;
    }
    publish_settled(worker);
    while (has_room(worker)) {
        uint32_t generation;
        uint32_t index;
        dora_task *job = take_job(worker);
        if (job == NULL) {
            return NULL;
        }
        if (!dr_inbox_pop(worker->region, worker->slot, &generation, &index)) {
            give_back(worker, job);
            return NULL;
        }
        if (!dr_job_begin(job, index, generation, dr_clock_ns())) {
            give_back(worker, job); /* taken back, or cancelled */
            continue;
        }
        worker->running++;
        const dora_err err = dr_job_find(job);
        if (err == DORA_OK) {
            return job;
        }
        dora_task_done(job, err);
    }
    return NULL;
}

bool dora_worker_sleep(dora_worker *worker)
{
    dr_shared_worker *shared = shared_of(worker);
    if (worker->is_forked) {
        return true;
    }
    if (worker->develop != NULL) {
        dr_develop_task_done(worker->develop);
    }
    dr_wake_sleep_begin(shared, DR_ASLEEP_IN_LOOP);
    const bool has_news = !worker->is_told && atomic_load(&shared->stop) != 0;
    if (has_news || (has_room(worker) && !dr_inbox_is_empty(worker->region, worker->slot)) ||
        (worker->settled_first != NULL && dr_worker_is_big_free(worker)) ||
        (worker->stalled != NULL && dr_parts_is_any_roomy(worker))) {
        dr_wake_sleep_cancel(shared);
        return false;
    }
    return true;
}

void dora_worker_wake(dora_worker *worker)
{
    char wakes[256];
    (void)!read(worker->loop_fd, wakes, sizeof(wakes));
}

bool dora_worker_is_told(dora_worker *worker)
{
    worker->is_told = atomic_load_explicit(&shared_of(worker)->stop, memory_order_acquire) != 0;
    return worker->is_told;
}

void dora_worker_leave(dora_worker *worker)
{
    worker->is_leaving = true;
}

void dora_worker_renew(dora_worker *worker)
{
    atomic_store_explicit(&shared_of(worker)->wants_renewal, 1, memory_order_relaxed);
}

int dora_worker_fd(const dora_worker *worker)
{
    return worker->loop_fd;
}

uint32_t dora_worker_running(const dora_worker *worker)
{
    return worker->running;
}

uint32_t dora_worker_time_limit_ms(const dora_worker *worker)
{
    return worker->time_limit_ms;
}

uint32_t dora_worker_threads(const dora_worker *worker)
{
    return worker->threads > 1 ? worker->threads : 1;
}

uint32_t dora_task_limit_ms(const dora_task *task)
{
    const dr_worker *worker = task->worker;
    const uint32_t own_ms = task->about->own_limit_ms;
    if (own_ms != 0) {
        return own_ms == DR_LIMIT_NONE ? 0 : own_ms;
    }
    return dr_call_type_is_accepted((dr_call_type)task->request.type) ? worker->accepted_limit_ms
                                                                      : worker->time_limit_ms;
}

bool dora_task_has_limit(const dora_task *task)
{
    return dora_task_limit_ms(task) != 0;
}

dora_err dora_task_overran(dora_task *task)
{
    char text[DR_LIMIT_TEXT_MAX];
    const uint32_t own_ms = task->about->own_limit_ms;
    if (own_ms == 0) {
        return dora_reply_overran(&task->reply);
    }
    const size_t len = dr_limit_overran(task->request.name, own_ms, text, sizeof(text));
    dr_reply_set_error(&task->reply, DORA_CODE_TIME_LIMIT, text, len);
    return DORA_EHANDLER;
}

dora_err dora_task_interrupted(dora_task *task, dora_interrupt why, const char *stack,
                               size_t stack_len)
{
    const char *end = stack_len > 0 ? memchr(stack, '\n', stack_len) : NULL;
    const dora_slice at = {stack, end != NULL ? (size_t)(end - stack) : stack_len};
    const dora_fault fault = {.size = sizeof fault, .traceback = {stack, stack_len}};
    dr_interrupt_reply(&task->reply, task->request.name, task->about->own_limit_ms,
                       (dr_interrupt)why, at);
    if (why != DORA_INTERRUPT_CANCELLED) {
        (void)dora_log_fault(&task->request, &task->reply, &fault);
    }
    return DORA_EHANDLER;
}

const dora_request *dora_task_request(const dora_task *task)
{
    return &task->request;
}

dora_reply *dora_task_reply(dora_task *task)
{
    return &task->reply;
}

void *dora_task_handler(const dora_task *task)
{
    return task->handler;
}

void dr_loop_fini(dora_worker *worker)
{
    /* What still waits for the big area is answered by the worker's end. */
    while (worker->settled_first != NULL) {
        dora_task *job = worker->settled_first;
        worker->settled_first = job->next;
        free(job->heap);
        give_back(worker, job);
    }
    while (worker->free_jobs != NULL) {
        dora_task *job = worker->free_jobs;
        worker->free_jobs = job->next;
        free(job);
    }
}
