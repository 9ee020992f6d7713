/* intake.c: what a frame means, and who handles it. */
#include "server/call/intake.h"

#include <string.h>

#include "server/call/admit.h"
#include "server/call/call_stream.h"
#include "server/call/caller.h"
#include "server/call/cancel.h"
#include "server/call/dedupe.h"
#include "server/call/hello.h"
#include "server/call/reply.h"
#include "server/call/stranger.h"
#include "server/call/unpack.h"
#include "wire/json_message.h"
#include "wire/json_request.h"

/* responder_of is who sent a frame, as far as its form says it. */
static dr_responder responder_of(dr_lane *lane, dr_conn *conn, const dr_frame *frame, bool is_json)
{
    const dr_responder_kind kind = is_json ? DR_RESPONDER_JSON : DR_RESPONDER_FRAME;
    return dr_responder_of_conn(frame->is_bare ? DR_RESPONDER_BARE : kind, lane, conn);
}

/* refuse answers a frame that is no request. A client takes the answer for the end of the stream
 * that has its guid, so that ends. */
static void refuse(const dr_responder *responder, const char *guid, const dora_error *error)
{
    dr_call_stream_spoil(responder, guid);
    dr_reply_refused(responder, guid, error);
}

void dr_call_bad_frame(dr_conn *conn, const dr_frame *frame, const dora_error *error, bool closes,
                       void *user)
{
    dr_lane *lane = user;
    const bool is_json = !lane->reactor.frame.gzip && dr_body_is_json(frame->body);
    const dr_responder responder = responder_of(lane, conn, frame, is_json);
    /* Where the framing is lost nothing in the bytes is believed, the guid neither. */
    const bool has_guid = frame->guid != NULL && !(closes && error->code == DORA_CODE_BAD_LENGTH);
    if (closes && error->code == DORA_CODE_BAD_LENGTH) {
        dr_stranger_plain(conn, error->msg, lane);
    }
    refuse(&responder, has_guid ? frame->guid : DR_GUID_NONE, error);
}

void dr_call_unreadable(const dr_responder *responder, const char *guid, const dora_error *error)
{
    refuse(responder, guid, error);
}

/* offload: a body is unpacked in the thread pool. */
static void offload(dr_lane *lane, dr_conn *conn, const dr_frame *frame, bool is_packed)
{
    if (dr_unpack_offload(lane, conn, frame, is_packed) != DORA_OK) {
        const dr_responder responder = responder_of(lane, conn, frame, !is_packed);
        const char *guid = frame->is_bare ? DR_GUID_NONE : frame->guid;
        dr_call_count_answered(lane, DR_TYPE_UNKNOWN, DORA_CODE_OVERLOADED);
        dr_call_stream_spoil(&responder, guid);
        dr_reply_no_room(&responder, guid, "out of memory", DR_RETRY_AFTER_MS_USUAL);
    }
}

static void take_json(dr_lane *lane, dr_conn *conn, const char *guid, dora_slice text)
{
    const dr_responder responder = dr_responder_of_conn(DR_RESPONDER_JSON, lane, conn);
    dora_error error;
    if (text.len > DR_JSON_INLINE_MAX) {
        const dr_frame frame = {.guid = guid, .body = text};
        offload(lane, conn, &frame, false);
        return;
    }
    dr_buf_clear(&lane->inner);
    if (dr_json_request(text, 2 * dr_frame_bytes_max(&lane->reactor.frame), &lane->inner, &error) !=
        DORA_OK) {
        dr_call_unreadable(&responder, guid, &error);
        return;
    }
    dr_call_request(&responder, guid, dr_buf_slice(&lane->inner));
}

void dr_call_frame(dr_conn *conn, const dr_frame *frame, void *user)
{
    dr_lane *lane = user;
    const dr_responder responder = responder_of(lane, conn, frame, false);
    dora_slice body;
    dora_error error;
    error.msg[0] = '\0';
    error.code = DORA_CODE_BAD_BODY;
    if (lane->reactor.frame.gzip && frame->body.len > DR_INFLATE_INLINE_MAX) {
        offload(lane, conn, frame, true);
    } else if (dr_frame_body(&lane->reactor.frame, frame, &lane->plain, &body, &error) != DORA_OK) {
        dr_call_unreadable(&responder, frame->is_bare ? DR_GUID_NONE : frame->guid, &error);
    } else if (frame->is_bare) {
        dr_call_bare(&responder, body);
    } else if (dr_body_is_json(body)) {
        take_json(lane, conn, frame->guid, body);
    } else {
        dr_call_request(&responder, frame->guid, body);
    }
}

/* is_taken: the original's programs look at odd names themselves. */
static bool is_taken(const dr_responder *responder, const dr_request *request)
{
    return request->has_odd_name && responder->lane->backend->config->original;
}

void dr_call_bare(const dr_responder *responder, dora_slice body)
{
    dr_responder own = *responder;
    dr_request request;
    dora_error error;
    char guid[DR_GUID_LEN];
    dora_err err =
        dr_request_decode_bare(body, &request, responder->lane->apis, DR_APIS_MAX, &error);
    err = err != DORA_OK && is_taken(responder, &request) ? DORA_OK : err;
    memcpy(guid, DR_GUID_NONE, DR_GUID_LEN);
    if (err != DORA_OK && error.code != DORA_CODE_BAD_API) {
        refuse(responder, guid, &error); /* without a guid, as the original did */
        return;
    }
    if (request.guid.len != DR_GUID_LEN) {
        own.guid = request.guid;
    }
    memcpy(guid, request.guid.data,
           request.guid.len < DR_GUID_LEN ? request.guid.len : DR_GUID_LEN);
    if (err != DORA_OK) {
        refuse(&own, guid, &error);
        return;
    }
    request.guid = (dora_slice){guid, DR_GUID_LEN};
    if (request.type >= DR_TYPE_ST_S) { /* none of those days */
        error.code = DORA_CODE_BAD_TYPE;
        error.msg[0] = '\0';
        refuse(&own, guid, &error);
        return;
    }
    dr_call_run(&own, &request);
}

/* is_too_much refuses a call beyond those that a connection may have in flight: one that has
 * streams is read all the same, for what is said of them. Of streams it may have fewer. */
static bool is_too_much(const dr_responder *responder, const dr_request *request)
{
    static const char calls[] = "as many calls of this connection are in flight as may be "
                                "(connection_calls_max)";
    static const char streams[] = "this connection has as many streams as one may have";
    const dr_conn *conn = responder->conn;
    const bool has_calls = conn->calls >= conn->reactor->calls_max;
    if (!has_calls && (request->type != DR_TYPE_ST_S || conn->streams < DR_CONN_STREAMS_MAX)) {
        return false;
    }
    dr_call_count_refused(responder, request, DORA_CODE_OVERLOADED);
    dr_reply_no_room(responder, request->guid.data, has_calls ? calls : streams,
                     DR_RETRY_AFTER_MS_USUAL);
    return true;
}

/* take_word: a client says something of a call that is under way. */
static void take_word(const dr_responder *responder, const dr_request *request)
{
    if (request->guid.len == 0) {
        dr_count_one(&responder->lane->ignored); /* nobody knows of which */
    } else if (request->type == DR_TYPE_TK) {
        dr_call_stream_take(responder, request);
    } else {
        dr_cancel_take(responder, request->guid.data);
    }
}

void dr_call_request(const dr_responder *responder, const char *guid, dora_slice body)
{
    dr_request request;
    dora_error error;
    error.msg[0] = '\0';
    error.code = DORA_CODE_BAD_BODY;
    if (dr_request_decode(body, guid, &request, responder->lane->apis, DR_APIS_MAX, &error) !=
            DORA_OK &&
        !is_taken(responder, &request)) {
        dr_call_unreadable(responder, guid, &error);
        return;
    }
    if (request.type > DR_TYPE_COUNT) {
        take_word(responder, &request);
        return;
    }
    dr_call_run(responder, &request);
}

/* note_client learns from a request whose client sends it. Those of Dora set a timeout. */
static void note_client(const dr_responder *responder, const dr_request *request)
{
    if (request->type != DR_TYPE_SC) {
        const bool is_dora = responder->kind == DR_RESPONDER_JSON || request->timeout_ms >= 0 ||
                             request->attempt >= 0 || request->trace.len > 0 ||
                             request->priority != DORA_PRIORITY_DEFAULT ||
                             request->type == DR_TYPE_ST_S;
        if (is_dora) {
            responder->conn->client = DR_CONN_CLIENT_DORA;
        } else if (responder->conn->client == DR_CONN_CLIENT_UNKNOWN) {
            responder->conn->client = DR_CONN_CLIENT_ORIGINAL;
        }
    }
}

/* is_refused: a server that stops takes no more, but from the original's clients, which take 100207
 * for success. Their connections end as soon as nothing is in flight on them. One from which
 * another takes over reads no more frames but those of TLS, which cannot move, and of connections
 * with streams, and still takes over HTTP what cannot be sent again. */
static bool is_refused(const dr_responder *responder, const dr_request *request)
{
    const dr_phase phase =
        atomic_load_explicit(&responder->lane->backend->phase, memory_order_relaxed);
    if (phase < DR_PHASE_MOVING) {
        return false;
    }
    const bool has_conn = dr_responder_has_conn(responder);
    const bool is_original = has_conn && responder->conn->client == DR_CONN_CLIENT_ORIGINAL;
    if (phase == DR_PHASE_MOVING) {
        return has_conn ? (responder->lane->reactor.is_moving || responder->conn->streams > 0 ||
                           responder->lane->is_late) &&
                              !is_original
                        : dr_responder_is_web(responder) && request->attempt >= 0;
    }
    return !(phase == DR_PHASE_DRAINING && is_original);
}

void dr_call_run(const dr_responder *responder, const dr_request *request)
{
    dr_lane *lane = responder->lane;
    bool has_streams = false;
    dr_count_one(&lane->requests);
    if (dr_responder_has_conn(responder)) {
        has_streams = responder->conn->streams > 0;
        note_client(responder, request);
    }
    if (has_streams) { /* whatever it is, it will be answered */
        dr_call_stream_spoil(responder, request->guid.data);
    }
    lane->caller.name.len = 0;
    lane->caller.access = atomic_load_explicit(&lane->backend->access, memory_order_acquire);
    if (request->type == DR_TYPE_SC && dr_hello_is(responder)) {
        dr_hello_take(responder, request);
    } else if (lane->caller.access != NULL && !dr_caller_enter(responder, request)) {
        return;
    } else if (request->type == DR_TYPE_SC) {
        lane->backend->commands.run(responder, request, lane->backend->commands.user);
    } else if (is_refused(responder, request)) {
        if (!dr_dedupe_only(responder, request)) {
            dr_call_count_refused(responder, request, DORA_CODE_STOPPING);
            dr_reply_code(responder, request->guid.data, DORA_CODE_STOPPING, NULL);
        }
    } else if (has_streams && is_too_much(responder, request)) {
        return;
    } else if (dr_call_type_is_accepted(request->type)) {
        dr_admit_accepted(responder, request);
    } else {
        dr_admit_waiting(responder, request);
    }
}
