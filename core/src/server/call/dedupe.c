/* dedupe.c: calls that are sent again: each joins the one that runs, or gets the reply it had. */
#include "server/call/dedupe.h"

#include <string.h>

#include "server/call/answer.h"
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

/* digest_of stands for all that makes a call this call. How long it may take, its trace and how
 * often it was sent do not. */
static dr_digest digest_of(const dr_lane *lane, const dr_request *request)
{
    const bool is_single = dr_call_type_is_single(request->type);
    dr_digester digester;
    dr_digester_init(&digester, dr_kept_key(lane->backend->kept));
    dr_digester_bytes(&digester, request->guid);
    dr_digester_number(&digester, (uint64_t)request->type << 32 | request->api_count);
    for (size_t i = 0; i < request->api_count; i++) {
        if (!is_single) {
            dr_digester_bytes(&digester, lane->apis[i].key_raw);
        }
        dr_digester_bytes(&digester, lane->apis[i].name);
        dr_digester_bytes(&digester, lane->apis[i].param);
        if (lane->apis[i].whole.len > 0) {
            dr_digester_bytes(&digester, lane->apis[i].whole);
        }
    }
    return dr_digester_end(&digester);
}

/* may_be_repeat: clients that speak the inner encoding have a guid of their own for each call, and
 * some repeat without saying so. Others have to say it, and all under a whole guid: a form's, or a
 * bare frame's, may be of another length than those inside. */
static bool may_be_repeat(const dr_asker *asker, const dr_request *request)
{
    if (asker->lane->backend->kept == NULL || asker->guid.len > 0 ||
        (dr_asker_is_web(asker) && asker->web->guid != NULL)) {
        return false;
    }
    return asker->kind == DR_ASKER_FRAME || asker->kind == DR_ASKER_BARE || request->attempt >= 0;
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
    dr_kept_reply *reply = call->seat.reply;
    if (dr_call_has_result(call->type) && reply != NULL) {
        dr_reply_body(&call->asker, call->guid, (dora_slice){reply->body, reply->len});
    } else if (dr_call_has_result(call->type)) {
        dr_reply_code(&call->asker, call->guid, DORA_CODE_RESULT_LOST, NULL);
    }
    dr_kept_reply_drop(reply);
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
    const dr_asker asker = call->asker;
    (void)dr_repeat_leave(call);
    dr_call_free(call);
    dr_answer_fail(&asker);
}

bool dr_repeat_answer(dr_call *call, dr_kept_known known)
{
    if (known == DR_KEPT_RUNS && !join_counted(call)) {
        refuse_join(call);
        return false;
    }
    const bool is_lost = known == DR_KEPT_LOST && dr_call_has_result(call->type);
    if (dr_call_type_is_accepted(call->type) && !is_lost) {
        /* The connection may end with these words, and a call that has joined with it. */
        const dr_asker asker = call->asker;
        char guid[DR_GUID_LEN];
        memcpy(guid, call->guid, sizeof(guid));
        dr_reply_code(&asker, guid, DORA_CODE_ACCEPTED, NULL);
    }
    if (known != DR_KEPT_RUNS) {
        end_repeat(call);
    }
    return known == DR_KEPT_RUNS;
}

bool dr_repeat_expect(const dr_asker *asker, const dr_request *request, dr_digest *digest)
{
    if (!may_be_repeat(asker, request)) {
        return false;
    }
    *digest = digest_of(asker->lane, request);
    dr_kept_expect(asker->lane->backend->kept, digest);
    return true;
}

dr_kept_known dr_repeat_look(dr_call *call)
{
    return call->seat.owner != NULL
               ? dr_kept_look(call->lane->backend->kept, &call->digest, &call->seat)
               : DR_KEPT_UNKNOWN;
}

dr_kept_known dr_repeat_begin(dr_call *call)
{
    if (call->seat.owner == NULL || !all_dedupe(call)) {
        return dr_repeat_look(call);
    }
    return dr_kept_begin(call->lane->backend->kept, &call->digest, &call->seat, now_ms(call->lane));
}

bool dr_repeat_only(const dr_asker *asker, const dr_request *request)
{
    dr_call *call = dr_call_new(asker, request);
    if (call == NULL) {
        return false;
    }
    const dr_kept_known known = dr_repeat_look(call);
    if (known == DR_KEPT_UNKNOWN) {
        dr_call_free(call);
    } else {
        (void)dr_repeat_answer(call, known);
    }
    return known != DR_KEPT_UNKNOWN;
}

/* may_have_run: a part has ended otherwise than by not being run. A handler's own error has none of
 * these codes. */
static bool may_have_run(const dr_part *one)
{
    return one->state != DR_PART_PENDING && one->code != DORA_CODE_EXPIRED &&
           one->code != DORA_CODE_OVERLOADED && one->code != DORA_CODE_NO_API &&
           one->code != DORA_CODE_STOPPING;
}

/* has_run says whether any handler of a call that has ended may have run. */
static bool has_run(const dr_call *call)
{
    for (uint32_t i = 0; i < call->count; i++) {
        if (may_have_run(&call->parts[i])) {
            return true;
        }
    }
    return false;
}

static bool has_begun(const dr_call *call)
{
    for (uint32_t i = 0; i < call->count; i++) {
        const dr_part *one = &call->parts[i];
        if (may_have_run(one) ||
            (one->state == DR_PART_PENDING && dr_dispatch_has_begun(one->pool, one->task))) {
            return true;
        }
    }
    return false;
}

void dr_repeat_end(dr_call *call, dora_slice reply)
{
    dr_backend *backend = call->lane->backend;
    if (dr_repeat_is_kept(call)) {
        ask_lanes(backend, dr_kept_end(backend->kept, &call->seat, reply, has_run(call),
                                       now_ms(call->lane)));
    }
}

bool dr_repeat_leave(dr_call *call)
{
    dr_backend *backend = call->lane->backend;
    const bool has_joined = call->seat.role == DR_KEPT_JOINER;
    if (has_joined) {
        ask_lanes(backend, dr_kept_leave(backend->kept, &call->seat));
    }
    return has_joined;
}

bool dr_repeat_is_wanted(dr_call *call)
{
    return dr_repeat_is_kept(call) &&
           (dr_kept_is_wanted(call->lane->backend->kept, &call->seat) || has_begun(call));
}

void dr_repeat_answers(dr_lane *lane)
{
    dr_kept_seat *seat;
    while (lane->backend->kept != NULL &&
           (seat = dr_kept_take(lane->backend->kept, lane->reactor.index)) != NULL) {
        dr_call *call = seat->owner;
        if (seat->role == DR_KEPT_RUNNER) {
            dr_call_abandon(call);
        } else {
            end_repeat(call);
        }
    }
}
