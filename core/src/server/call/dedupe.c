/* dedupe.c: calls that are sent again: each joins the one that runs, or gets the reply it had. */
#include "server/call/dedupe.h"

#include <string.h>

#include "server/call/answer.h"
#include "server/call/call_span.h"
#include "server/call/cancel.h"
#include "server/call/reply.h"

static uint64_t now_ms(const dr_lane *lane)
{
    return uv_now(&lane->reactor.loop);
}

/* ask_lanes wakes the lanes whose calls got their replies. */
static void ask_lanes(dr_backend *backend, uint64_t lanes)
{
    for (uint32_t i = 0; lanes != 0; i++, lanes >>= 1) {
        if ((lanes & 1) != 0) {
            dr_reactor_ask(&backend->lanes[i].reactor);
        }
    }
}

/* is_withheld: the rules keep an api from a caller. */
static bool is_withheld(const dr_caller *caller, dora_slice name)
{
    return !dr_access_judge(caller->access, &caller->subject, DR_RIGHT_API, name).is_allowed;
}

/* is_any_withheld tells apart who has no identity: they share no reply in which one of them may
 * have what the other may not. Who has one is told apart by it. */
static bool is_any_withheld(const dr_lane *lane, const dr_request *request)
{
    const dr_caller *caller = &lane->caller;
    bool is_any = false;
    for (size_t i = 0; caller->access != NULL && i < request->api_count && !is_any; i++) {
        is_any = is_withheld(caller, lane->apis[i].name);
    }
    return is_any;
}

/* digest_of stands for all that makes a call this call, and for whose it is. How long it may take,
 * its trace and how often it was sent do not. */
static dr_digest digest_of(const dr_lane *lane, const dr_request *request)
{
    const bool is_single = dr_call_type_is_single(request->type);
    const bool has_identity = lane->caller.name.len > 0;
    const bool lacks_any = !has_identity && is_any_withheld(lane, request);
    dr_digester digester;
    dr_digester_init(&digester, dr_reply_cache_key(lane->backend->reply_cache));
    dr_digester_bytes(&digester, request->guid);
    dr_digester_number(&digester, (uint64_t)has_identity << 63 | (uint64_t)lacks_any << 62 |
                                      (uint64_t)request->type << 32 | request->api_count);
    if (has_identity) {
        dr_digester_bytes(&digester, lane->caller.name);
    }
    for (size_t i = 0; i < request->api_count; i++) {
        if (!is_single) {
            dr_digester_bytes(&digester, lane->apis[i].key_raw);
        }
        dr_digester_bytes(&digester, lane->apis[i].name);
        dr_digester_bytes(&digester, lane->apis[i].param);
        if (lane->apis[i].whole.len > 0) {
            dr_digester_bytes(&digester, lane->apis[i].whole);
        }
        if (lacks_any) {
            dr_digester_number(&digester, is_withheld(&lane->caller, lane->apis[i].name));
        }
    }
    return dr_digester_end(&digester);
}

/* may_be_repeat: clients that speak the inner encoding have a guid of their own for each call, and
 * some repeat without saying so. Others have to say it, and all under a whole guid: a form's, or a
 * bare frame's, may be of another length than those inside. */
static bool may_be_repeat(const dr_responder *responder, const dr_request *request)
{
    if (responder->lane->backend->reply_cache == NULL || request->type == DR_TYPE_ST_S ||
        responder->guid.len > 0 ||
        (dr_responder_is_web(responder) && responder->web->guid != NULL)) {
        return false;
    }
    return responder->kind == DR_RESPONDER_FRAME || responder->kind == DR_RESPONDER_BARE ||
           request->attempt >= 0;
}

/* all_dedupe says whether every pool that a call goes to remembers its calls. */
static bool all_dedupe(const dr_call *call)
{
    const dr_backend *backend = call->lane->backend;
    if (backend->all_dedupe) {
        return true;
    }
    const dr_routes *routes = atomic_load_explicit(&backend->routes, memory_order_acquire);
    for (uint32_t i = 0; i < call->count; i++) {
        dr_route route;
        if (dr_routes_find(routes, call->lane->apis[i].name, &route) &&
            !backend->config->pools[route.pool].dedupe) {
            return false;
        }
    }
    return true;
}

/* end_repeat sends a repeat the reply of its call, if there is one to send, and frees it. */
static void end_repeat(dr_call *call)
{
    dr_reply_cache_reply *reply = call->waiter.reply;
    const bool is_lost = dr_call_type_has_result(call->type) && reply == NULL;
    if (is_lost) {
        dr_reply_code(&call->responder, call->guid, DORA_CODE_RESULT_LOST, NULL);
    } else if (dr_call_type_has_result(call->type)) {
        dr_reply_body(&call->responder, call->guid, (dora_slice){reply->body, reply->len},
                      reply->http_status);
    }
    dr_reply_cache_reply_drop(reply);
    if (call->span != NULL) {
        dr_call_span_repeated(call, is_lost ? DORA_CODE_RESULT_LOST : 0);
    }
    dr_call_free(call);
}

/* join_counted counts a call that has joined another. Small calls cost as much as their tasks, but
 * this one has none, so no queue bounds how many there are. Returns: false when it is too much. */
static bool join_counted(dr_call *call)
{
    const size_t bytes = dr_call_heap_bytes(call);
    return bytes > DR_HELD_FREE_BYTES || dr_call_charge(call, bytes);
}

/* refuse_join: the call that runs runs on, so this one cannot be told that it was not run. */
static void refuse_join(dr_call *call)
{
    const dr_responder responder = call->responder;
    (void)dr_dedupe_leave(call, false);
    dr_call_free(call);
    dr_answer_fail(&responder);
}

bool dr_dedupe_answer(dr_call *call, dr_reply_cache_known known)
{
    if (known == DR_REPLY_CACHE_RUNS && !join_counted(call)) {
        refuse_join(call);
        return false;
    }
    const bool is_lost = known == DR_REPLY_CACHE_LOST && dr_call_type_has_result(call->type);
    if (dr_call_type_is_accepted(call->type) && !is_lost) {
        /* The connection may end with these words, and a call that has joined with it. */
        const dr_responder responder = call->responder;
        char guid[DR_GUID_LEN];
        memcpy(guid, call->guid, sizeof(guid));
        dr_reply_code(&responder, guid, DORA_CODE_ACCEPTED, NULL);
    }
    if (known != DR_REPLY_CACHE_RUNS) {
        end_repeat(call);
    }
    return known == DR_REPLY_CACHE_RUNS;
}

bool dr_dedupe_expect(const dr_responder *responder, const dr_request *request, dr_digest *digest)
{
    if (!may_be_repeat(responder, request)) {
        return false;
    }
    *digest = digest_of(responder->lane, request);
    dr_reply_cache_expect(responder->lane->backend->reply_cache, digest);
    return true;
}

dr_reply_cache_known dr_dedupe_look(dr_call *call)
{
    return call->waiter.owner != NULL
               ? dr_reply_cache_look(call->lane->backend->reply_cache, &call->digest, &call->waiter)
               : DR_REPLY_CACHE_UNKNOWN;
}

dr_reply_cache_known dr_dedupe_begin(dr_call *call)
{
    if (call->waiter.owner == NULL || !all_dedupe(call)) {
        return dr_dedupe_look(call);
    }
    return dr_reply_cache_begin(call->lane->backend->reply_cache, &call->digest, &call->waiter,
                                now_ms(call->lane));
}

bool dr_dedupe_only(const dr_responder *responder, const dr_request *request)
{
    dr_call *call = dr_call_new(responder, request);
    if (call == NULL) {
        return false;
    }
    const dr_reply_cache_known known = dr_dedupe_look(call);
    if (known == DR_REPLY_CACHE_UNKNOWN) {
        dr_call_free(call);
    } else {
        (void)dr_dedupe_answer(call, known);
    }
    return known != DR_REPLY_CACHE_UNKNOWN;
}

/* may_have_run: an item has ended otherwise than by not being run. A handler's own error has none
 * of these codes. */
static bool may_have_run(const dr_call_item *one)
{
    return one->state != DR_ITEM_PENDING && !one->is_dropped && !dora_code_is_not_run(one->code);
}

bool dr_dedupe_has_run(const dr_call *call)
{
    for (uint32_t i = 0; i < call->count; i++) {
        if (may_have_run(&call->items[i])) {
            return true;
        }
    }
    return false;
}

static bool has_begun(const dr_call *call)
{
    for (uint32_t i = 0; i < call->count; i++) {
        const dr_call_item *one = &call->items[i];
        if (may_have_run(one) ||
            (one->state == DR_ITEM_PENDING && dr_dispatch_has_begun(one->pool, one->task))) {
            return true;
        }
    }
    return false;
}

void dr_dedupe_end(dr_call *call, dora_slice reply)
{
    dr_backend *backend = call->lane->backend;
    if (dr_dedupe_is_kept(call)) {
        ask_lanes(backend, dr_reply_cache_end(backend->reply_cache, &call->waiter, reply,
                                              dr_dedupe_has_run(call), now_ms(call->lane)));
    }
}

bool dr_dedupe_leave(dr_call *call, bool cancels)
{
    dr_backend *backend = call->lane->backend;
    const bool has_joined = call->waiter.role == DR_REPLY_FOLLOWER;
    if (has_joined) {
        ask_lanes(backend, dr_reply_cache_leave(backend->reply_cache, &call->waiter, cancels));
    }
    return has_joined;
}

bool dr_dedupe_is_wanted(dr_call *call)
{
    return dr_dedupe_is_kept(call) &&
           (dr_reply_cache_is_wanted(call->lane->backend->reply_cache, &call->waiter) ||
            has_begun(call));
}

bool dr_dedupe_has_joined(dr_call *call)
{
    return dr_dedupe_is_kept(call) &&
           dr_reply_cache_is_wanted(call->lane->backend->reply_cache, &call->waiter);
}

void dr_dedupe_answers(dr_lane *lane)
{
    dr_reply_waiter *seat;
    while (lane->backend->reply_cache != NULL &&
           (seat = dr_reply_cache_take(lane->backend->reply_cache, lane->reactor.index)) != NULL) {
        dr_call *call = seat->owner;
        if (seat->role == DR_REPLY_LEADER) {
            if (dr_reply_cache_is_cancelled(lane->backend->reply_cache, seat)) {
                dr_cancel_unwanted(call);
            } else {
                dr_call_abandon(call);
            }
        } else {
            end_repeat(call);
        }
    }
}
