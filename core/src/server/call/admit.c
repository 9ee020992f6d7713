/* admit.c: the apis of a call become tasks: each for itself where the caller waits, all or none
 * where the call is accepted. */
#include "server/call/admit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/slice.h"
#include "server/call/call_log.h"
#include "server/call/call_span.h"
#include "server/call/call_stream.h"
#include "server/call/caller.h"
#include "server/call/dedupe.h"
#include "server/call/reply.h"
#include "task/room.h"

static const char no_api_prefix[] = "no such api: ";

/* find finds who serves an api of a call. Returns: false when nobody does. */
static bool find(dr_call *call, uint32_t index, dr_route *route)
{
    dr_backend *backend = call->lane->backend;
    const dr_routes *routes = atomic_load_explicit(&backend->routes, memory_order_acquire);
    if (!dr_routes_find(routes, call->lane->apis[index].name, route)) {
        call->items[index].row = backend->rows.nobody;
        return false;
    }
    call->items[index].pool = &backend->pools[route->pool];
    call->items[index].row = dr_routes_row(routes, route);
    return true;
}

static const uint8_t protocols[] = {
    [DR_RESPONDER_NONE] = DR_PROTOCOL_TCP,      [DR_RESPONDER_FRAME] = DR_PROTOCOL_TCP,
    [DR_RESPONDER_JSON] = DR_PROTOCOL_TCP_JSON, [DR_RESPONDER_BARE] = DR_PROTOCOL_TCP,
    [DR_RESPONDER_FORM] = DR_PROTOCOL_HTTP,     [DR_RESPONDER_WEB] = DR_PROTOCOL_HTTP,
    [DR_RESPONDER_EVENTS] = DR_PROTOCOL_HTTP};

/* turn_key tells callers apart that take turns: by identity, where there is one, else as their
 * responder does. What is accepted takes its own. */
static inline uint64_t turn_key(const dr_call *call, const dr_request *request)
{
    const dr_caller *caller = &call->lane->caller;
    const uint64_t who = caller->name.len > 0 ? UINT64_C(1) << 62 | caller->row
                                              : dr_responder_caller(&call->responder);
    return who << 1 | dr_call_type_is_accepted(request->type);
}

/* task_of is one api of a call as a task, without a deadline. */
static inline dr_task_input task_of(dr_call *call, uint32_t index, const dr_request *request,
                                    const dr_route *route)
{
    const dr_api *api = &call->lane->apis[index];
    const bool is_whole = api->whole.len > 0;
    return (dr_task_input){.name = api->name,
                           .param = is_whole                         ? api->whole
                                    : api->param.data == dr_no_param ? (dora_slice){"", 0}
                                                                     : api->param,
                           .is_whole = is_whole,
                           .trace = request->trace,
                           .caller = call->lane->caller.name,
                           .guid = call->guid,
                           .type = (uint16_t)request->type,
                           .protocol = protocols[call->responder.kind],
                           .priority = request->priority,
                           .connection = dr_responder_number(&call->responder),
                           .api = route->api,
                           .own_limit_ms = route->own_limit_ms,
                           .reactor = call->lane->reactor.index,
                           .submitted_ns = dr_reactor_now_ns(&call->lane->reactor),
                           .turn_key = turn_key(call, request),
                           .owner = call,
                           .window = call->stream != NULL ? call->stream->window : 0,
                           .item = index};
}

/* say keeps a text for the envelope of an api. */
static void say(dr_call *call, dr_call_item *one, const char *text)
{
    const size_t bytes = strlen(text);
    /* One alone is answered at once; many may have to wait for others of their call. */
    one->copy = call->is_single || dr_call_charge(call, bytes) ? malloc(bytes) : NULL;
    if (one->copy != NULL) {
        memcpy(one->copy, text, bytes);
        one->msg = (dora_slice){one->copy, bytes};
    }
}

/* say_why says which name is refused: nobody serves it, or the caller may not have it. */
static const char *say_why(const dr_lane *lane, int64_t code, dora_slice name,
                           char text[DR_CALLER_REFUSAL_MAX])
{
    if (code == DORA_CODE_NOT_PERMITTED) {
        return dr_caller_refusal(lane, name, text);
    }
    (void)snprintf(text, DR_CALLER_REFUSAL_MAX, "%s%.*s", no_api_prefix, (int)name.len, name.data);
    return text;
}

/* is_refused: a caller may not have an api. Where there are no rules, one branch. */
static inline bool is_refused(const dr_call *call, uint32_t index)
{
    const dr_lane *lane = call->lane;
    return lane->caller.access != NULL &&
           !dr_caller_may_call(&call->responder, lane->apis[index].name);
}

/* deadline_of is until when whoever asked waits. Over HTTP that counts from when the request came:
 * reading its JSON may have taken a while. */
static uint64_t deadline_of(const dr_responder *responder, const dr_request *request)
{
    const uint64_t came_ns = dr_responder_is_web(responder)
                                 ? responder->web->came_ns
                                 : dr_reactor_now_ns(&responder->lane->reactor);
    return dr_clock_after_ms(came_ns, (uint64_t)request->timeout_ms);
}

/* log_refused writes down the apis of a call that no worker will have, once it is known that the
 * call is none that is sent again: that gets the reply of the first, whatever there is room for. */
static void log_refused(const dr_call *call, const dr_request *request)
{
    for (uint32_t i = 0; i < call->count && dr_call_log_is_on(call->lane); i++) {
        if (call->items[i].state == DR_ITEM_NONE) {
            dr_call_log_refused(&call->responder, request, &call->lane->apis[i], call->items[i].row,
                                call->items[i].code);
        }
    }
}

/* retry_after_ms is when a pool that has refused a task is likely to have room for it. Streams stay
 * for nobody knows how long. */
static uint32_t retry_after_ms(dr_pool *pool, const char *why, uint64_t now_ns)
{
    return why == pool->full_of_streams ? DR_RETRY_AFTER_MS_USUAL : dr_room_ms(pool, now_ns);
}

/* place gives an api of a call that waits its place, or the code for which it has none. One whose
 * caller has no time is not begun, whoever is free. */
static void place(dr_call *call, uint32_t index, const dr_request *request)
{
    dr_call_item *one = &call->items[index];
    dr_route route;
    int64_t code = find(call, index, &route) ? 0 : DORA_CODE_NO_API;
    code = is_refused(call, index) ? DORA_CODE_NOT_PERMITTED : code;
    if (code == 0 && request->timeout_ms == 0) {
        dr_call_settle(call, index, DORA_CODE_EXPIRED);
        return;
    }
    if (code != 0) {
        char text[DR_CALLER_REFUSAL_MAX];
        say(call, one, say_why(call->lane, code, call->lane->apis[index].name, text));
        dr_call_settle(call, index, code);
        return;
    }
    dr_task_input input = task_of(call, index, request, &route);
    if (request->timeout_ms >= 0) {
        input.deadline_ns = deadline_of(&call->responder, request);
    }
    if (call->span != NULL) {
        dr_call_span_input(call, &input);
    }
    const char *why;
    code = dr_dispatch_reserve(one->pool, &input, &one->task, &why);
    if (code == 0) {
        one->state = DR_ITEM_PENDING;
        if (call->stream != NULL) {
            dr_call_stream_begin(call);
        }
        return;
    }
    one->msg = dr_slice(why);
    one->retry_after_ms =
        code == DORA_CODE_OVERLOADED ? retry_after_ms(one->pool, why, input.submitted_ns) : 0;
    dr_call_settle(call, index, code);
}

/* unplace gives the places of a call back, and forgets which had none: what becomes of it is for
 * the call to say that it repeats. */
static void unplace(dr_call *call)
{
    dr_call_tasks(call, DR_ITEM_PENDING, dr_dispatch_unreserve);
    for (uint32_t i = 0; i < call->count; i++) {
        dr_call_item *one = &call->items[i];
        one->state = DR_ITEM_NONE;
        one->code = 0;
        one->msg = (dora_slice){NULL, 0};
        one->retry_after_ms = 0;
    }
    call->left = call->count;
}

/* refuse answers a whole request with a code; `text` NULL is the usual one. */
static void refuse(const dr_responder *responder, const dr_request *request, int64_t code,
                   const char *text)
{
    dr_call_count_refused(responder, request, code);
    dr_reply_code(responder, request->guid.data, code, text);
}

/* refuse_later answers a whole request for which there is no room now. */
static void refuse_later(const dr_responder *responder, const dr_request *request, const char *why,
                         uint32_t retry_after_ms)
{
    dr_call_count_refused(responder, request, DORA_CODE_OVERLOADED);
    dr_reply_no_room(responder, request->guid.data, why, retry_after_ms);
}

void dr_admit_waiting(const dr_responder *responder, const dr_request *request)
{
    dr_call *call = dr_call_new(responder, request);
    if (call == NULL) {
        refuse_later(responder, request, "out of memory", DR_RETRY_AFTER_MS_USUAL);
        return;
    }
    for (uint32_t i = 0; i < call->count; i++) {
        place(call, i, request);
    }
    const bool is_timed =
        request->timeout_ms >= 0 && (dr_responder_is_web(responder) || call->stream != NULL);
    const uint64_t deadline_ns = is_timed ? deadline_of(responder, request) : 0;
    if (call->stream != NULL) {
        call->stream->deadline_ns = deadline_ns;
    }
    const dr_reply_cache_known known = dr_dedupe_begin(call);
    if (known != DR_REPLY_CACHE_UNKNOWN) {
        unplace(call);
        if (dr_dedupe_answer(call, known) && is_timed) {
            dr_expiry_add(call, deadline_ns);
        }
        return;
    }
    dr_call_tasks(call, DR_ITEM_PENDING, dr_dispatch_commit);
    if (call->left < call->count) {
        log_refused(call, request);
        if (call->left == 0) {
            dr_call_end(call);
            return;
        }
    }
    if (is_timed) {
        dr_expiry_add(call, deadline_ns);
    }
    dr_reactor_tick_soon(&responder->lane->reactor);
}

/* reserve gives an api of a call its place. Accepted work is done: it has no deadline. */
static int64_t reserve(dr_call *call, uint32_t index, const dr_request *request, const char **why)
{
    dr_call_item *one = &call->items[index];
    dr_route route;
    const bool is_found = find(call, index, &route);
    if (is_refused(call, index)) {
        return DORA_CODE_NOT_PERMITTED;
    }
    if (!is_found) {
        return DORA_CODE_NO_API;
    }
    dr_task_input input = task_of(call, index, request, &route);
    if (call->span != NULL) {
        dr_call_span_input(call, &input);
    }
    return dr_dispatch_reserve(one->pool, &input, &one->task, why);
}

static void unreserve(dr_call *call, uint32_t count)
{
    while (count-- > 0) {
        dr_dispatch_unreserve(call->items[count].pool, &call->items[count].task, 1);
    }
}

/* reserve_all finds room for every api of a call; where one has none, nothing was done.
 * Returns: 0, or the code of the first that cannot run, with its place in `*index` and, where its
 * pool has no room, the reason in `*why`. */
static int64_t reserve_all(dr_call *call, const dr_request *request, uint32_t *index,
                           const char **why)
{
    for (uint32_t i = 0; i < call->count; i++) {
        const int64_t code = reserve(call, i, request, why);
        if (code != 0) {
            *index = i;
            unreserve(call, i);
            return code;
        }
    }
    return 0;
}

void dr_admit_accepted(const dr_responder *responder, const dr_request *request)
{
    dr_call *call = dr_call_new(responder, request);
    if (call == NULL) {
        refuse_later(responder, request, "out of memory", DR_RETRY_AFTER_MS_USUAL);
        return;
    }
    /* Looked for first: what was accepted is not refused when it is sent again. */
    dr_reply_cache_known known = dr_dedupe_look(call);
    if (known != DR_REPLY_CACHE_UNKNOWN) {
        (void)dr_dedupe_answer(call, known);
        return;
    }
    uint32_t index = 0;
    const char *why = NULL; /* what the code says */
    const int64_t code =
        request->timeout_ms == 0 ? DORA_CODE_EXPIRED : reserve_all(call, request, &index, &why);
    if (code == DORA_CODE_OVERLOADED) {
        const uint32_t after_ms =
            dr_room_ms(call->items[index].pool, dr_reactor_now_ns(&responder->lane->reactor));
        dr_call_free(call);
        refuse_later(responder, request, why, after_ms);
        return;
    }
    if (code != 0) {
        const dora_slice name = responder->lane->apis[index].name;
        char text[DR_CALLER_REFUSAL_MAX];
        why = why != NULL || code == DORA_CODE_EXPIRED ? why
                                                       : say_why(responder->lane, code, name, text);
        dr_call_free(call);
        refuse(responder, request, code, why);
        return;
    }
    /* Remembered only now: who joins it is told that it was accepted. */
    known = dr_dedupe_begin(call);
    if (known != DR_REPLY_CACHE_UNKNOWN) {
        unreserve(call, call->count);
        (void)dr_dedupe_answer(call, known);
        return;
    }
    /* Said before a worker can have a result. From here on it runs, even when the connection ends
     * with these words. */
    dr_reply_code(responder, request->guid.data, DORA_CODE_ACCEPTED, NULL);
    if (call->span != NULL && !dr_call_type_has_result(call->type)) {
        dr_call_span_accepted(call);
    }
    if (!dr_call_type_has_result(call->type)) {
        dr_dedupe_end(call, (dora_slice){"", 0});
        dr_call_detach(call);
    }
    for (uint32_t i = 0; i < call->count; i++) {
        call->items[i].state = DR_ITEM_PENDING;
    }
    dr_call_tasks(call, DR_ITEM_PENDING, dr_dispatch_commit);
    dr_reactor_tick_soon(&responder->lane->reactor);
}
