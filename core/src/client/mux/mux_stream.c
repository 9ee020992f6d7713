/* mux_stream.c: the calls of a mux that are answered in parts: their words, room and time. Pure. */
#include "client/mux/mux_stream.h"

#include <stdio.h>

#include "base/deadline.h"
#include "base/mem.h"
#include "client/mux/mux_call.h"
#include "client/mux/mux_conn.h"
#include "client/mux/mux_table.h"
#include "client/shared/follow_up.h"

static const dr_reason is_silent = {
    .err = DORA_ETIMEDOUT, .code = DORA_CODE_RECEIVE, .msg = DR_STREAM_IDLE_TEXT};
static const dr_reason is_late = {
    .err = DORA_ETIMEDOUT, .code = DORA_CODE_RECEIVE, .msg = DR_STREAM_LATE_TEXT};

dora_err dr_mux_stream_new(dora_mux *mux, dr_mux_call *call, dora_call_options *options,
                           uint64_t now_ns)
{
    const uint64_t nested_ns = dr_deadline_get();
    const uint32_t window = options->window != 0 ? options->window : DR_WINDOW_DEFAULT;
    const uint32_t idle_ms = options->idle_ms != 0 ? options->idle_ms : mux->settings.timeout_ms;
    uint64_t until_ns = UINT64_MAX;
    dr_mux_stream *stream = dr_alloc(sizeof *stream);
    if (stream == NULL) {
        return DORA_ENOMEM;
    }
    if (options->timeout_ms != 0) {
        until_ns = now_ns + (uint64_t)options->timeout_ms * DR_NS_PER_MS;
    }
    *stream = (dr_mux_stream){
        .until_ns = nested_ns != 0 && nested_ns < until_ns ? nested_ns : until_ns,
        .idle_ns = (uint64_t)idle_ms * DR_NS_PER_MS,
        .window = window < DR_WINDOW_MAX ? window : DR_WINDOW_MAX,
    };
    if (options->timeout_ms == 0 || idle_ms < options->timeout_ms) {
        options->timeout_ms = idle_ms;
    }
    call->stream = stream;
    return DORA_OK;
}

bool dr_mux_stream_is_heard(const dr_mux_call *call)
{
    return call->stream != NULL && call->stream->first_ns != 0;
}

const dr_reason *dr_mux_stream_late(const dr_mux_call *call, uint64_t now_ns)
{
    return now_ns >= call->stream->until_ns ? &is_late : &is_silent;
}

/* The server may be silent from now on for as long as it may; for ever, while the user has parts
 * that are not done with: nobody waits for it then. */
static void arm(dora_mux *mux, dr_mux_call *call, uint64_t now_ns)
{
    const dr_mux_stream *stream = call->stream;
    uint64_t alarm_ns = stream->untaken == 0 ? now_ns + stream->idle_ns : UINT64_MAX;
    alarm_ns = alarm_ns < stream->until_ns ? alarm_ns : stream->until_ns;
    dr_mux_alarm(mux, call, alarm_ns != UINT64_MAX ? alarm_ns : 0);
}

/* What a server has said that does not keep to the protocol: its connection is given up. */
static bool refuse(dora_mux *mux, dr_mux_call *call, const char *what, uint64_t now_ns)
{
    const dr_reason *reason = dr_reason_new(DORA_EPROTO, 0, DORA_CODE_RECEIVE, what);
    dr_mux_conn_lose(mux, call->conn, DR_CONN_CLOSING, reason, now_ns);
    dr_reason_drop(reason);
    return false;
}

/* The first word: the call runs there, and nowhere else any more. */
static void hear_first(dora_mux *mux, dr_mux_call *call, uint64_t now_ns)
{
    const dr_try made = {.err = DORA_OK, .is_reused = call->is_reused};
    const uint64_t took_ns = now_ns - call->begun_ns;
    call->stream->first_ns = took_ns > 0 ? took_ns : 1;
    call->tries.retries_left = 0;
    call->tries.wait_ms = 0;
    dr_mux_record_outcome(mux, call->conn->node, &made, took_ns, now_ns);
}

bool dr_mux_stream_hear(dora_mux *mux, dr_mux_call *call, const dr_reply_message *reply,
                        uint64_t now_ns, dora_mux_event *event)
{
    char text[96];
    dr_mux_stream *stream = call->stream;
    if (stream->first_ns == 0) {
        hear_first(mux, call, now_ns);
    }
    *event = (dora_mux_event){.what = DORA_MUX_WORD, .id = call->id, .user = call->user};
    if (reply->code == DORA_CODE_PROGRESS) {
        event->word = (dora_stream_event){
            .what = DORA_STREAM_PROGRESS, .msg = reply->msg, .data = reply->data};
        arm(mux, call, now_ns);
        return true;
    }
    if (reply->part != stream->parts) {
        snprintf(text, sizeof text, "part %lld of a stream came where part %lld is next",
                 (long long)reply->part, (long long)stream->parts);
        return refuse(mux, call, text, now_ns);
    }
    if (stream->untaken + stream->untold >= stream->window) {
        return refuse(mux, call, "more parts of a stream came than there is room for", now_ns);
    }
    stream->told_ns = stream->parts == 0 ? now_ns : stream->told_ns;
    stream->parts++;
    stream->untaken++;
    event->word =
        (dora_stream_event){.what = DORA_STREAM_PART, .part = reply->part, .data = reply->data};
    arm(mux, call, now_ns);
    return true;
}

void dora_mux_take(dora_mux *mux, uint64_t id, uint32_t count, uint64_t now_ns)
{
    dr_mux_call *call = dr_slots_get(&mux->calls, id);
    if (call == NULL || call == mux->current || call->state != DR_CALL_SENT ||
        !dr_mux_stream_is_heard(call)) {
        return;
    }
    dr_mux_stream *stream = call->stream;
    dr_mux_conn *conn = call->conn;
    count = count < stream->untaken ? count : stream->untaken;
    if (count == 0) {
        return;
    }
    stream->untaken -= count;
    stream->untold += count;
    if (stream->untaken == 0) {
        arm(mux, call, now_ns);
    }
    if (stream->untold * 2 < stream->window && now_ns < stream->told_ns + DR_TAKE_NS) {
        return;
    }
    const size_t before = conn->link.out.len;
    if (dr_follow_up_take(&conn->link, call->guid, stream->untold) == DORA_OK) {
        stream->untold = 0;
        stream->told_ns = now_ns;
        conn->queued += conn->link.out.len - before;
        dr_mux_wants_write(mux, conn);
    }
}
