/* mux_read.c: replies that come to a mux: for which call, and what they mean to it. Pure. */
#include "client/mux/mux_read.h"

#include <string.h>

#include "base/code.h"
#include "client/mux/mux.h"
#include "client/mux/mux_call.h"
#include "client/mux/mux_conn.h"
#include "client/mux/mux_stream.h"
#include "client/mux/mux_table.h"
#include "client/shared/follow_up.h"
#include "wire/retry_after.h"

/* What is left to say of a call that has ended, until the next event is asked for. */
static void tell(dora_mux *mux, dr_mux_call *call, dora_err err, dora_mux_event *event)
{
    *event = (dora_mux_event){
        .what = DORA_MUX_DONE,
        .id = call->id,
        .user = call->user,
        .err = err,
        .error = err != DORA_OK ? &mux->error : NULL,
        .answer = mux->given,
    };
    mux->given->count = err == DORA_OK ? mux->given->count : 0;
    dr_mux_remove(mux, call);
    mux->current = call;
}

/* The result of a submission. */
static void take_result(dora_mux *mux, dr_mux_call *call, const dr_incoming *incoming,
                        dora_mux_event *event)
{
    const dr_reply_message *reply = &incoming->reply;
    dr_call_type as = call->type == DR_TYPE_AM_S ? DR_TYPE_W_S : DR_TYPE_W_M;
    dora_err err = dr_answer_borrow(mux->given, call->guid, call->apis, call->api_count);
    if (err != DORA_OK) {
        dora_error_set(&mux->error, err, "%s", dora_err_text(err));
    } else {
        mux->given->reply = incoming->body;
        err = dr_answer_verdict(as, reply, &mux->error);
    }
    if (err == DORA_OK) {
        err = dr_answer_read(mux->given, as, call->api_count, reply, &mux->error);
    }
    tell(mux, call, err, event);
}

/* The call ends with its reply, or says that an earlier try may have run. */
static void conclude(dora_mux *mux, dr_mux_call *call, const dr_try *made,
                     const dr_reply_message *reply, dora_mux_event *event)
{
    dora_err err = made->err;
    if (err == DORA_OK) {
        err = dr_answer_verdict(call->type, reply, &mux->error);
    }
    if (call->stream != NULL && err == DORA_EREPLY && reply->code == DORA_CODE_BAD_TYPE) {
        dora_error_set(&mux->error, err, "%s", DR_STREAM_OLD_TEXT);
        mux->error.code = DORA_CODE_BAD_TYPE;
    }
    if (dr_tries_maybe_ran(&call->tries, made, err)) {
        err = call->maybe_ran->err;
        dr_reason_give(call->maybe_ran, &mux->error);
    } else if (err == DORA_OK && call->tries.maybe_ran != DORA_OK) {
        dr_answer_maybe_ran(mux->given);
    }
    if (call->stream != NULL && err == DORA_OK) {
        err = dr_answer_stream_verdict(mux->given, &mux->error);
    }
    tell(mux, call, err, event);
}

static void accept(dora_mux *mux, dr_mux_call *call, dora_mux_event *event)
{
    *event = (dora_mux_event){
        .what = DORA_MUX_ACCEPTED, .id = call->id, .user = call->user, .answer = mux->given};
    mux->nodes.items[call->conn->node].in_flight--;
    call->is_counted = false;
    call->state = DR_CALL_ACCEPTED;
    dr_mux_alarm(mux, call, 0);
}

/* Whether the server has no room for the connection of this call, which was not run. */
static bool is_turned_away(const dr_mux_call *call, const dr_try *made)
{
    return made->err == DORA_OK && dr_link_is_turned_away(&call->conn->link, made->code);
}

/* What a reply says about its node and connection. */
static void learn(dora_mux *mux, dr_mux_call *call, const dr_try *made, uint64_t now_ns)
{
    dr_mux_conn *conn = call->conn;
    dr_advice advice = DR_ADVICE_NONE;
    if (!conn->is_ending || made->code != DORA_CODE_STOPPING) { /* it has said so already */
        advice = dr_mux_record_outcome(mux, conn->node, made, now_ns - call->begun_ns, now_ns);
    }
    if (made->err == DORA_OK && (dr_code_closes(made->code) || is_turned_away(call, made))) {
        dr_mux_conn_end(mux, conn, made->code == DORA_CODE_STOPPING, now_ns);
    }
    if (advice == DR_ADVICE_LEAVE) {
        dr_mux_conn_leave_node(mux, conn->node, now_ns);
    }
}

/* The last word of a call in parts, of which more came before: it is not sent again. */
static void end_stream(dora_mux *mux, dr_mux_call *call, dr_try *made,
                       const dr_reply_message *reply, uint64_t now_ns, dora_mux_event *event)
{
    call->begun_ns = now_ns - call->stream->first_ns; /* what a node takes: its first silence */
    learn(mux, call, made, now_ns);
    conclude(mux, call, made, reply, event);
}

/* The reply to a call. Returns: whether it makes an event; else there is another try. */
static bool take_reply(dora_mux *mux, dr_mux_call *call, const dr_incoming *incoming,
                       uint64_t now_ns, dora_mux_event *event)
{
    const dr_reply_message *reply = &incoming->reply;
    dora_answer *given = mux->given;
    dr_try made = {.code = reply->code, .is_reused = call->is_reused};
    made.err = dr_answer_borrow(given, call->guid, call->apis, call->api_count);
    if (made.err == DORA_OK) {
        given->reply = incoming->body;
        made.err = dr_answer_read(given, call->type, call->api_count, reply, &mux->error);
        made.is_overloaded =
            dr_answer_is_overloaded(given, call->type, reply, &made.retry_after_ms);
    } else {
        dora_error_set(&mux->error, made.err, "%s", dora_err_text(made.err));
    }
    if (dr_mux_stream_is_heard(call)) {
        end_stream(mux, call, &made, reply, now_ns, event);
        return true;
    }
    /* Of accepted work the same word may be of a full queue: that is asked again later. */
    const bool goes_beside = !dr_call_type_is_accepted(call->type) && is_turned_away(call, &made) &&
                             dr_mux_conn_is_spare(mux, call->conn, call, now_ns);
    learn(mux, call, &made, now_ns);
    if (goes_beside) {
        dr_mux_move(mux, call, &dr_reason_no_memory, now_ns);
        return false;
    }
    if (dr_mux_is_submission(call->type) && made.err == DORA_OK &&
        dr_answer_is_expected(call->type, reply)) {
        accept(mux, call, event);
        return true;
    }
    if (dr_mux_again(mux, call, &made, NULL, now_ns)) {
        return false;
    }
    conclude(mux, call, &made, reply, event);
    return true;
}

/* The server's word on the whole connection: it is given up, and whoever waits hears the word. */
static void take_word(dora_mux *mux, dr_mux_conn *conn, const dr_incoming *incoming,
                      uint64_t now_ns)
{
    const dr_reply_message *reply = &incoming->reply;
    const bool is_overloaded = reply->code == DORA_CODE_OVERLOADED;
    const dr_try made = {.code = reply->code,
                         .is_overloaded = is_overloaded,
                         .retry_after_ms = is_overloaded ? dr_retry_after_of(reply->data) : 0};
    const dr_reason *reason = dr_reason_refused(incoming);
    if (is_overloaded || reply->code == DORA_CODE_STOPPING) { /* none of it has run */
        dr_mux_conn_refuse(mux, conn, &made, reason, now_ns);
    } else {
        dr_mux_conn_lose(mux, conn, DR_CONN_CLOSING, reason, now_ns);
    }
    dr_reason_drop(reason);
}

bool dr_mux_read(dora_mux *mux, dr_mux_conn *conn, uint64_t now_ns, dora_mux_event *event)
{
    dora_error error; /* read only where one is set */
    dr_incoming incoming;
    dora_err err = dr_link_next(&conn->link, &incoming, &error);
    if (err == DORA_EAGAIN) {
        conn->has_input = false;
        if (conn->link.out.len == 0) {
            dr_link_shrink(&conn->link);
        }
        return false;
    }
    if (err != DORA_OK) {
        const dr_reason *reason = dr_reason_new(err, 0, error.code, error.msg);
        dr_mux_conn_lose(mux, conn, DR_CONN_CLOSING, reason, now_ns);
        dr_reason_drop(reason);
        return false;
    }
    conn->has_replied = true;
    conn->silences = 0;
    if (memcmp(incoming.guid, DR_GUID_NONE, DR_GUID_LEN) == 0) {
        take_word(mux, conn, &incoming, now_ns);
        return false;
    }
    dr_mux_call *call = dr_mux_table_find(mux, incoming.guid);
    const bool is_later =
        incoming.reply.is_result && call != NULL && dr_mux_is_submission(call->type);
    if (call == NULL || call->conn != conn ||
        call->state != (is_later ? DR_CALL_ACCEPTED : DR_CALL_SENT)) {
        return false; /* late, or nobody's: its call has ended or is elsewhere */
    }
    if (is_later) {
        take_result(mux, call, &incoming, event);
        return true;
    }
    if (call->stream != NULL && dr_reply_goes_on(&incoming.reply)) {
        return dr_mux_stream_hear(mux, call, &incoming.reply, now_ns, event);
    }
    return take_reply(mux, call, &incoming, now_ns, event);
}
