/* parts.c: the life of a call: made, its parts ended one by one, answered with the last of them. */
#include <stdlib.h>
#include <string.h>

#include "server/call.h"

/* kept_of is what a multi call, or one that is not answered, has to remember of an api. */
static dora_slice kept_of(const dr_request *request, const dr_api *api)
{
    return dr_call_has_result(request->type) ? api->key_raw : api->name;
}

static void link_call(dr_call *call, dr_call *first)
{
    call->prev = NULL;
    call->next = first;
    if (first != NULL) {
        first->prev = call;
    }
}

/* unlink_call takes a call out of its connection's list, or the lane's. */
static void unlink_call(dr_call *call)
{
    if (call->prev != NULL) {
        call->prev->next = call->next;
    } else if (call->conn != NULL) {
        call->conn->owner = call->next;
    } else {
        call->lane->orphans = call->next;
    }
    if (call->next != NULL) {
        call->next->prev = call->prev;
    }
}

dr_call *dr_call_new(dr_lane *lane, dr_conn *conn, const dr_request *request)
{
    const bool is_single = dr_call_type_is_single(request->type);
    const bool is_spare = is_single && dr_call_has_result(request->type);
    size_t kept_bytes = 0;
    for (size_t i = 0; !is_spare && i < request->api_count; i++) {
        kept_bytes += kept_of(request, &lane->apis[i]).len;
    }
    dr_call *call = is_spare ? lane->spare : NULL;
    if (call != NULL) {
        lane->spare = call->next;
    } else {
        call = malloc(sizeof(*call) + request->api_count * sizeof(dr_part) + kept_bytes);
        if (call == NULL) {
            return NULL;
        }
    }
    memset(call, 0, sizeof(*call) + request->api_count * sizeof(dr_part));
    call->lane = lane;
    call->conn = conn;
    call->type = request->type;
    call->count = (uint32_t)request->api_count;
    call->left = call->count;
    call->is_single = is_single;
    call->is_spare = is_spare;
    memcpy(call->guid, request->guid.data, DR_GUID_LEN);
    char *kept = (char *)&call->parts[call->count];
    call->bytes = kept_bytes + DR_ENVELOPE_BYTES * ((size_t)call->count + 1);
    for (uint32_t i = 0; !is_spare && i < call->count; i++) {
        const dora_slice from = kept_of(request, &lane->apis[i]);
        memcpy(kept, from.data, from.len);
        call->parts[i].key = (dora_slice){kept, from.len};
        kept += from.len;
    }
    link_call(call, conn->owner);
    conn->owner = call;
    conn->calls++;
    lane->calls++;
    return call;
}

void dr_call_free(dr_call *call)
{
    dr_lane *lane = call->lane;
    for (uint32_t i = 0; i < call->count; i++) {
        free(call->parts[i].copy);
        if (call->parts[i].state == DR_PART_KEPT) {
            dr_dispatch_release(call->parts[i].pool, call->parts[i].task);
        }
    }
    unlink_call(call);
    if (call->conn != NULL) {
        call->conn->calls--;
    }
    lane->calls--;
    if (call->is_spare) {
        call->next = lane->spare;
        lane->spare = call;
    } else {
        free(call);
    }
}

void dr_call_detach(dr_call *call)
{
    if (call->conn == NULL) {
        return;
    }
    unlink_call(call);
    call->conn->calls--;
    call->conn = NULL;
    link_call(call, call->lane->orphans);
    call->lane->orphans = call;
}

void dr_call_fini(dr_lane *lane)
{
    while (lane->orphans != NULL) { /* what a server that stopped at once did not wait for */
        dr_call *call = lane->orphans;
        lane->orphans = call->next;
        for (uint32_t i = 0; i < call->count; i++) {
            free(call->parts[i].copy);
        }
        free(call);
    }
    while (lane->spare != NULL) {
        dr_call *next = lane->spare->next;
        free(lane->spare);
        lane->spare = next;
    }
    dr_buf_fini(&lane->plain);
}

void dr_call_settle(dr_call *call, uint32_t index, int64_t code)
{
    call->parts[index].state = DR_PART_DONE;
    call->parts[index].code = code;
    call->left--;
}

/* cancel_waiting drops the parts that no worker has begun, since nobody waits for them. */
static void cancel_waiting(dr_call *call)
{
    for (uint32_t i = 0; i < call->count; i++) {
        dr_part *one = &call->parts[i];
        if (one->state == DR_PART_PENDING && dr_dispatch_cancel(one->pool, one->task)) {
            dr_call_settle(call, i, DORA_CODE_EXPIRED);
        }
    }
    if (call->left == 0) {
        dr_call_free(call);
    }
}

void dr_call_gone(dr_conn *conn, void *user)
{
    dr_inflate_forget(user, conn);
    while (conn->owner != NULL) {
        dr_call *call = conn->owner;
        dr_call_detach(call);
        if (!dr_call_is_accepted(call->type)) {
            cancel_waiting(call);
        }
    }
    conn->calls = 0; /* what it held for a body that is being inflated */
}

/* keep_copy holds a result that stands in memory its worker wants back. */
static bool keep_copy(dr_part *one)
{
    one->copy = malloc(one->msg.len + one->data.len + 1);
    if (one->copy == NULL) {
        return false;
    }
    memcpy(one->copy, one->msg.data, one->msg.len);
    memcpy(one->copy + one->msg.len, one->data.data, one->data.len);
    one->msg.data = one->copy;
    one->data.data = one->copy + one->msg.len;
    return true;
}

/* keep holds a result until the others of its call are there. Returns: true when it may stay where
 * its worker wrote it. */
static bool keep(dr_part *one, bool is_big)
{
    if (!is_big) {
        one->state = DR_PART_KEPT;
        return true;
    }
    if (!keep_copy(one)) {
        one->code = DORA_CODE_TOO_BIG;
        one->msg = one->data = (dora_slice){NULL, 0};
    }
    return false;
}

/* log_failure writes down an error that nobody else is told. */
static void log_failure(const dr_call *call, const dr_part *one, int64_t code, dora_slice msg)
{
    const char *text = dora_code_text(code);
    if (msg.len == 0) {
        msg = (dora_slice){text, strlen(text)};
    }
    dr_log_write(call->lane->server->log, DR_LOG_ERROR, "call",
                 "%s %.*s failed: code %lld: %.*s (guid %.32s)", dr_call_type_name(call->type),
                 (int)one->name.len, one->name.data, (long long)code, (int)msg.len, msg.data,
                 call->guid);
}

bool dr_call_outcome(const dr_outcome *outcome, void *user)
{
    (void)user;
    dr_call *call = outcome->owner;
    dr_part *one = &call->parts[outcome->part];
    const size_t bytes = call->bytes + outcome->msg.len + outcome->data.len;
    if (!dr_call_has_result(call->type)) {
        if (outcome->code != 0) {
            log_failure(call, one, outcome->code, outcome->msg);
        }
        dr_call_settle(call, outcome->part, outcome->code);
    } else if (call->is_single || bytes <= dr_frame_bytes_max(&call->lane->reactor.frame)) {
        dr_call_settle(call, outcome->part, outcome->code);
        call->bytes = bytes;
        one->msg = outcome->msg;
        one->data = outcome->data;
    } else {
        dr_call_settle(call, outcome->part, DORA_CODE_TOO_BIG); /* the reply has no room left */
    }
    if (call->left == 0) {
        dr_reply_call(call);
        return false;
    }
    return call->conn != NULL && one->msg.len + one->data.len > 0 && keep(one, outcome->is_big);
}
