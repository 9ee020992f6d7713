/* call.c: a request becomes tasks, and what became of them one reply. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "server/lane.h"

static const dora_slice ok_text = {"OK", 2};
static const dora_slice empty_array = {"a:0:{}", 6};

typedef enum part_state { PART_DONE = 0, PART_PENDING, PART_KEPT } part_state;

/* part is one api of a call. */
typedef struct part {
    part_state state;
    dr_pool *pool;
    uint32_t task;
    int64_t code;
    dora_slice key; /* encoded; multi only */
    dora_slice msg;
    dora_slice data;
    char *copy; /* of msg and data, where they could not stay in shared memory */
} part;

struct dr_call {
    dr_lane *lane;
    dr_conn *conn; /* NULL once it is gone */
    dr_call *next;
    dr_call *prev;
    dr_call_type type;
    uint32_t count;
    uint32_t left;
    size_t bytes; /* of the reply so far; multi only */
    char guid[DR_GUID_LEN];
    part parts[];
};

/* What an envelope and an error's usual text take beside key and data. */
#define ENVELOPE_BYTES 256u

static dr_call *call_new(dr_lane *lane, dr_conn *conn, const dr_request *request)
{
    size_t key_bytes = 0;
    for (size_t i = 0; i < request->api_count; i++) {
        key_bytes += lane->apis[i].key_raw.len;
    }
    dr_call *call = NULL;
    if (request->type == DR_TYPE_W_S) {
        key_bytes = 0;
        call = lane->spare;
    }
    if (call != NULL) {
        lane->spare = call->next;
    } else {
        call = malloc(sizeof(*call) + request->api_count * sizeof(part) + key_bytes);
        if (call == NULL) {
            return NULL;
        }
    }
    memset(call, 0, sizeof(*call) + request->api_count * sizeof(part));
    call->lane = lane;
    call->conn = conn;
    call->type = request->type;
    call->count = (uint32_t)request->api_count;
    memcpy(call->guid, request->guid.data, DR_GUID_LEN);
    char *keys = (char *)&call->parts[call->count];
    call->bytes = key_bytes + ENVELOPE_BYTES * ((size_t)call->count + 1);
    for (uint32_t i = 0; key_bytes > 0 && i < call->count; i++) {
        const dora_slice key = lane->apis[i].key_raw;
        memcpy(keys, key.data, key.len);
        call->parts[i].key = (dora_slice){keys, key.len};
        keys += key.len;
    }
    call->next = conn->owner;
    if (call->next != NULL) {
        call->next->prev = call;
    }
    conn->owner = call;
    conn->calls++;
    lane->calls++;
    return call;
}

static void call_free(dr_call *call)
{
    dr_lane *lane = call->lane;
    dr_conn *conn = call->conn;
    for (uint32_t i = 0; i < call->count; i++) {
        free(call->parts[i].copy);
        if (call->parts[i].state == PART_KEPT) {
            dr_dispatch_release(call->parts[i].pool, call->parts[i].task);
        }
    }
    if (conn != NULL) {
        if (call->prev == NULL) {
            conn->owner = call->next;
        } else {
            call->prev->next = call->next;
        }
        if (call->next != NULL) {
            call->next->prev = call->prev;
        }
        conn->calls--;
    }
    lane->calls--;
    if (call->type == DR_TYPE_W_S) {
        call->next = lane->spare;
        lane->spare = call;
    } else {
        free(call);
    }
}

void dr_call_fini(dr_lane *lane)
{
    while (lane->spare != NULL) {
        dr_call *next = lane->spare->next;
        free(lane->spare);
        lane->spare = next;
    }
    dr_buf_fini(&lane->plain);
}

/* refuse answers a whole request with a code. */
static void refuse(dr_conn *conn, const char *guid, int64_t code, dora_slice msg)
{
    size_t mark;
    dr_buf *out = dr_conn_begin(conn, guid, &mark);
    if (out == NULL) {
        return;
    }
    if (dr_reply_begin(out, guid, code, msg) != DORA_OK ||
        dr_buf_append_slice(out, empty_array) != DORA_OK || dr_reply_end(out) != DORA_OK ||
        dr_conn_end(conn, mark) != DORA_OK) {
        dr_conn_close(conn);
    }
}

static void refuse_text(dr_conn *conn, const char *guid, int64_t code, const char *text)
{
    refuse(conn, guid, code, (dora_slice){text, strlen(text)});
}

void dr_call_bad_frame(dr_conn *conn, const char *guid, const dora_error *error, bool closes,
                       void *user)
{
    (void)user;
    /* Where the framing is lost nothing in the bytes is believed, the guid neither. */
    refuse_text(
        conn, guid == NULL || (closes && error->code == DORA_CODE_BAD_LENGTH) ? DR_GUID_NONE : guid,
        error->code, error->msg[0] != '\0' ? error->msg : dora_code_text(error->code));
}

static dora_err put_envelope(dr_buf *out, const dr_call *call, const part *result)
{
    const char *text = dora_code_text(result->code);
    dora_slice msg = result->code == 0 ? ok_text : result->msg;
    if (result->code != 0 && msg.len == 0) {
        msg = (dora_slice){text, strlen(text)};
    }
    dora_err err = dr_reply_begin(out, call->guid, result->code, msg);
    if (err == DORA_OK) {
        err = dr_buf_append_slice(out, result->data.len > 0 ? result->data : empty_array);
    }
    return err == DORA_OK ? dr_reply_end(out) : err;
}

static dora_err put_reply(dr_buf *out, const dr_call *call)
{
    dora_err err = dr_reply_begin(out, call->guid, 0, ok_text);
    if (call->type == DR_TYPE_W_S) {
        err = err == DORA_OK ? put_envelope(out, call, &call->parts[0]) : err;
        return err == DORA_OK ? dr_reply_end(out) : err;
    }
    err = err == DORA_OK ? dr_put_array(out, call->count) : err;
    for (uint32_t i = 0; i < call->count && err == DORA_OK; i++) {
        err = dr_buf_append_slice(out, call->parts[i].key);
        err = err == DORA_OK ? put_envelope(out, call, &call->parts[i]) : err;
    }
    err = err == DORA_OK ? dr_put_end(out) : err;
    return err == DORA_OK ? dr_reply_end(out) : err;
}

/* drop_data gives up the results of a reply that is over the frame limit. Returns: false when there
 * are none. */
static bool drop_data(dr_call *call)
{
    bool has_data = false;
    for (uint32_t i = 0; i < call->count; i++) {
        part *one = &call->parts[i];
        if (one->data.len + one->msg.len > 0) {
            has_data = true;
            one->code = one->code == 0 ? DORA_CODE_TOO_BIG : one->code;
            one->data = one->msg = (dora_slice){NULL, 0};
        }
    }
    return has_data;
}

/* answer writes the reply, when the connection is still there, and ends the call. */
static void answer(dr_call *call)
{
    dora_err err = DORA_ETOOBIG;
    while (err == DORA_ETOOBIG && call->conn != NULL) {
        dr_conn *conn = call->conn;
        size_t mark;
        dr_buf *out = dr_conn_begin(conn, call->guid, &mark);
        if (out == NULL) {
            break; /* closed: call->conn is NULL now */
        }
        if (put_reply(out, call) != DORA_OK) {
            dr_conn_close(conn);
            break;
        }
        err = dr_conn_end(conn, mark);
        if (err == DORA_ETOOBIG && !drop_data(call)) {
            refuse_text(conn, call->guid, DORA_CODE_TOO_BIG, dora_code_text(DORA_CODE_TOO_BIG));
            break;
        }
    }
    call_free(call);
}

/* settle ends one part; the last one answers. */
static void settle(dr_call *call, uint32_t index, int64_t code)
{
    call->parts[index].state = PART_DONE;
    call->parts[index].code = code;
    call->left--;
}

/* no_api says which name nobody serves. */
static void no_api(dr_call *call, uint32_t index, dora_slice name)
{
    static const char prefix[] = "no such api: ";
    part *one = &call->parts[index];
    one->copy = malloc(sizeof(prefix) + name.len);
    if (one->copy != NULL) {
        memcpy(one->copy, prefix, sizeof(prefix) - 1);
        memcpy(one->copy + sizeof(prefix) - 1, name.data, name.len);
        one->msg = (dora_slice){one->copy, sizeof(prefix) - 1 + name.len};
    }
    settle(call, index, DORA_CODE_NO_API);
}

static void submit(dr_call *call, uint32_t index, const dr_request *request, const dr_api *api)
{
    dr_server *server = call->lane->server;
    dr_route route;
    if (!dr_routes_find(&server->routes, api->name, &route)) {
        no_api(call, index, api->name);
        return;
    }
    part *one = &call->parts[index];
    one->pool = &server->pools[route.pool];
    one->state = PART_PENDING;
    const dr_task_input input = {
        .name = api->name,
        .param = api->param,
        .trace = request->trace,
        .guid = call->guid,
        .type = (uint16_t)request->type,
        .api = route.api,
        .reactor = call->lane->reactor.index,
        .deadline_ns =
            request->timeout_ms < 0 ? 0 : dr_clock_ns() + (uint64_t)request->timeout_ms * 1000000u,
        .owner = call,
        .part = index};
    const int64_t code = dr_dispatch_submit(one->pool, &input, &one->task);
    if (code != 0) {
        settle(call, index, code);
    }
}

void dr_call_frame(dr_conn *conn, const dr_frame *frame, void *user)
{
    dr_lane *lane = user;
    dora_slice body;
    dora_error error;
    error.msg[0] = '\0';
    error.code = DORA_CODE_BAD_BODY;
    if (lane->reactor.frame.gzip && frame->body.len > DR_INFLATE_INLINE_MAX) {
        if (dr_inflate_aside(lane, conn, frame) != DORA_OK) {
            refuse_text(conn, frame->guid, DORA_CODE_OVERLOADED, "out of memory");
        }
        return;
    }
    if (dr_frame_body(&lane->reactor.frame, frame, &lane->plain, &body, &error) != DORA_OK) {
        dr_call_bad_frame(conn, frame->guid, &error, false, lane);
        return;
    }
    dr_call_body(lane, conn, frame->guid, body);
}

void dr_call_body(dr_lane *lane, dr_conn *conn, const char *guid, dora_slice body)
{
    dr_request request;
    dora_error error;
    error.msg[0] = '\0';
    error.code = DORA_CODE_BAD_BODY;
    if (dr_request_decode(body, guid, &request, lane->apis, DR_APIS_MAX, &error) != DORA_OK) {
        dr_call_bad_frame(conn, guid, &error, false, lane);
        return;
    }
    if (atomic_load_explicit(&lane->server->phase, memory_order_relaxed) != DR_PHASE_SERVING) {
        refuse_text(conn, guid, DORA_CODE_STOPPING, dora_code_text(DORA_CODE_STOPPING));
        return;
    }
    if (request.type != DR_TYPE_W_S && request.type != DR_TYPE_W_M) {
        refuse_text(conn, guid, DORA_CODE_BAD_TYPE,
                    "this version answers the types W_S and W_M only");
        return;
    }
    dr_call *call = call_new(lane, conn, &request);
    if (call == NULL) {
        refuse_text(conn, guid, DORA_CODE_OVERLOADED, "out of memory");
        return;
    }
    call->left = call->count;
    for (uint32_t i = 0; i < call->count; i++) {
        submit(call, i, &request, &lane->apis[i]);
    }
    if (call->left == 0) {
        answer(call);
    } else {
        dr_reactor_tick_soon(&lane->reactor);
    }
}

void dr_call_gone(dr_conn *conn, void *user)
{
    dr_inflate_forget(user, conn);
    dr_call *call = conn->owner;
    conn->owner = NULL;
    conn->calls = 0;
    while (call != NULL) {
        dr_call *next = call->next;
        call->conn = NULL;
        for (uint32_t i = 0; i < call->count; i++) {
            part *one = &call->parts[i];
            if (one->state == PART_PENDING && dr_dispatch_cancel(one->pool, one->task)) {
                settle(call, i, DORA_CODE_EXPIRED);
                if (call->left == 0) {
                    call_free(call);
                    break;
                }
            }
        }
        call = next;
    }
}

/* keep_copy holds a result that stands in memory its worker wants back. */
static bool keep_copy(part *one)
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

bool dr_call_outcome(const dr_outcome *outcome, void *user)
{
    (void)user;
    dr_call *call = outcome->owner;
    part *one = &call->parts[outcome->part];
    const size_t bytes = call->bytes + outcome->msg.len + outcome->data.len;
    if (call->type == DR_TYPE_W_S || bytes <= dr_frame_bytes_max(&call->lane->reactor.frame)) {
        settle(call, outcome->part, outcome->code);
        call->bytes = bytes;
        one->msg = outcome->msg;
        one->data = outcome->data;
    } else {
        settle(call, outcome->part, DORA_CODE_TOO_BIG); /* the reply has no room for this one */
    }
    const bool is_last = call->left == 0;
    bool is_kept = false;
    if (!is_last && call->conn != NULL && one->msg.len + one->data.len > 0) {
        if (!outcome->is_big) {
            one->state = PART_KEPT;
            is_kept = true;
        } else if (!keep_copy(one)) {
            one->code = DORA_CODE_TOO_BIG;
            one->msg = one->data = (dora_slice){NULL, 0};
        }
    }
    if (is_last) {
        answer(call);
    }
    return is_kept;
}
