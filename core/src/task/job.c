/* job.c: one task in a worker's hand: claim it, find its handler, hand back the reply. */
#include "task/job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <dora/runtime.h>

#include "base/clock.h"
#include "ipc/inbox.h"
#include "ipc/wake.h"
#include "task/heed.h"
#include "wire/message.h"
#include "wire/value_write.h"

/* take_big makes the big area this job's. A loop does not wait until the master has copied the last
 * big reply out. Returns: whether the job has it. */
static bool take_big(dr_job *job)
{
    dr_worker *worker = job->worker;
    if (!dr_worker_is_big_free(worker)) {
        if (worker->has_loop) {
            return false;
        }
        dr_worker_wait_for_big(worker);
    }
    dr_worker_set_big(worker, DR_BIG_BUSY);
    job->place = DR_JOB_IN_BIG;
    return true;
}

/* grow moves a reply that outgrew its task's block to the worker's big area, or to where it waits
 * for that. */
static dora_err grow(dora_writer *writer, size_t need, void *user)
{
    dr_job *job = user;
    dr_region *region = job->worker->region;
    const size_t bytes = region->shape.big_bytes;
    if (job->place != DR_JOB_IN_BLOCK || need > bytes) {
        return DORA_ETOOBIG;
    }
    /* A part of a loop's stream may wait for its client's word: the area is for other replies. */
    const bool is_waiting_long = job->request.type == DR_TYPE_ST_S && job->worker->has_loop;
    char *area = NULL;
    if (!is_waiting_long && take_big(job)) {
        area = dr_region_big(region, job->worker->slot);
    } else {
        job->place = DR_JOB_IN_HEAP;
        area = job->heap = malloc(bytes);
    }
    if (area == NULL) {
        return DORA_ENOMEM;
    }
    memcpy(area, writer->data, writer->len);
    writer->data = area;
    writer->cap = bytes;
    return DORA_OK;
}

/* take_ring cuts the ring of a stream off from the end of the room for the reply. */
static void take_ring(dr_job *job)
{
    if (job->room_len < DR_STREAM_BYTES) {
        _exit(DR_EXIT_DAMAGED);
    }
    job->room_len -= DR_STREAM_BYTES;
    job->paused_ns = 0; /* of the last one in this place, which may have ended while it waited */
    job->reply.has_parts = true;
    dr_parts_begin(&job->reply.parts, (dr_part_ring *)(void *)(job->room + job->room_len));
}

/* take_input points at a claimed task's request. What is said of it is read once, since another
 * worker may be spoiling it. A request that cannot be ends this one at once: it has nothing to work
 * with, and the master answers for it and gives the pool other memory. */
static void take_input(dr_job *job, const volatile dr_shared_task *task)
{
    const dr_region *region = job->worker->region;
    const uint64_t offset = atomic_load_explicit(&task->offset, memory_order_relaxed);
    const uint64_t capacity = task->capacity;
    const size_t name_len = task->name_len;
    const size_t param_len = task->param_len;
    const size_t trace_len = task->trace_len;
    const size_t caller_len = task->caller_len;
    const size_t input_len = name_len + param_len + caller_len + trace_len;
    const unsigned is_whole = task->is_whole;
    const uint16_t type = task->type;
    job->reactor = task->reactor;
    if (offset > region->shape.slab_bytes || capacity > region->shape.slab_bytes - offset ||
        input_len > capacity || job->reactor >= region->shape.reactors || is_whole > 1) {
        _exit(DR_EXIT_DAMAGED);
    }
    const char *block = region->slab + offset;
    job->request.name = (dora_slice){block, name_len};
    job->request.param = (dora_slice){block + name_len, param_len};
    job->request.caller = (dora_slice){block + name_len + param_len, caller_len};
    job->request.trace = (dora_slice){block + name_len + param_len + caller_len, trace_len};
    job->request.whole = (dora_slice){NULL, 0};
    job->request.has_param = param_len > 0;
    if (is_whole != 0) {
        job->request.whole = job->request.param;
        job->request.has_param = dr_api_has_param(job->request.whole, &job->request.param);
    } else if (param_len == 0) {
        job->request.param = (dora_slice){"N;", 2};
    }
    job->room = region->slab + offset + input_len;
    job->room_len = capacity - input_len;
    job->request.type = type;
}

static inline void open_writer(dr_job *job)
{
    dr_writer_init(&job->reply.writer, job->room, job->room_len, job->worker->reply_bytes_max, grow,
                   job);
    job->reply.writer.depth_max = DR_VALUE_DEPTH_MAX - DR_REPLY_LEVELS;
}

void dr_job_write_anew(dr_job *job)
{
    if (job->place == DR_JOB_IN_BIG) {
        dr_worker_set_big(job->worker, DR_BIG_FREE);
    }
    free(job->heap);
    job->heap = NULL;
    job->place = DR_JOB_IN_BLOCK;
    open_writer(job);
}

void dr_job_say_start(const dr_job *job, uint64_t start_ns)
{
    atomic_store_explicit(&job->shared->start_ns, start_ns, memory_order_relaxed);
}

bool dr_job_begin(dr_job *job, uint32_t index, uint32_t generation, uint64_t now_ns)
{
    dr_worker *worker = job->worker;
    if (index >= worker->region->shape.tasks) {
        return false;
    }
    dr_shared_task *task = &worker->region->tasks[index];
    uint64_t word = dr_task_word(generation, DR_TASK_QUEUED, worker->slot);
    if (!atomic_compare_exchange_strong_explicit(
            &task->word, &word, dr_task_word(generation, DR_TASK_RUNNING, worker->slot),
            memory_order_acq_rel, memory_order_relaxed)) {
        return false;
    }
    if (worker->has_memory_limit) {
        errno = 0; /* what an earlier task was refused is not this one's */
    }
    job->request.came_ns = atomic_load_explicit(&task->start_ns, memory_order_relaxed);
    job->request.began_ns = now_ns;
    atomic_store_explicit(&task->start_ns, now_ns, memory_order_relaxed);
    job->shared = task;
    job->index = job->request.task = index;
    job->generation = generation;
    job->begin_ns = now_ns;
    take_input(job, task);
    job->request.guid = (dora_slice){task->guid, DR_GUID_LEN};
    job->request.deadline_ns = task->deadline_ns;
    job->request.connection = task->connection;
    job->request.protocol = task->protocol;
    job->request.priority = task->priority;
    job->is_waiting = false;
    job->place = DR_JOB_IN_BLOCK;
    job->reply.has_failed = false;
    job->reply.is_logged = false;
    job->reply.has_parts = false;
    job->reply.http_status = 0;
    job->reply.code = 0;
    job->reply.msg_len = 0;
    if (job->request.type == DR_TYPE_ST_S) {
        take_ring(job);
    }
    open_writer(job);
    return true;
}

/* find_handler finds the handler the master meant. Where the application was loaded again since
 * (late loading, a new zygote) its order may have changed, so the name decides. */
static bool find_handler(dr_job *job, const dora_app *app, uint32_t api)
{
    const dora_slice name = job->request.name;
    for (uint32_t tries = 0; tries <= app->count; tries++) {
        const uint32_t at = tries == 0 ? api : tries - 1;
        if (at < app->count && app->entries[at].name_len == name.len &&
            memcmp(app->entries[at].name, name.data, name.len) == 0) {
            job->handler = app->entries[at].handler;
            job->about = &app->entries[at].about;
            return true;
        }
    }
    job->handler = app->fallback;
    job->about = &app->fallback_about;
    return app->has_fallback;
}

static dora_err refuse(dr_job *job, dora_code code)
{
    const char *text = dora_code_text(code);
    dr_reply_set_error(&job->reply, code, text, strlen(text));
    return DORA_EHANDLER;
}

bool dr_job_is_expired(dr_job *job)
{
    const uint64_t deadline_ns = job->request.deadline_ns;
    if (deadline_ns == 0 || job->begin_ns < deadline_ns) {
        return false;
    }
    (void)refuse(job, DORA_CODE_EXPIRED);
    return true;
}

dora_err dr_job_find(dr_job *job)
{
    dr_worker *worker = job->worker;
    if (dr_job_is_expired(job)) {
        return DORA_EHANDLER;
    }
    job->api = job->shared->api;
    if (!find_handler(job, worker->app, job->api)) {
        return refuse(job, DORA_CODE_NO_API);
    }
    dr_worker_count(worker);
    return DORA_OK;
}

/* is_unheard says whether nobody is told of an error by an answer. What was not run, the master
 * writes down. */
static bool is_unheard(const dr_job *job)
{
    return !dr_call_type_has_result((dr_call_type)job->request.type) &&
           !dora_code_is_not_run(job->reply.code);
}

/* end_parts: a handler that has sent parts and returned nothing has them for its result, or null.
 */
static void end_parts(dr_job *job, dora_err err)
{
    dora_reply *reply = &job->reply;
    dr_parts_leave(job);
    if (err == DORA_OK && !reply->has_failed && reply->writer.len == 0 &&
        dora_writer_error(&reply->writer) == DORA_OK) {
        dora_reply_no_result(reply);
    }
    dr_parts_fini(&reply->parts);
    if (reply->parts.stream != NULL) { /* when it began, for its times; it may have waited since */
        job->shared->waited_ns = job->begin_ns - job->request.began_ns;
        dr_job_say_start(job, job->request.began_ns);
        job->begin_ns = job->request.began_ns;
    }
}

/* give_up makes the reply of a task that was to end what its caller is told. Who has heeded that
 * has said so, and logged it; whatever else a handler has come to is dropped. */
static void give_up(dr_job *job, dr_interrupt why)
{
    dora_reply *reply = &job->reply;
    const dora_slice stack = dr_heed_stack(job->worker);
    const dora_fault fault = {.size = sizeof fault, .traceback = stack};
    if (!reply->has_failed || reply->code != dr_interrupt_code(why)) {
        (void)dora_reply_interrupted(&job->request, reply);
    }
    if (!reply->is_logged && why != DR_INTERRUPT_CANCELLED) {
        (void)dora_log_fault(&job->request, reply, &fault);
    }
}

void dr_job_settle(dr_job *job, dora_err err)
{
    dora_reply *reply = &job->reply;
    const dr_interrupt why = dr_job_interrupt(job);
    if (why != DR_INTERRUPT_NONE) {
        give_up(job, why);
    }
    const bool is_meant = reply->has_failed; /* it is no result that cannot be sent */
    if (reply->has_parts) {
        end_parts(job, err);
    }
    dr_reply_finish(reply, err, &job->out);
    if (job->request.protocol != DR_PROTOCOL_TCP &&
        dr_call_type_has_result((dr_call_type)job->request.type)) {
        dr_reply_take_json(reply, &job->out);
    }
    if (reply->has_failed && !reply->is_logged &&
        (!is_meant || reply->code == DORA_CODE_TIME_LIMIT || is_unheard(job))) {
        (void)dora_log_fault(&job->request, reply, NULL);
    }
}

/* move_out puts the reply where the master looks for it. Returns: false when that is not free. */
static bool move_out(dr_job *job)
{
    const bool has_failed = job->reply.has_failed;
    if (has_failed && job->out.len <= job->room_len) {
        if (job->place == DR_JOB_IN_BIG) {
            dr_worker_set_big(job->worker, DR_BIG_FREE);
        }
        job->place = DR_JOB_IN_BLOCK;
        memcpy(job->room, job->out.data, job->out.len);
    } else if (has_failed || job->place == DR_JOB_IN_HEAP) {
        if (job->place != DR_JOB_IN_BIG && !take_big(job)) {
            return false;
        }
        memcpy(dr_region_big(job->worker->region, job->worker->slot), job->out.data, job->out.len);
    }
    if (job->heap != NULL) {
        free(job->heap);
        job->heap = NULL;
    }
    return true;
}

bool dr_job_publish(dr_job *job, uint64_t *end_ns)
{
    dr_worker *worker = job->worker;
    dr_shared_task *task = job->shared;
    const bool has_failed = job->reply.has_failed;
    if (!move_out(job)) {
        return false;
    }
    const bool is_big = job->place == DR_JOB_IN_BIG;
    if (is_big) {
        dr_worker_set_big(worker, DR_BIG_FULL);
    }
    task->reply_at = dr_reply_at(is_big ? DR_REPLY_IN_BIG : DR_REPLY_IN_BLOCK,
                                 has_failed ? job->reply.http_status : 0);
    task->code = has_failed ? job->reply.code : 0;
    task->msg_len = has_failed ? (uint32_t)job->out.len : 0;
    task->data_len = has_failed ? 0 : (uint32_t)job->out.len;
    task->seal =
        dr_reply_seal(job->generation, task->reply_at, task->msg_len, task->data_len, task->code);
    *end_ns = dr_clock_ns();
    task->run_ns = *end_ns - job->begin_ns;
    const uint32_t reactor = job->reactor;
    atomic_store_explicit(&task->word, dr_task_word(job->generation, DR_TASK_DONE, worker->slot),
                          memory_order_release);
    dr_outbox_push(worker->region, worker->slot, reactor, job->index);
    dr_wake_reactor(&worker->region->reactors[reactor], worker->slot, worker->event_fds[reactor]);
    return true;
}
