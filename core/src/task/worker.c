/* worker.c: take a task, call the handler, hand back the reply. No system call while tasks wait. */
#include "task/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/deadline.h"
#include "ipc/inbox.h"
#include "ipc/wake.h"

#define SLEEP_MS 5000u
#define REPLY_LEVELS 3 /* reply, map of results, envelope: a result stands behind these */

/* job is the task in hand. */
typedef struct job {
    dr_worker *worker;
    dora_reply reply;
    bool is_in_big;
} job;

static dr_shared_worker *shared_of(const dr_worker *worker)
{
    return &worker->region->workers[worker->slot];
}

static void sleep_until_work(dr_worker *worker)
{
    dr_shared_worker *shared = shared_of(worker);
    const dora_runtime *runtime = worker->runtime;
    dr_wake_sleep_begin(shared);
    if (!dr_inbox_is_empty(shared) || atomic_load(&shared->stop) != 0) {
        dr_wake_sleep_cancel(shared);
        return;
    }
    if (runtime->sleep_begin != NULL) {
        runtime->sleep_begin(runtime->host);
    }
    dr_wake_sleep(shared, SLEEP_MS);
    if (runtime->sleep_end != NULL) {
        runtime->sleep_end(runtime->host);
    }
}

/* wait_for_big waits until the master has copied this worker's last big reply out. */
static void wait_for_big(dr_worker *worker)
{
    dr_shared_worker *shared = shared_of(worker);
    while (atomic_load_explicit(&shared->big_busy, memory_order_acquire) != 0) {
        dr_wake_sleep_begin(shared);
        if (atomic_load(&shared->big_busy) != 0) {
            dr_wake_sleep(shared, SLEEP_MS);
        } else {
            dr_wake_sleep_cancel(shared);
        }
    }
}

/* grow moves a reply that outgrew its task's block to the worker's big area. */
static dora_err grow(dora_writer *writer, size_t need, void *user)
{
    job *self = user;
    dr_worker *worker = self->worker;
    if (self->is_in_big || need > worker->region->shape.big_bytes) {
        return DORA_ETOOBIG;
    }
    wait_for_big(worker);
    char *big = dr_region_big(worker->region, worker->slot);
    memcpy(big, writer->data, writer->len);
    writer->data = big;
    writer->cap = worker->region->shape.big_bytes;
    self->is_in_big = true;
    return DORA_OK;
}

/* settle_reply turns what the handler returned and wrote into one outcome. */
static void settle_reply(dora_reply *reply, dora_err err, size_t bytes_max, dora_slice *data)
{
    *data = (dora_slice){NULL, 0};
    if (reply->has_failed) {
        return;
    }
    const dora_err written = dora_writer_error(&reply->writer);
    if (err != DORA_OK && written != DORA_ETOOBIG) {
        const char *text = dora_err_text(err);
        dr_reply_set_error(reply, DORA_CODE_HANDLER, text, strlen(text));
        return;
    }
    err = written == DORA_OK ? dora_writer_finish(&reply->writer, data) : written;
    if (err == DORA_ETOOBIG) {
        char text[96];
        const int len = snprintf(text, sizeof(text),
                                 "the result is larger than %zu bytes or deeper"
                                 " than %d levels",
                                 bytes_max, DR_VALUE_DEPTH_MAX);
        dr_reply_set_error(reply, DORA_CODE_TOO_BIG, text, (size_t)len);
    } else if (err != DORA_OK) {
        const char *text = "the handler wrote no result, or not exactly one value";
        dr_reply_set_error(reply, DORA_CODE_HANDLER, text, strlen(text));
    }
}

/* publish writes the outcome's fields. The data is in place already. */
static void publish(job *self, dr_shared_task *task, char *room, size_t room_len, dora_slice data)
{
    const dora_reply *reply = &self->reply;
    task->reply_at = self->is_in_big ? DR_REPLY_IN_BIG : DR_REPLY_IN_BLOCK;
    task->code = 0;
    task->msg_len = 0;
    task->data_len = (uint32_t)data.len;
    if (reply->has_failed) {
        task->code = reply->code;
        task->data_len = 0;
        task->msg_len = (uint32_t)reply->msg_len;
        char *place = room;
        if (reply->msg_len > room_len || self->is_in_big) {
            if (!self->is_in_big) {
                wait_for_big(self->worker);
                self->is_in_big = true;
            }
            place = dr_region_big(self->worker->region, self->worker->slot);
            task->reply_at = DR_REPLY_IN_BIG;
        }
        memcpy(place, reply->msg, reply->msg_len);
    }
    if (self->is_in_big) {
        atomic_store_explicit(&shared_of(self->worker)->big_busy, 1, memory_order_release);
    }
}

/* handler_for finds the handler the master meant. Where the application was loaded again since
 * (late loading, a new zygote) its order may have changed, so the name decides. */
static bool handler_for(const dora_app *app, uint32_t api, dora_slice name, void **handler)
{
    for (uint32_t tries = 0; tries <= app->count; tries++) {
        const uint32_t at = tries == 0 ? api : tries - 1;
        if (at < app->count && app->entries[at].name_len == name.len &&
            memcmp(app->entries[at].name, name.data, name.len) == 0) {
            *handler = app->entries[at].handler;
            return true;
        }
    }
    *handler = app->fallback;
    return app->has_fallback;
}

static dora_err refuse(job *self, dora_code code)
{
    const char *text = dora_code_text(code);
    dr_reply_set_error(&self->reply, code, text, strlen(text));
    return DORA_EHANDLER;
}

/* call runs the handler, unless nobody waits for it any more. */
static dora_err call(job *self, const dora_request *request, uint32_t api, uint64_t now_ns)
{
    const dora_runtime *runtime = self->worker->runtime;
    void *handler = NULL;
    if (request->deadline_ns != 0 && now_ns >= request->deadline_ns) {
        return refuse(self, DORA_CODE_EXPIRED);
    }
    if (!handler_for(self->worker->app, api, request->name, &handler)) {
        return refuse(self, DORA_CODE_NO_API);
    }
    _Atomic uint64_t *requests = &self->worker->requests;
    atomic_store_explicit(requests, atomic_load_explicit(requests, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    dr_deadline_set(request->deadline_ns); /* calls that the handler makes end with its caller's */
    const dora_err err = runtime->invoke(runtime->host, handler, request, &self->reply);
    dr_deadline_set(0);
    return err;
}

static dora_err serve(job *self, uint32_t index, uint32_t generation, uint64_t *now_ns)
{
    dr_worker *worker = self->worker;
    dr_shared_task *task = &worker->region->tasks[index];
    uint64_t word = dr_task_word(generation, DR_TASK_QUEUED, worker->slot);
    if (!atomic_compare_exchange_strong_explicit(
            &task->word, &word, dr_task_word(generation, DR_TASK_RUNNING, worker->slot),
            memory_order_acq_rel, memory_order_relaxed)) {
        return DORA_OK; /* taken back, or cancelled */
    }
    atomic_store_explicit(&task->start_ns, *now_ns, memory_order_relaxed);
    char *block = worker->region->slab + task->offset;
    const dora_request request = {
        .name = {block, task->name_len},
        .param = {block + task->name_len, task->param_len},
        .trace = {block + task->name_len + task->param_len, task->trace_len},
        .guid = {task->guid, DR_GUID_LEN},
        .deadline_ns = task->deadline_ns,
        .connection = task->connection,
        .protocol = task->protocol,
        .type = task->type};
    const size_t input_len = (size_t)task->name_len + task->param_len + task->trace_len;
    char *room = block + input_len;
    const size_t room_len = task->capacity - input_len;
    self->is_in_big = false;
    self->reply.has_failed = false;
    self->reply.code = 0;
    self->reply.msg_len = 0;
    dr_writer_init(&self->reply.writer, room, room_len, worker->reply_bytes_max, grow, self);
    self->reply.writer.depth_max = DR_VALUE_DEPTH_MAX - REPLY_LEVELS;

    const dora_err err = call(self, &request, task->api, *now_ns);
    dora_slice data;
    settle_reply(&self->reply, err, worker->reply_bytes_max, &data);
    publish(self, task, room, room_len, data);

    const uint64_t end_ns = dr_clock_ns();
    task->run_ns = end_ns - *now_ns;
    *now_ns = end_ns;
    const uint32_t reactor = task->reactor;
    atomic_store_explicit(&task->word, dr_task_word(generation, DR_TASK_DONE, worker->slot),
                          memory_order_release);
    dr_outbox_push(dr_region_outbox(worker->region, worker->slot, reactor), index);
    dr_wake_reactor(&worker->region->reactors[reactor], worker->slot, worker->event_fds[reactor]);
    if (err == DORA_EEXIT || worker->runtime->between == NULL) {
        return err;
    }
    return worker->runtime->between(worker->runtime->host);
}

void dr_worker_run(dr_worker *worker)
{
    dr_shared_worker *shared = shared_of(worker);
    job *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return;
    }
    self->worker = worker;
    uint64_t now_ns = dr_clock_ns();
    for (;;) {
        uint32_t generation;
        uint32_t index;
        if (dr_inbox_pop(shared, &generation, &index)) {
            if (serve(self, index, generation, &now_ns) == DORA_EEXIT) {
                break;
            }
            continue;
        }
        if (atomic_load_explicit(&shared->stop, memory_order_acquire) != 0) {
            break;
        }
        sleep_until_work(worker);
        now_ns = dr_clock_ns();
    }
    free(self);
}
