/* call_span.c: the spans of a call: what it was when it came, and what became of it and its tasks.
 */
#include "server/call/call_span.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/slice.h"

struct dr_call_span {
    bool is_told;
    bool is_root; /* the server has begun the trace */
    const char *protocol;
    dr_trace_parent self;
    char parent_id[DR_SPAN_ID_LEN];
    uint64_t came_ns;
    char begun[DR_TRACE_PARENT_LEN];
    size_t caller_len; /* of the identity that called; 0: none */
    char caller[DR_IDENTITY_NAME_MAX];
    size_t name_len; /* of the api; 0: it is several */
    char name[];
};

/* is_sampled says whether a call without a trace begins one. */
static bool is_sampled(dr_lane *lane)
{
    const uint32_t sample =
        atomic_load_explicit(&lane->backend->trace_sample, memory_order_relaxed);
    return sample != 0 && (uint32_t)dr_random_next(&lane->random) <= sample;
}

static void new_span_id(dr_lane *lane, char id[DR_SPAN_ID_LEN])
{
    char digits[DR_GUID_LEN];
    dr_guid_make(&lane->random, digits);
    memcpy(id, digits, DR_SPAN_ID_LEN);
}

/* begin fills a span in. Returns: false where the request is not traced. */
static bool begin(const dr_responder *responder, const dr_request *request, dr_call_span *span)
{
    dr_lane *lane = responder->lane;
    const bool is_web = dr_responder_is_web(responder);
    *span = (dr_call_span){
        .protocol = is_web ? "http" : "tcp", /* who asks may be gone when it ends */
        .came_ns = is_web ? responder->web->came_ns : dr_reactor_now_ns(&lane->reactor),
        .caller_len = lane->caller.name.len};
    if (span->caller_len > 0) {
        memcpy(span->caller, lane->caller.name.data, span->caller_len);
    }
    if (dr_trace_read(request->trace, &span->self)) {
        if (!span->self.is_sampled) {
            return false;
        }
        memcpy(span->parent_id, span->self.span_id, DR_SPAN_ID_LEN);
        new_span_id(lane, span->self.span_id);
        return true;
    }
    if (request->trace.len > 0 || !is_sampled(lane)) {
        return false;
    }
    span->is_root = true;
    span->self.is_sampled = true;
    dr_guid_make(&lane->random, span->self.trace_id);
    new_span_id(lane, span->self.span_id);
    dr_trace_write(&span->self, span->begun);
    return true;
}

void dr_call_span_begin(dr_call *call, const dr_request *request)
{
    dr_call_span span;
    if (!begin(&call->responder, request, &span)) {
        return;
    }
    const dora_slice name = call->lane->apis[0].name;
    const size_t name_len = call->is_single ? name.len : 0;
    call->span = malloc(sizeof(*call->span) + name_len);
    if (call->span != NULL) {
        *call->span = span;
        call->span->name_len = name_len;
        memcpy(call->span->name, name.data, name_len);
    }
}

void dr_call_span_input(const dr_call *call, dr_task_input *input)
{
    if (call->span->is_root) {
        input->trace = (dora_slice){call->span->begun, sizeof(call->span->begun)};
    }
}

static const char *pool_name(const dr_lane *lane, const dr_row *row)
{
    return row != NULL && row->pool != DR_NONE ? lane->backend->config->pools[row->pool].name
                                               : NULL;
}

/* why_of is an error's message, or the usual one of its code. */
static dora_slice why_of(int64_t code, dora_slice msg)
{
    return code == 0 || msg.len > 0 ? msg : dr_slice(dora_code_text(code));
}

/* put tells a span of a task, a child of its call's. */
static void put(const dr_call *call, const dr_call_item *one, dr_span *span)
{
    const dr_call_span *parent = call->span;
    memcpy(span->trace_id, parent->self.trace_id, DR_TRACE_ID_LEN);
    memcpy(span->parent_id, parent->self.span_id, DR_SPAN_ID_LEN);
    memcpy(span->guid, call->guid, DR_GUID_LEN);
    span->has_parent = true;
    span->apis = 1;
    span->pool = pool_name(call->lane, one->row);
    span->type = dr_call_type_name(call->type);
    dr_spans_add(call->lane->backend->spans, span);
}

/* put_queue tells how long a task waited; `code` is 0 where a worker had it then. */
static void put_queue(const dr_call *call, const dr_call_item *one, const dr_task_asked *asked,
                      uint64_t queue_ns, int64_t code, dora_slice msg)
{
    dr_span span = {.kind = DR_SPAN_QUEUE,
                    .start_ns = asked->came_ns,
                    .end_ns = asked->came_ns + queue_ns,
                    .code = code,
                    .name = {asked->name, asked->name_len},
                    .msg = why_of(code, msg)};
    new_span_id(call->lane, span.span_id);
    put(call, one, &span);
}

void dr_call_span_item(const dr_call *call, const dr_call_item *one, const dr_outcome *outcome)
{
    dr_task_asked asked;
    dr_task_ask(one->pool, outcome->task, &asked);
    const uint64_t queue_ns = outcome->is_timed ? outcome->queue_ns : asked.queue_ns;
    if (!outcome->is_timed && dora_code_is_not_run(outcome->code)) {
        put_queue(call, one, &asked, queue_ns, one->code, outcome->msg);
        return;
    }
    put_queue(call, one, &asked, queue_ns, 0, (dora_slice){NULL, 0});
    const uint64_t start_ns = asked.came_ns + queue_ns;
    const uint64_t run_ns = outcome->is_timed ? outcome->run_ns : asked.run_ns;
    dr_span span = {.kind = DR_SPAN_HANDLER,
                    .start_ns = start_ns,
                    .end_ns = start_ns + run_ns,
                    .code = one->code,
                    .worker = dr_slot_pid(one->pool, outcome->slot),
                    .name = {asked.name, asked.name_len},
                    .msg = why_of(one->code, outcome->msg)};
    dr_trace_span_of(call->guid, asked.came_ns, outcome->task, span.span_id);
    put(call, one, &span);
}

void dr_call_span_cancelled(const dr_call *call, const dr_call_item *one,
                            const dr_task_asked *asked)
{
    put_queue(call, one, asked, asked->queue_ns, one->code, one->msg);
}

/* put_server tells the span of a call, as it ends now. */
static void put_server(dr_lane *lane, const dr_call_span *self, dr_span *span)
{
    span->kind = DR_SPAN_SERVER;
    memcpy(span->trace_id, self->self.trace_id, DR_TRACE_ID_LEN);
    memcpy(span->span_id, self->self.span_id, DR_SPAN_ID_LEN);
    memcpy(span->parent_id, self->parent_id, DR_SPAN_ID_LEN);
    span->has_parent = !self->is_root;
    span->start_ns = self->came_ns;
    span->end_ns = dr_clock_ns();
    span->protocol = self->protocol;
    span->caller = (dora_slice){self->caller, self->caller_len};
    dr_spans_add(lane->backend->spans, span);
}

/* tell tells the span of a call with a code and a message, unless that is done. */
static void tell(dr_call *call, int64_t code, dora_slice msg, bool is_repeat)
{
    dr_call_span *self = call->span;
    dr_span span = {.code = code,
                    .is_repeat = is_repeat,
                    .apis = call->count,
                    .pool = call->count == 1 ? pool_name(call->lane, call->items[0].row) : NULL,
                    .type = dr_call_type_name(call->type),
                    .name = {self->name, self->name_len},
                    .msg = why_of(code, msg)};
    if (self->is_told) {
        return;
    }
    self->is_told = true;
    memcpy(span.guid, call->guid, DR_GUID_LEN);
    put_server(call->lane, self, &span);
}

void dr_call_span_end(dr_call *call)
{
    for (uint32_t i = 0; i < call->count; i++) {
        if (call->items[i].code != 0) {
            tell(call, call->items[i].code, call->items[i].msg, false);
            return;
        }
    }
    tell(call, 0, (dora_slice){NULL, 0}, false);
}

void dr_call_span_accepted(dr_call *call)
{
    tell(call, 0, (dora_slice){NULL, 0}, false);
}

void dr_call_span_repeated(dr_call *call, int64_t code)
{
    tell(call, code, (dora_slice){NULL, 0}, true);
}

void dr_call_span_refused(const dr_responder *responder, const dr_request *request, int64_t code)
{
    dr_lane *lane = responder->lane;
    dr_call_span self;
    if (!begin(responder, request, &self)) {
        return;
    }
    dr_span span = {.code = code,
                    .apis = (uint32_t)request->api_count,
                    .type = dr_call_type_name(request->type),
                    .msg = dr_slice(dora_code_text(code))};
    if (dr_call_type_is_single(request->type)) {
        span.name = lane->apis[0].name;
    }
    memcpy(span.guid, request->guid.data, DR_GUID_LEN);
    put_server(lane, &self, &span);
}
