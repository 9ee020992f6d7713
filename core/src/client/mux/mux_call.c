/* mux_call.c: what becomes of a call of a mux, from one try to the next. Pure. */
#include "client/mux/mux_call.h"

#include <string.h>

#include "base/mem.h"
#include "client/mux/mux.h"
#include "client/mux/mux_conn.h"
#include "client/mux/mux_registry.h"
#include "client/mux/mux_stream.h"
#include "client/mux/mux_table.h"

const dr_reason dr_reason_late = {
    .err = DORA_ETIMEDOUT, .code = DORA_CODE_RECEIVE, .msg = "receive: timed out"};
const dr_reason dr_reason_stopping = {
    .err = DORA_EREPLY, .code = DORA_CODE_STOPPING, .msg = "the server is stopping"};
const dr_reason dr_reason_no_room = {
    .err = DORA_EREPLY, .code = DORA_CODE_OVERLOADED, .msg = "the server has no room"};
const dr_reason dr_reason_no_memory = {.err = DORA_ENOMEM, .msg = "out of memory"};

static const dr_reason *reason_new(dora_err err, int os_error, int64_t code, const char *msg,
                                   dora_slice reply)
{
    const size_t len = strlen(msg) + 1;
    dr_reason *reason = dr_alloc(sizeof *reason + len + reply.len);
    if (reason == NULL) {
        return &dr_reason_no_memory;
    }
    char *text = (char *)(reason + 1);
    memcpy(text, msg, len);
    if (reply.len > 0) {
        memcpy(text + len, reply.data, reply.len);
        reply.data = text + len;
    }
    *reason = (dr_reason){.refs = 1, .err = err, .os_error = os_error, .code = code};
    reason->msg = text;
    reason->reply = reply;
    return reason;
}

const dr_reason *dr_reason_new(dora_err err, int os_error, int64_t code, const char *msg)
{
    return reason_new(err, os_error, code, msg, (dora_slice){NULL, 0});
}

const dr_reason *dr_reason_refused(const dr_incoming *incoming)
{
    dora_error error;
    const dora_err err = dr_answer_refused(&incoming->reply, &error);
    return reason_new(err, 0, error.code, error.msg, incoming->body);
}

const dr_reason *dr_reason_take(const dr_reason *reason)
{
    if (reason->refs > 0) {
        ((dr_reason *)(uintptr_t)reason)->refs++;
    }
    return reason;
}

void dr_reason_drop(const dr_reason *reason)
{
    dr_reason *own = (dr_reason *)(uintptr_t)reason;
    if (own != NULL && own->refs > 0 && --own->refs == 0) {
        dr_free(own);
    }
}

void dr_reason_give(const dr_reason *reason, dora_error *error)
{
    dora_error_set(error, reason->err, "%s", reason->msg);
    error->code = reason->code;
    error->os_error = reason->os_error;
}

static void set_reason(dr_mux_call *call, const dr_reason *reason)
{
    const dr_reason *before = call->reason;
    call->reason = dr_reason_take(reason); /* which may be the same one */
    dr_reason_drop(before);
}

static dr_mux_list *list_of(dora_mux *mux, const dr_mux_call *call)
{
    if (call->conn == NULL) {
        return call->state == DR_CALL_HELD ? &mux->held : &mux->paused;
    }
    return call->state == DR_CALL_WAITING ? &call->conn->waiting : &call->conn->sent;
}

void dr_mux_leave(dora_mux *mux, dr_mux_call *call)
{
    dr_mux_conn *conn = call->conn;
    if (conn == NULL && call->state != DR_CALL_HELD && call->state != DR_CALL_PAUSED) {
        return;
    }
    if (call->is_counted) {
        mux->nodes.items[conn->node].in_flight--;
        call->is_counted = false;
    }
    dr_mux_list_remove(list_of(mux, call), call);
    call->conn = NULL;
    call->state = DR_CALL_NEW;
    dr_mux_alarm(mux, call, 0);
    if (conn != NULL) {
        dr_mux_conn_sweep(mux, conn);
    }
}

dora_err dr_mux_place(dora_mux *mux, dr_mux_call *call, uint64_t now_ns)
{
    dr_tries *tries = &call->tries;
    uint64_t now_ms = now_ns / DR_NS_PER_MS;
    if (!tries->is_named) {
        dora_err err = dr_tries_pick(tries, &mux->nodes, now_ms, dr_random_next(&mux->random));
        if (err != DORA_OK) {
            return err;
        }
    }
    dr_mux_conn *conn = dr_mux_conn_pick(mux, tries->node, call->newer_than, now_ns);
    if (conn == NULL) {
        return DORA_ENOMEM;
    }
    bool is_open = conn->state == DR_CONN_OPEN;
    call->conn = conn;
    call->state = DR_CALL_WAITING;
    call->is_reused = is_open && !call->was_moved;
    call->is_counted = true;
    call->begun_ns = now_ns;
    call->until_ns = dr_tries_until_ns(tries, now_ns);
    mux->nodes.items[conn->node].in_flight++;
    mux->nodes.items[conn->node].asked_ms = now_ms;
    dr_mux_list_add(&conn->waiting, call);
    dr_mux_alarm(mux, call,
                 is_open ? call->until_ns
                         : dr_tries_connect_ns(tries, &mux->nodes, now_ns, call->until_ns));
    dr_mux_flush(mux, conn, now_ns);
    return DORA_OK;
}

bool dr_mux_again(dora_mux *mux, dr_mux_call *call, const dr_try *made, const dr_reason *reason,
                  uint64_t now_ns)
{
    uint64_t serial = call->conn != NULL ? call->conn->serial : 0;
    dr_mux_leave(mux, call);
    if (dr_tries_note(&call->tries, made)) {
        call->maybe_ran = dr_reason_take(reason);
    }
    if (made->err == DORA_ETIMEDOUT) {
        call->newer_than = serial;
    }
    if (dr_mux_stream_is_heard(call)) {
        return false; /* of what has begun there is no second time */
    }
    bool is_again = dr_tries_again(&call->tries, made, &mux->nodes, now_ns);
    call->was_moved = call->was_moved || call->tries.is_same;
    if (is_again && dr_mux_place(mux, call, now_ns) == DORA_OK) {
        return true;
    }
    return dr_mux_pause(mux, call, made, reason, now_ns);
}

bool dr_mux_pause(dora_mux *mux, dr_mux_call *call, const dr_try *made, const dr_reason *reason,
                  uint64_t now_ns)
{
    uint64_t again_ns;
    if (call->tries.wait_ms == 0 || mux->is_over ||
        !dr_tries_wait(&call->tries, made, now_ns, dr_random_next(&mux->random), &again_ns)) {
        return false;
    }
    if (reason == NULL) {
        reason = made->is_overloaded ? &dr_reason_no_room : &dr_reason_stopping;
    }
    set_reason(call, reason);
    call->state = DR_CALL_PAUSED;
    dr_mux_list_add(&mux->paused, call);
    dr_mux_alarm(mux, call, again_ns);
    return true;
}

void dr_mux_resume(dora_mux *mux, dr_mux_call *call, uint64_t now_ns)
{
    const dr_try made = {.err = DORA_ECONNECT};
    if (mux->registry != NULL && !call->tries.is_named) {
        dr_mux_registry_use(mux, now_ns);
    }
    dr_mux_leave(mux, call);
    if (call->is_lost) {
        dr_mux_hold(mux, call, now_ns);
    } else if (dr_mux_place(mux, call, now_ns) != DORA_OK) {
        dr_mux_fail(mux, call, &made, call->reason, now_ns);
    }
}

void dr_mux_fail(dora_mux *mux, dr_mux_call *call, const dr_try *made, const dr_reason *reason,
                 uint64_t now_ns)
{
    if (dr_mux_again(mux, call, made, reason, now_ns)) {
        return;
    }
    bool is_doubted = dr_tries_maybe_ran(&call->tries, made, reason->err);
    dr_mux_over(mux, call, is_doubted ? call->maybe_ran : reason);
}

bool dr_mux_is_submission(dr_call_type type)
{
    return dr_call_type_is_accepted(type) && dr_call_type_has_result(type);
}

void dr_mux_remove(dora_mux *mux, dr_mux_call *call)
{
    dr_mux_leave(mux, call);
    dr_mux_table_remove(mux, call);
    mux->submissions -= dr_mux_is_submission(call->type) ? 1 : 0;
    call->state = DR_CALL_ENDED;
}

void dr_mux_call_free(dr_mux_call *call)
{
    dr_reason_drop(call->maybe_ran);
    dr_reason_drop(call->reason);
    dr_free(call->group);
    dr_free(call->trace);
    dr_free(call->stream);
    dr_free(call);
}

void dr_mux_over(dora_mux *mux, dr_mux_call *call, const dr_reason *reason)
{
    dr_mux_remove(mux, call);
    set_reason(call, reason);
    dr_mux_list_add(&mux->ended, call);
}

void dr_mux_forget(dora_mux *mux, dr_mux_call *call)
{
    if (call->state == DR_CALL_ENDED) {
        dr_mux_list_remove(&mux->ended, call);
    } else {
        dr_mux_remove(mux, call);
    }
    dr_slots_remove(&mux->calls, call->id);
    dr_mux_call_free(call);
}
