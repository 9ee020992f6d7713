/* call_log.c: what the log says of calls: that a request has ended, and that accepted work is lost.
 */
#include "server/call/call_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/slice.h"
#include "base/utf8.h"

#define NS_PER_MS 1000000u

static bool is_wanted(const dr_backend *backend, int64_t code, uint64_t took_ns)
{
    const dr_log_requests wanted =
        atomic_load_explicit(&backend->log_requests, memory_order_relaxed);
    const uint64_t slow_ms = atomic_load_explicit(&backend->log_slow_ms, memory_order_relaxed);
    return wanted == DR_LOG_REQUESTS_ALL || (wanted != DR_LOG_REQUESTS_NONE && code != 0) ||
           (wanted == DR_LOG_REQUESTS_SLOW && took_ns >= slow_ms * NS_PER_MS);
}

/* put writes an entry that begins with the type and the name of what was called. */
static void put(const dr_lane *lane, int level, const dr_row *row, const char *said,
                const dr_log_call *call)
{
    const dr_backend *backend = lane->backend;
    const char *pool =
        row != NULL && row->pool != DR_NONE ? backend->config->pools[row->pool].name : NULL;
    char name[DR_PRINTABLE_MAX(DR_API_NAME_MAX)];
    char text[sizeof(name) + DR_MSG_BYTES_MAX];
    struct timespec now;
    (void)snprintf(text, sizeof(text), "%.*s %s %s", (int)call->type.len, call->type.data,
                   dr_printable_text(call->api, name, sizeof(name)), said);
    clock_gettime(CLOCK_REALTIME, &now);
    const dr_log_entry entry = {.level = level,
                                .time_ns =
                                    (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec,
                                .tag = dr_slice(level == DR_LOG_ERROR ? "call" : "request"),
                                .pid = getpid(),
                                .pool = pool,
                                .msg = dr_slice(text),
                                .is_line = true,
                                .call = call};
    dr_log_record(backend->log, &entry);
}

static void put_request(const dr_lane *lane, const dr_row *row, const dr_log_call *call)
{
    char said[64];
    const uint64_t us = (call->queue_ns + call->run_ns) / 1000u;
    (void)snprintf(said, sizeof(said), "%" PRId64 " in %" PRIu64 ".%03" PRIu64 " ms", call->code,
                   us / 1000u, us % 1000u);
    put(lane, DR_LOG_INFO, row, said, call);
}

static dr_log_call call_of(const dr_call *call, const dr_call_item *one, const dr_task_asked *asked)
{
    return (dr_log_call){.kind = DR_LOG_CALL_REQUEST,
                         .api = {asked->name, asked->name_len},
                         .guid = {call->guid, DR_GUID_LEN},
                         .trace = {asked->trace, asked->trace_len},
                         .type = dr_slice(dr_call_type_name(call->type)),
                         .code = one->code,
                         .is_timed = true,
                         .bytes_in = asked->param_bytes,
                         .protocol = dr_slice(asked->is_http ? "http" : "tcp"),
                         .caller = {asked->caller, asked->caller_len}};
}

void dr_call_log_item(const dr_call *call, const dr_call_item *one, const dr_outcome *outcome)
{
    const uint64_t took_ns = outcome->queue_ns + outcome->run_ns;
    if (!is_wanted(call->lane->backend, one->code, took_ns)) {
        return;
    }
    dr_task_asked asked;
    dr_task_ask(one->pool, outcome->task, &asked);
    dr_log_call said = call_of(call, one, &asked);
    said.bytes_out = outcome->msg.len + outcome->data.len;
    said.queue_ns = outcome->is_timed ? outcome->queue_ns : asked.queue_ns;
    said.run_ns = outcome->is_timed                     ? outcome->run_ns
                  : dora_code_is_not_run(outcome->code) ? 0
                                                        : asked.run_ns;
    put_request(call->lane, one->row, &said);
}

void dr_call_log_cancelled(const dr_call *call, const dr_call_item *one, const dr_task_asked *asked)
{
    if (is_wanted(call->lane->backend, one->code, 0)) {
        dr_log_call said = call_of(call, one, asked);
        said.queue_ns = asked->queue_ns;
        put_request(call->lane, one->row, &said);
    }
}

void dr_call_log_refused(const dr_responder *responder, const dr_request *request,
                         const dr_api *api, const dr_row *row, int64_t code)
{
    const dr_log_call said = {.kind = DR_LOG_CALL_REQUEST,
                              .api = api->name,
                              .guid = request->guid,
                              .trace = request->trace,
                              .type = dr_slice(dr_call_type_name(request->type)),
                              .code = code,
                              .is_timed = true,
                              .bytes_in = api->param.len,
                              .protocol = dr_slice(dr_responder_is_web(responder) ? "http" : "tcp"),
                              .caller = responder->lane->caller.name};
    if (is_wanted(responder->lane->backend, code, 0)) {
        put_request(responder->lane, row, &said);
    }
}

void dr_call_log_unread(const dr_responder *responder, const char *guid, const dora_error *error)
{
    const dr_log_call said = {.kind = DR_LOG_CALL_REQUEST,
                              .guid = {guid, DR_GUID_LEN},
                              .code = error->code,
                              .protocol =
                                  dr_slice(dr_responder_is_web(responder) ? "http" : "tcp")};
    if (is_wanted(responder->lane->backend, error->code, 0)) {
        put(responder->lane, DR_LOG_INFO, NULL,
            error->msg[0] != '\0' ? error->msg : dora_code_text(error->code), &said);
    }
}

void dr_call_log_lost(const dr_call *call, const dr_call_item *one, int64_t code, dora_slice msg)
{
    char said[DR_MSG_BYTES_MAX];
    const dr_log_call lost = {.kind = DR_LOG_CALL_ERROR,
                              .api = one->name,
                              .guid = {call->guid, DR_GUID_LEN},
                              .type = dr_slice(dr_call_type_name(call->type)),
                              .code = code};
    const dora_slice why = msg.len > 0 ? msg : dr_slice(dora_code_text(code));
    char text[sizeof(said) + 32];
    (void)snprintf(text, sizeof(text), "is lost: %s", dr_printable_text(why, said, sizeof(said)));
    put(call->lane, DR_LOG_ERROR, one->row, text, &lost);
}
