/* instructions.c: the stairs of a call on fixed input, one at a time, to have their instructions
 * counted by callgrind. No threads: the reactor's part runs in the worker, between two tasks.
 *
 *     bench_instructions TIMES      or --version: the compiler
 *
 * Each function named counted_... is one figure, and the worker's is dr_worker_run without the
 * reactor's turn; see instructions.py.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "task/collect.h"
#include "task/dispatch.h"
#include "task/watch.h"
#include "task/worker.h"
#include "wire/float.h"
#include "wire/frame.h"
#include "wire/json_reply.h"
#include "wire/message.h"
#include "wire/message_write.h"

#define GUID "0123456789abcdef0123456789abcdef"
#define NAME "/bench/get"
#define PARAM "a:2:{s:2:\"id\";i:7;s:4:\"name\";s:3:\"Ann\";}"
#define DATA "a:2:{s:2:\"id\";i:7;s:2:\"ok\";b:1;}"
#define APIS 10
#define COUNTED __attribute__((noinline)) static void

typedef struct bench {
    dr_buf single; /* a frame of W_S */
    dr_buf many;   /* a frame of W_M */
    dr_buf out;
    dr_buf text;
    dr_pool pool;
    dora_app app;
    dr_worker worker;
    int event_fd;
    uint32_t task;
    uint32_t outcomes;
    uint32_t times;
} bench;

static const dora_frame_options plain;

static void check(bool is_true, const char *what)
{
    if (!is_true) {
        fprintf(stderr, "bench_instructions: %s failed\n", what);
        exit(1);
    }
}

static dora_slice slice_of(const char *text)
{
    return (dora_slice){text, strlen(text)};
}

static dora_slice bytes_of(const dr_buf *buf)
{
    return (dora_slice){buf->data, buf->len};
}

static void build_request(dr_buf *out, uint32_t count)
{
    static const char *const keys[APIS] = {"i:1;", "i:2;", "i:3;", "i:4;", "i:5;",
                                           "i:6;", "i:7;", "i:8;", "i:9;", "i:10;"};
    dr_api apis[APIS];
    size_t mark = 0;
    const dr_request request = {.guid = slice_of(GUID),
                                .type = count == 1 ? DR_TYPE_W_S : DR_TYPE_W_M,
                                .api_count = count,
                                .timeout_ms = -1,
                                .attempt = -1};
    for (uint32_t i = 0; i < count; i++) {
        apis[i] = (dr_api){.key_raw = slice_of(count == 1 ? DR_KEY_ONE : keys[i]),
                           .name = slice_of(NAME),
                           .param = slice_of(PARAM)};
    }
    check(dr_frame_begin(out, &plain, GUID, &mark) == DORA_OK, "frame");
    check(dr_request_encode(out, &request, apis) == DORA_OK, "request");
    check(dr_frame_end(out, &plain, mark, NULL) == DORA_OK, "frame");
}

static void decode(const dr_buf *frame_bytes)
{
    dr_frame frame;
    dr_request request;
    dr_api apis[APIS];
    size_t used = 0;
    check(dr_frame_decode_any(&plain, bytes_of(frame_bytes), &frame, &used, NULL) == DORA_OK,
          "frame");
    check(dr_request_decode(frame.body, frame.guid, &request, apis, APIS, NULL) == DORA_OK,
          "request");
}

COUNTED counted_decode_single(bench *self)
{
    decode(&self->single);
}

COUNTED counted_decode_many(bench *self)
{
    decode(&self->many);
}

COUNTED counted_frame(bench *self)
{
    dr_frame frame;
    size_t used = 0;
    check(dr_frame_decode_any(&plain, bytes_of(&self->single), &frame, &used, NULL) == DORA_OK,
          "frame");
}

COUNTED counted_encode_reply(bench *self)
{
    const dora_slice ok = {"OK", 2};
    size_t mark = 0;
    dr_buf *out = &self->out;
    out->len = 0;
    bool is_good = dr_frame_begin(out, &plain, GUID, &mark) == DORA_OK;
    is_good = is_good && dr_reply_begin(out, GUID, 0, ok) == DORA_OK;
    is_good = is_good && dr_reply_begin(out, GUID, 0, ok) == DORA_OK;
    is_good = is_good && dr_buf_append_slice(out, slice_of(DATA)) == DORA_OK;
    is_good = is_good && dr_reply_end(out) == DORA_OK && dr_reply_end(out) == DORA_OK;
    check(is_good && dr_frame_end(out, &plain, mark, NULL) == DORA_OK, "reply");
}

COUNTED counted_json_reply(bench *self)
{
    dr_frame frame;
    size_t used = 0;
    self->text.len = 0;
    check(dr_frame_decode_any(&plain, bytes_of(&self->out), &frame, &used, NULL) == DORA_OK &&
              dr_json_reply(frame.body, slice_of(GUID), 4096, &self->text) == DORA_OK,
          "reply in JSON");
}

COUNTED counted_float(bench *self)
{
    char text[DR_FLOAT_TEXT_MAX];
    check(dr_float_text(0.1 * (self->outcomes + 1), text) > 0, "float");
}

COUNTED counted_dispatch_submit(bench *self)
{
    const dr_task_input input = {.name = slice_of(NAME),
                                 .param = slice_of(PARAM),
                                 .guid = GUID,
                                 .type = DR_TYPE_W_S,
                                 .owner = self};
    const char *why;
    check(dr_dispatch_reserve(&self->pool, &input, &self->task, &why) == 0, "submit");
    dr_dispatch_commit(&self->pool, &self->task, 1);
}

static bool on_outcome(const dr_outcome *outcome, void *user)
{
    bench *self = user;
    check(outcome->code == 0 && outcome->data.len == sizeof(DATA) - 1, "outcome");
    self->outcomes++;
    return true;
}

COUNTED counted_dispatch_collect(bench *self)
{
    check(dr_dispatch_collect(&self->pool, 0, on_outcome, self) == 1, "collect");
    dr_dispatch_release(&self->pool, &self->task, 1);
}

static dora_err invoke(void *host, void *handler, const dora_request *request, dora_reply *reply)
{
    (void)host;
    (void)handler;
    (void)request;
    dora_writer *writer = dora_reply_writer(reply);
    dora_write_array(writer, 2);
    dora_write_string(writer, "id", 2);
    dora_write_int(writer, 7);
    dora_write_string(writer, "ok", 2);
    dora_write_bool(writer, true);
    return dora_write_end(writer);
}

/* reactor_turn is what a reactor does for one call, while the worker has just done the last. */
COUNTED reactor_turn(bench *self)
{
    counted_dispatch_collect(self);
    if (self->outcomes == self->times) {
        atomic_store(&self->pool.region.workers[self->worker.slot].stop, 1);
        return;
    }
    counted_frame(self);
    counted_decode_single(self);
    counted_decode_many(self);
    counted_encode_reply(self);
    counted_json_reply(self);
    counted_float(self);
    counted_dispatch_submit(self);
}

static dora_err between(void *host)
{
    reactor_turn(host);
    return DORA_OK;
}

static void on_attention(dr_pool *pool, void *user)
{
    (void)pool;
    (void)user;
}

static void set_up(bench *self)
{
    static dora_runtime runtime = {.size = sizeof runtime,
                                   .name = "bench",
                                   .version = "1",
                                   .invoke = invoke,
                                   .between = between};
    const dr_pool_limits limits = {.reactors = 1,
                                   .workers = 1,
                                   .queue_tasks_max = 16,
                                   .slab_bytes = 8u << 20,
                                   .big_bytes = 256u << 10};
    runtime.host = self;
    build_request(&self->single, 1);
    build_request(&self->many, APIS);
    self->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    check(dr_pool_init(&self->pool, &limits, &self->event_fd, NULL) == DORA_OK, "pool");
    check(dr_pool_set_apis(&self->pool, 1) == DORA_OK, "apis");
    self->pool.on_attention = on_attention;
    self->app.has_fallback = true;
    pthread_mutex_lock(&self->pool.lock);
    const uint32_t slot = dr_slot_reserve(&self->pool);
    pthread_mutex_unlock(&self->pool.lock);
    check(slot != DR_NONE, "slot");
    self->worker = (dr_worker){.runtime = &runtime,
                               .app = &self->app,
                               .region = &self->pool.region,
                               .slot = slot,
                               .reply_bytes_max = limits.big_bytes,
                               .event_fds = &self->event_fd};
    dr_dispatch_worker_ready(&self->pool, slot);
}

int main(int argc, char **argv)
{
    static bench self;
    if (argc < 2) {
        fprintf(stderr, "usage: bench_instructions TIMES|--version\n");
        return 2;
    }
    if (strcmp(argv[1], "--version") == 0) {
#ifdef __clang__
        printf("clang %s\n", __clang_version__);
#else
        printf("gcc %s\n", __VERSION__);
#endif
        return 0;
    }
    self.times = (uint32_t)strtoul(argv[1], NULL, 10);
    set_up(&self);
    counted_dispatch_submit(&self);
    dr_worker_run(&self.worker);
    check(self.outcomes == self.times, "the count of outcomes");
    dr_pool_fini(&self.pool);
    dr_buf_fini(&self.single);
    dr_buf_fini(&self.many);
    dr_buf_fini(&self.out);
    dr_buf_fini(&self.text);
    return 0;
}
