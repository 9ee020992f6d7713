/* call.c: the life of a call: made, its items ended one by one, answered with the last of them. */
#include "server/call/call.h"

#include <stdlib.h>
#include <string.h>

#include "server/call/call_log.h"
#include "server/call/call_span.h"
#include "server/call/call_stream.h"
#include "server/call/caller.h"
#include "server/call/cancel.h"
#include "server/call/dedupe.h"
#include "server/call/offload.h"
#include "server/call/reply.h"
#include "task/collect.h"

#define TASKS_AT_ONCE 16u /* under one lock, for which other reactors may wait */

/* kept_of is what a multi call, or one that is not answered, has to remember of an api. */
static dora_slice kept_of(const dr_request *request, const dr_api *api)
{
    return dr_call_type_has_result(request->type) ? api->key_raw : api->name;
}

bool dr_call_charge(dr_call *call, size_t bytes)
{
    const bool is_charged = call->is_unowned
                                ? dr_budget_take(&call->lane->backend->budget, bytes, false)
                                : dr_responder_charge(&call->responder, bytes);
    call->held += is_charged ? bytes : 0;
    return is_charged;
}

void dr_call_discharge(dr_call *call, size_t bytes)
{
    if (call->is_unowned) {
        dr_budget_give(&call->lane->backend->budget, bytes);
    } else {
        dr_responder_discharge(&call->responder, bytes);
    }
    call->held -= bytes;
}

static void discharge(dr_call *call)
{
    if (call->held > 0) {
        dr_call_discharge(call, call->held);
    }
}

/* heap_bytes_of is what a call takes with what it has to remember. */
static size_t heap_bytes_of(size_t count, size_t kept_bytes)
{
    return sizeof(dr_call) + count * sizeof(dr_call_item) + kept_bytes;
}

size_t dr_call_heap_bytes(const dr_call *call)
{
    return heap_bytes_of(call->count, call->bytes - DR_ENVELOPE_BYTES * ((size_t)call->count + 1));
}

/* is_nameless says whether no repeat can name a call: once its connection has gone nobody can have
 * its result. */
static bool is_nameless(const dr_responder *responder, const dr_request *request)
{
    const bool is_named = responder->kind == DR_RESPONDER_FRAME ||
                          responder->kind == DR_RESPONDER_BARE || request->attempt >= 0;
    return (!is_named && !dr_call_type_is_accepted(request->type)) || request->type == DR_TYPE_ST_S;
}

dr_call *dr_call_new(const dr_responder *responder, const dr_request *request)
{
    dr_lane *lane = responder->lane;
    const bool is_single = dr_call_type_is_single(request->type);
    const bool is_spare =
        is_single && dr_call_type_has_result(request->type) && responder->guid.len == 0;
    dr_digest digest;
    const bool is_looked_for = dr_dedupe_expect(responder, request, &digest);
    size_t kept_bytes = responder->guid.len;
    for (size_t i = 0; !is_spare && i < request->api_count; i++) {
        kept_bytes += kept_of(request, &lane->apis[i]).len;
    }
    dr_call *call = is_spare ? lane->spare : NULL;
    if (call != NULL) {
        lane->spare = call->next;
    } else {
        call = malloc(sizeof(*call) + request->api_count * sizeof(dr_call_item) + kept_bytes);
        if (call == NULL) {
            return NULL;
        }
    }
    memset(call, 0, sizeof(*call) + request->api_count * sizeof(dr_call_item));
    call->lane = lane;
    call->responder = *responder;
    call->type = request->type;
    call->count = (uint32_t)request->api_count;
    call->left = call->count;
    call->is_single = is_single;
    call->is_spare = is_spare;
    memcpy(call->guid, request->guid.data, DR_GUID_LEN);
    if (is_looked_for) {
        call->digest = digest;
        call->waiter.owner = call;
        call->waiter.lane = lane->reactor.index;
    }
    call->is_unowned = dr_call_type_is_accepted(call->type);
    call->stops_with_caller = is_nameless(responder, request);
    if (request->type == DR_TYPE_ST_S && (call->stream = dr_call_stream_new(request)) == NULL) {
        free(call);
        return NULL;
    }
    const size_t heap_bytes = heap_bytes_of(request->api_count, kept_bytes);
    if (heap_bytes > DR_HELD_FREE_BYTES && !dr_call_charge(call, heap_bytes)) {
        dr_call_stream_free(call->stream);
        free(call);
        return NULL;
    }
    char *kept = (char *)&call->items[call->count];
    call->bytes = kept_bytes + DR_ENVELOPE_BYTES * ((size_t)call->count + 1);
    if (responder->guid.len > 0) {
        memcpy(kept, responder->guid.data, responder->guid.len);
        call->responder.guid.data = kept;
        kept += responder->guid.len;
    }
    for (uint32_t i = 0; !is_spare && i < call->count; i++) {
        const dora_slice from = kept_of(request, &lane->apis[i]);
        memcpy(kept, from.data, from.len);
        call->items[i].key = (dora_slice){kept, from.len};
        kept += from.len;
    }
    dr_responder_add(call);
    lane->calls++;
    if (dr_call_spans_are_on(lane)) {
        dr_call_span_begin(call, request);
    }
    return call;
}

void dr_call_tasks(const dr_call *call, dr_call_item_state state, dr_call_tasks_fn fn)
{
    uint32_t tasks[TASKS_AT_ONCE];
    uint32_t count = 0;
    dr_pool *pool = NULL;
    for (uint32_t i = 0; i < call->count; i++) {
        const dr_call_item *one = &call->items[i];
        if (one->state != state) {
            continue;
        }
        if (count == TASKS_AT_ONCE || (count > 0 && one->pool != pool)) {
            fn(pool, tasks, count);
            count = 0;
        }
        pool = one->pool;
        tasks[count++] = one->task;
    }
    if (count > 0) {
        fn(pool, tasks, count);
    }
}

void dr_call_free(dr_call *call)
{
    dr_lane *lane = call->lane;
    for (uint32_t i = 0; i < call->count; i++) {
        free(call->items[i].copy);
    }
    dr_call_tasks(call, DR_ITEM_KEPT, dr_dispatch_release);
    dr_expiry_remove(call);
    discharge(call);
    dr_responder_remove(call);
    lane->calls--;
    if (call->span != NULL) { /* of few calls: for the others this is less than free() */
        free(call->span);
    }
    if (call->stream != NULL) {
        dr_call_stream_free(call->stream);
    }
    if (call->is_spare) {
        call->next = lane->spare;
        lane->spare = call;
    } else {
        free(call);
    }
}

void dr_call_detach(dr_call *call)
{
    if (dr_responder_is_there(&call->responder)) {
        dr_expiry_remove(call);
        const size_t held = call->held;
        if (held > 0 && !call->is_unowned) {
            discharge(call);
            call->held = held;
            (void)dr_budget_take(&call->lane->backend->budget, held, true);
        }
        call->is_unowned = true;
        dr_responder_remove(call);
        call->responder.kind = DR_RESPONDER_NONE;
        dr_responder_add(call);
    }
}

void dr_call_fini(dr_lane *lane)
{
    while (lane->unowned != NULL) { /* what a server that stopped at once did not wait for */
        dr_call *call = lane->unowned;
        lane->unowned = call->next;
        for (uint32_t i = 0; i < call->count; i++) {
            free(call->items[i].copy);
        }
        free(call->span);
        dr_call_stream_free(call->stream);
        free(call);
    }
    while (lane->spare != NULL) {
        dr_call *next = lane->spare->next;
        free(lane->spare);
        lane->spare = next;
    }
    dr_buf_fini(&lane->plain);
    dr_buf_fini(&lane->inner);
    dr_buf_fini(&lane->answer);
    dr_buf_fini(&lane->kept);
    dr_expiry_fini(lane);
}

void dr_call_settle(dr_call *call, uint32_t index, int64_t code)
{
    call->items[index].state = DR_ITEM_NONE;
    call->items[index].code = code;
    call->left--;
}

void dr_call_end(dr_call *call)
{
    dr_reply_call(call);
    if (call->span != NULL) {
        dr_call_span_end(call);
    }
    for (uint32_t i = 0; i < call->count; i++) {
        dr_row_end(call->items[i].row, call->lane->reactor.index, call->type, call->items[i].code);
    }
    dr_call_free(call);
}

void dr_call_count_refused(const dr_responder *responder, const dr_request *request, int64_t code)
{
    dr_lane *lane = responder->lane;
    const dr_routes *routes = atomic_load_explicit(&lane->backend->routes, memory_order_acquire);
    if (dr_call_spans_are_on(lane)) {
        dr_call_span_refused(responder, request, code);
    }
    for (size_t i = 0; i < request->api_count; i++) {
        dr_route route;
        dr_row *row = dr_routes_find(routes, lane->apis[i].name, &route)
                          ? dr_routes_row(routes, &route)
                          : lane->backend->rows.nobody;
        dr_row_end(row, lane->reactor.index, request->type, code);
        if (dr_call_log_is_on(lane)) {
            dr_call_log_refused(responder, request, &lane->apis[i], row, code);
        }
    }
}

void dr_call_count_answered(dr_lane *lane, dr_call_type type, int64_t code)
{
    dr_row_end(lane->backend->rows.nobody, lane->reactor.index, type, code);
}

void dr_call_drop(dr_call *call, int64_t code)
{
    for (uint32_t i = 0; i < call->count; i++) {
        dr_call_item *one = &call->items[i];
        dr_task_asked asked;
        if (one->state != DR_ITEM_PENDING) {
            continue;
        }
        const bool is_logged = dr_call_log_is_on(call->lane);
        if (is_logged || call->span != NULL) {
            dr_task_ask(one->pool, one->task, &asked); /* then it is gone */
        }
        if (dr_dispatch_cancel(one->pool, one->task)) {
            one->is_dropped = true;
            dr_call_settle(call, i, code);
            if (is_logged) {
                dr_call_log_cancelled(call, one, &asked);
            }
            if (call->span != NULL) {
                dr_call_span_cancelled(call, one, &asked);
            }
        }
    }
}

/* do_pools_cancel says whether the pools of all that runs or waits of a call stop it. */
static bool do_pools_cancel(const dr_call *call)
{
    const dr_backend *backend = call->lane->backend;
    for (uint32_t i = 0; i < call->count; i++) {
        const dr_call_item *one = &call->items[i];
        if (one->state == DR_ITEM_PENDING &&
            !backend->config->pools[one->pool - backend->pools].cancel) {
            return false;
        }
    }
    return true;
}

/* is_wanted says whether a call goes on without whoever asked. */
static bool is_wanted(dr_call *call)
{
    return call->stops_with_caller ? dr_dedupe_has_joined(call) : dr_dedupe_is_wanted(call);
}

void dr_call_abandon(dr_call *call)
{
    if (dr_dedupe_leave(call, false)) {
        dr_call_free(call);
        return;
    }
    if (call->stream != NULL && call->stream->is_draining) {
        dr_call_stream_end(call, 0, NULL);
        return;
    }
    if (dr_call_type_is_accepted(call->type) || call->left == 0) {
        return; /* with nothing left it is being answered */
    }
    call->stops_with_caller = call->stops_with_caller || do_pools_cancel(call);
    if (is_wanted(call)) {
        return;
    }
    dr_call_drop(call, DORA_CODE_EXPIRED);
    if (call->left == 0) {
        dr_call_end(call);
    } else if (call->stops_with_caller) {
        dr_cancel_running(call);
    }
}

void dr_call_forget(const dr_responder *responder, dr_call *first)
{
    dr_offload_forget(responder);
    while (first != NULL) {
        dr_call *call = first;
        first = call->next;
        dr_call_detach(call);
        dr_call_abandon(call);
    }
}

void dr_call_gone(dr_conn *conn, void *user)
{
    const dr_responder responder = dr_responder_of_conn(DR_RESPONDER_FRAME, user, conn);
    dr_call_forget(&responder, conn->owner);
    dr_caller_gone(conn);
    conn->calls = 0; /* what it held for bodies that are being translated */
}

/* keep_copy holds a result that stands in memory its worker wants back. */
static bool keep_copy(dr_call *call, dr_call_item *one)
{
    const size_t bytes = one->msg.len + one->data.len;
    if (bytes > DR_HELD_FREE_BYTES && !dr_call_charge(call, bytes)) {
        return false;
    }
    one->copy = malloc(bytes + 1);
    if (one->copy == NULL) {
        return false; /* what was counted is counted off with the call */
    }
    memcpy(one->copy, one->msg.data, one->msg.len);
    memcpy(one->copy + one->msg.len, one->data.data, one->data.len);
    one->msg.data = one->copy;
    one->data.data = one->copy + one->msg.len;
    return true;
}

/* keep holds a result until the others of its call are there. Returns: true when it may stay where
 * its worker wrote it. */
static bool keep(dr_call *call, dr_call_item *one, bool is_big)
{
    if (!is_big) {
        one->state = DR_ITEM_KEPT;
        return true;
    }
    if (!keep_copy(call, one)) {
        one->code = DORA_CODE_TOO_BIG;
        one->msg = one->data = (dora_slice){NULL, 0};
    }
    return false;
}

/* end_stream sends what is left of a stream whose task has ended. Returns: false where its
 * connection is full. */
static bool end_stream(dr_call *call, bool is_early)
{
    const bool is_sent = dr_call_stream_pump(call);
    if (is_early) { /* what its handler still does is nobody's, and its block goes with it */
        dr_call_stream_cut(call);
    }
    dr_call_stream_settle(call);
    return is_sent || is_early;
}

/* keep_stream keeps the end of a stream until its parts have gone: they stand in its task's block.
 */
static bool keep_stream(dr_call *call, dr_call_item *one, bool is_big)
{
    if (is_big) {
        (void)keep(call, one, true);
    }
    one->state = DR_ITEM_KEPT;
    call->stream->is_draining = true;
    return true;
}

/* is_watched says whether anybody wants to know of the items of a call: one branch for both. */
static bool is_watched(const dr_call *call)
{
    return (dr_call_log_is_on(call->lane) | (call->span != NULL)) != 0;
}

static void tell_item(const dr_call *call, const dr_call_item *one, const dr_outcome *outcome)
{
    if (dr_call_log_is_on(call->lane)) {
        dr_call_log_item(call, one, outcome);
    }
    if (call->span != NULL) {
        dr_call_span_item(call, one, outcome);
    }
}

bool dr_call_outcome(const dr_outcome *outcome, void *user)
{
    (void)user;
    dr_call *call = outcome->owner;
    if (outcome->is_news) {
        (void)dr_call_stream_pump(call);
        return true;
    }
    dr_call_item *one = &call->items[outcome->item];
    const size_t bytes = call->bytes + outcome->msg.len + outcome->data.len;
    if (outcome->is_timed) {
        dr_row_times(one->row, call->lane->reactor.index, outcome->queue_ns, outcome->run_ns);
    }
    if (!dr_call_type_has_result(call->type)) {
        if (dora_code_is_not_run(outcome->code)) {
            dr_call_log_lost(call, one, outcome->code, outcome->msg);
        }
        dr_call_settle(call, outcome->item, outcome->code);
    } else if (call->is_single || bytes <= dr_frame_bytes_max(&call->lane->reactor.frame)) {
        dr_call_settle(call, outcome->item, outcome->code);
        call->bytes = bytes;
        one->msg = outcome->msg;
        one->data = outcome->data;
        one->http_status = outcome->http_status;
    } else {
        dr_call_settle(call, outcome->item, DORA_CODE_TOO_BIG); /* the reply has no room left */
    }
    if (is_watched(call)) {
        tell_item(call, one, outcome);
    }
    if (call->stream != NULL && !end_stream(call, outcome->is_early)) {
        return keep_stream(call, one, outcome->is_big);
    }
    if (call->left == 0) {
        dr_call_end(call);
        return false;
    }
    return (dr_responder_is_there(&call->responder) || dr_dedupe_is_kept(call)) &&
           one->msg.len + one->data.len > 0 && keep(call, one, outcome->is_big | outcome->is_early);
}
