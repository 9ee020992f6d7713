/* context.c: what a zygote or a worker knows of its server, and what handlers may ask of it. */
#include "task/context.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <dora/runtime.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/sized.h"
#include "ipc/log_packet.h"
#include "task/app.h"

/* The only state of this layer outside a struct: a handler that logs has nothing to give us. */
static dr_context *current;

void dr_context_set(dr_context *context)
{
    current = context;
}

void dr_context_enter(dr_context *context, const dr_status_page *board, uint32_t number,
                      const _Atomic uint64_t *requests, const struct dora_task *const *job)
{
    context->status_page = board;
    context->pid = getpid();
    context->number = number;
    context->requests = requests;
    context->job = job;
    context->thread = pthread_self();
    atomic_store(&context->dropped, 0); /* the zygote's own */
}

static dora_slice text_of(const char *text)
{
    return (dora_slice){text, text == NULL ? 0 : strlen(text)};
}

bool dora_log_is_wanted(int level)
{
    const dr_context *context = current;
    return context != NULL && dr_log_is_wanted(context->log_level, level);
}

bool dora_log_level_set(int level)
{
    dr_context *context = current;
    if (context == NULL) {
        return false;
    }
    context->log_level = level > 0 ? (uint32_t)level : 0;
    return true;
}

/* record sends an entry with what is the same for all: the time and the process. */
static bool record(dr_log_entry entry)
{
    dr_context *context = current;
    if (context == NULL) {
        return false;
    }
    if (!dr_log_is_wanted(context->log_level, entry.level)) {
        return true;
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    entry.time_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    entry.pid = getpid(); /* a handler may have forked */
    const uint64_t dropped = atomic_exchange(&context->dropped, 0);
    if (!dr_log_packet_send(context->log_fd, &entry, dropped)) {
        atomic_fetch_add(&context->dropped, dropped + 1);
    }
    return true;
}

/* say_within sends what a handler says; `request` NULL: nobody knows whose. */
static bool say_within(dr_log_entry entry, const dora_request *request)
{
    dr_log_call call = {.kind = DR_LOG_CALL_WITHIN};
    if (request != NULL) {
        call.api = request->name;
        call.guid = request->guid;
        call.trace = request->trace;
        entry.call = &call;
    }
    return record(entry);
}

/* request_now is that of the handler that runs in this thread, where a worker has one at a time.
 * Other threads must not even look for it. */
static const dora_request *request_now(void)
{
    const dr_context *context = current;
    if (context == NULL || context->job == NULL ||
        pthread_equal(context->thread, pthread_self()) == 0) {
        return NULL;
    }
    return *context->job != NULL ? dora_task_request(*context->job) : NULL;
}

bool dora_log(int level, const char *tag, const char *file, uint32_t line, const char *msg,
              size_t msg_len)
{
    return dora_log_within(request_now(), level, tag, file, line, msg, msg_len);
}

bool dora_log_within(const dora_request *request, int level, const char *tag, const char *file,
                     uint32_t line, const char *msg, size_t msg_len)
{
    const dr_log_entry entry = {.level = level,
                                .tag = text_of(tag),
                                .file = text_of(file),
                                .line = line,
                                .msg = {msg, msg_len}};
    return say_within(entry, request);
}

bool dora_log_value(int level, const char *tag, const char *file, uint32_t line, const char *json,
                    size_t json_len)
{
    const dr_log_entry entry = {.level = level,
                                .tag = text_of(tag),
                                .file = text_of(file),
                                .line = line,
                                .msg = {json, json_len},
                                .is_value = true};
    return say_within(entry, request_now());
}

/* say_fault sends what went wrong in a call. */
static bool say_fault(const dora_request *request, int64_t code, dora_slice said,
                      const dora_fault *fault)
{
    static const dr_sized type = DR_SIZED(dora_fault, file);
    static const dora_fault none = {.size = sizeof none};
    dora_fault room;
    const void *taken = fault != NULL ? fault : &none;
    if (dr_sized_take(&type, &taken, &room, NULL) != DORA_OK) {
        return false;
    }
    fault = taken;
    const uint64_t now_ns = dr_clock_ns();
    const uint64_t came_ns = request->came_ns;
    const uint64_t began_ns = request->began_ns;
    const dr_log_call call = {.kind = DR_LOG_CALL_ERROR,
                              .api = request->name,
                              .guid = request->guid,
                              .trace = request->trace,
                              .type = text_of(dora_request_type(request)),
                              .code = code,
                              .is_timed = came_ns != 0,
                              .queue_ns = began_ns > came_ns ? began_ns - came_ns : 0,
                              .run_ns = now_ns > began_ns ? now_ns - began_ns : 0,
                              .class_name = fault->class_name,
                              .traceback = fault->traceback};
    return record((dr_log_entry){.level = DORA_LOG_ERROR,
                                 .file = fault->file,
                                 .line = fault->line,
                                 .msg = fault->msg.len > 0 ? fault->msg : said,
                                 .is_line = true,
                                 .call = &call});
}

bool dora_log_fault(const dora_request *request, dora_reply *reply, const dora_fault *fault)
{
    const dora_slice said = {reply->msg, reply->msg_len};
    reply->is_logged = true;
    return say_fault(request, reply->code, said, fault);
}

bool dora_log_late(const dora_request *kept, int64_t code, const dora_fault *fault)
{
    return say_fault(kept, code, text_of(dora_code_text(code)), fault);
}

/* append copies bytes to `*at`, which goes behind them. Returns: the copy. */
static dora_slice append(char **at, dora_slice bytes)
{
    const dora_slice copy = {*at, bytes.len};
    if (bytes.len > 0) {
        memcpy(*at, bytes.data, bytes.len);
    }
    *at += bytes.len;
    return copy;
}

dora_request *dora_request_keep(const dora_request *request)
{
    dora_request *kept =
        malloc(sizeof(*kept) + request->name.len + request->guid.len + request->trace.len);
    if (kept == NULL) {
        return NULL;
    }
    char *at = (char *)(kept + 1);
    *kept = (dora_request){
        .came_ns = request->came_ns, .began_ns = request->began_ns, .type = request->type};
    kept->name = append(&at, request->name);
    kept->guid = append(&at, request->guid);
    kept->trace = append(&at, request->trace);
    return kept;
}

void dora_request_free(dora_request *kept)
{
    free(kept);
}

static uint64_t read_count(const _Atomic uint64_t *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

bool dora_server_info_get(dora_server_info *info)
{
    static const dr_sized type = DR_SIZED(dora_server_info, log_bytes);
    const dr_context *context = current;
    if (context == NULL || context->status_page == NULL || context->pid != getpid()) {
        return false;
    }
    const dr_status_page *board = context->status_page;
    const dora_server_info now = {.size = sizeof now,
                                  .pid = atomic_load_explicit(&board->pid, memory_order_relaxed),
                                  .pool = context->pool,
                                  .worker = context->number,
                                  .start_time = (int64_t)read_count(&board->start_time),
                                  .connections = read_count(&board->connections),
                                  .accepted = read_count(&board->accepted),
                                  .closed = read_count(&board->closed),
                                  .tasks = read_count(&board->tasks),
                                  .requests = read_count(&board->requests),
                                  .worker_requests = read_count(context->requests),
                                  .log_lines = read_count(&board->log_lines),
                                  .log_bytes = read_count(&board->log_bytes)};
    dr_sized_give(&type, &now, info);
    return true;
}
