/* mux_conn.c: the connections of a mux: which call goes where, and what is lost with one. Pure. */
#include "client/mux/mux_conn.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "client/mux/mux.h"
#include "client/mux/mux_call.h"
#include "client/mux/mux_stream.h"
#include "client/mux/mux_table.h"
#include "client/shared/follow_up.h"
#include "client/shared/hello.h"

static const dr_reason result_lost = {
    .err = DORA_ECLOSED,
    .code = DORA_CODE_RESULT_LOST,
    .msg = "the connection broke before the result came; it may have run",
};

void dr_mux_ready(dora_mux *mux, dr_mux_conn *conn)
{
    if (conn->is_ready) {
        return;
    }
    conn->is_ready = true;
    conn->next_ready = NULL;
    if (mux->ready_last != NULL) {
        mux->ready_last->next_ready = conn;
    } else {
        mux->ready_first = conn;
    }
    mux->ready_last = conn;
}

void dr_mux_conn_free(dora_mux *mux, dr_mux_conn *conn)
{
    if (dr_slots_get(&mux->conns, conn->id) == conn) {
        dr_slots_remove(&mux->conns, conn->id);
    }
    dr_link_fini(&conn->link);
    dr_secure_free(conn->tls);
    dr_free(conn);
}

dr_mux_conn *dr_mux_conn_open(dora_mux *mux)
{
    dr_mux_conn *conn = dr_calloc(1, sizeof *conn);
    if (conn == NULL) {
        return NULL;
    }
    if (dr_slots_add(&mux->conns, conn, &conn->id) != DORA_OK) {
        dr_free(conn);
        return NULL;
    }
    dr_link_init(&conn->link, &mux->settings.frame);
    conn->serial = ++mux->serial;
    conn->wants_connect = true;
    dr_mux_ready(mux, conn);
    return conn;
}

static dr_mux_conn *open_to(dora_mux *mux, size_t node)
{
    dr_mux_conn *conn = dr_mux_conn_open(mux);
    if (conn != NULL) {
        conn->node = node;
        conn->next = mux->more[node].conns;
        mux->more[node].conns = conn;
    }
    return conn;
}

static size_t load(const dr_mux_conn *conn)
{
    return conn->waiting.count + conn->sent.count;
}

dr_mux_conn *dr_mux_conn_pick(dora_mux *mux, size_t node, uint64_t newer_than, uint64_t now_ns)
{
    dr_mux_node *more = &mux->more[node];
    dr_mux_conn *best = NULL;
    dr_mux_conn *silent = NULL;
    uint32_t count = 0;
    for (dr_mux_conn *conn = more->conns; conn != NULL; conn = conn->next) {
        if (conn->is_ending) {
            continue;
        }
        count++;
        if (conn->serial <= newer_than) {
            silent = conn->serial == newer_than || silent == NULL ? conn : silent;
        } else if (best == NULL || load(conn) < load(best)) {
            best = conn;
        }
    }
    bool is_full = count >= mux->connections || now_ns < more->grow_after_ns;
    if (best != NULL && (load(best) < DR_MUX_SPREAD || is_full)) {
        return best;
    }
    dr_mux_conn *opened = open_to(mux, node);
    if (opened != NULL && count >= mux->connections) {
        dr_mux_conn_end(mux, silent, false, now_ns);
    }
    return opened != NULL ? opened : best;
}

/* The frame of one call behind those that are in the output; before the first, who calls. */
static dora_err encode(const dora_mux *mux, dr_mux_conn *conn, dr_mux_call *call, uint64_t now_ns,
                       dora_error *error)
{
    const size_t before = conn->link.out.len;
    const uint64_t until_ns =
        call->stream == NULL ? call->tries.deadline_ns : call->stream->until_ns;
    uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
    const dr_request request = {
        .guid = {call->guid, DR_GUID_LEN},
        .type = call->type,
        .api_count = call->api_count,
        .timeout_ms =
            until_ns != UINT64_MAX ? (int64_t)((left_ns + DR_NS_PER_MS - 1) / DR_NS_PER_MS) : -1,
        .trace = {call->trace, call->trace_len},
        .attempt = call->tries.attempt,
        .priority = call->priority,
        .window = call->stream != NULL ? call->stream->window : 0,
    };
    dora_err err = conn->queued == 0 ? dr_hello_append(&conn->link, &mux->settings,
                                                       &mux->nodes.items[conn->node].address, error)
                                     : DORA_OK;
    err = err == DORA_OK ? dr_link_append(&conn->link, &request, call->apis, error) : err;
    conn->queued += conn->link.out.len - before;
    call->end_at = conn->queued;
    return err;
}

void dr_mux_flush(dora_mux *mux, dr_mux_conn *conn, uint64_t now_ns)
{
    while (conn->state == DR_CONN_OPEN && conn->waiting.first != NULL &&
           conn->link.out.len < DR_MUX_OUT_MAX) {
        dr_mux_call *call = conn->waiting.first;
        dora_error error; /* read only where one is set */
        dora_err err = encode(mux, conn, call, now_ns, &error);
        if (err == DORA_OK) {
            dr_mux_list_remove(&conn->waiting, call);
            dr_mux_list_add(&conn->sent, call);
            call->state = DR_CALL_SENT;
            continue;
        }
        const dr_try made = {.err = err};
        const dr_reason *reason = dr_reason_new(err, 0, error.code, error.msg);
        dr_mux_fail(mux, call, &made, reason, now_ns);
        dr_reason_drop(reason);
    }
    dr_mux_wants_write(mux, conn);
}

void dr_mux_wants_write(dora_mux *mux, dr_mux_conn *conn)
{
    if (conn->state == DR_CONN_OPEN && conn->link.out.len > 0 && !conn->is_writing) {
        conn->is_writing = true;
        conn->wants_write = true;
        dr_mux_ready(mux, conn);
    }
}

void dr_mux_cancel_there(dora_mux *mux, const dr_mux_call *call)
{
    dr_mux_conn *conn = call->conn;
    const bool is_waited_for = !dr_call_type_is_accepted(call->type) && call->type != DR_TYPE_SC;
    if (call->state != DR_CALL_SENT || !is_waited_for || conn->state != DR_CONN_OPEN) {
        return;
    }
    const size_t before = conn->link.out.len;
    if (dr_follow_up_cancel(&conn->link, call->guid) == DORA_OK) {
        conn->queued += conn->link.out.len - before;
        dr_mux_wants_write(mux, conn);
    }
}

static void leave_node(dora_mux *mux, dr_mux_conn *conn)
{
    dr_mux_conn **link = &mux->more[conn->node].conns;
    while (*link != conn) {
        link = &(*link)->next;
    }
    *link = conn->next;
}

void dr_mux_conn_detach(dora_mux *mux, dr_mux_conn *conn, dr_mux_conn_state state)
{
    if (conn->session == NULL) {
        leave_node(mux, conn);
    }
    bool is_known = !conn->wants_connect; /* else the driver never heard of it */
    conn->state = state == DR_CONN_CLOSING && is_known ? DR_CONN_CLOSING : DR_CONN_GONE;
    conn->wants_connect = false;
    conn->wants_write = false;
    dr_mux_ready(mux, conn);
}

static bool is_alive(const dr_mux_conn *conn)
{
    return conn->state == DR_CONN_CONNECTING || conn->state == DR_CONN_OPEN;
}

void dr_mux_conn_sweep(dora_mux *mux, dr_mux_conn *conn)
{
    if (conn->is_ending && is_alive(conn) && load(conn) == 0) {
        dr_mux_conn_detach(mux, conn, DR_CONN_CLOSING);
    }
}

void dr_mux_move(dora_mux *mux, dr_mux_call *call, const dr_reason *reason, uint64_t now_ns)
{
    bool was_same = call->tries.is_same;
    dr_mux_leave(mux, call);
    call->tries.is_same = true;
    if (dr_mux_place(mux, call, now_ns) != DORA_OK) {
        dr_mux_over(mux, call, call->maybe_ran != NULL ? call->maybe_ran : reason);
    } else {
        call->tries.is_same = was_same;
    }
}

/* Moves what waits for a connection. */
static void move_waiting(dora_mux *mux, dr_mux_conn *conn, const dr_reason *reason, uint64_t now_ns)
{
    while (conn->waiting.first != NULL) {
        dr_mux_move(mux, conn->waiting.first, reason, now_ns);
    }
}

void dr_mux_conn_end(dora_mux *mux, dr_mux_conn *conn, bool is_stopping, uint64_t now_ns)
{
    const dr_try made = {.err = DORA_OK, .code = DORA_CODE_STOPPING};
    if (conn->is_ending || !is_alive(conn)) {
        return;
    }
    conn->is_ending = true;
    while (is_stopping && conn->waiting.first != NULL) {
        dr_mux_fail(mux, conn->waiting.first, &made, &dr_reason_stopping, now_ns);
    }
    move_waiting(mux, conn, &dr_reason_no_memory, now_ns);
    dr_mux_conn_sweep(mux, conn);
}

/* Whether a connection to the node other than `one` is open and takes calls, and is newer than the
 * serial of a silent one. */
static bool has_open_beside(const dora_mux *mux, size_t node, const dr_mux_conn *one,
                            uint64_t newer_than)
{
    for (const dr_mux_conn *conn = mux->more[node].conns; conn != NULL; conn = conn->next) {
        if (conn->state == DR_CONN_OPEN && !conn->is_ending && conn != one &&
            conn->serial > newer_than) {
            return true;
        }
    }
    return false;
}

bool dr_mux_conn_has_open(const dora_mux *mux, size_t node)
{
    return has_open_beside(mux, node, NULL, 0);
}

bool dr_mux_conn_is_spare(dora_mux *mux, const dr_mux_conn *conn, const dr_mux_call *call,
                          uint64_t now_ns)
{
    if (!has_open_beside(mux, conn->node, conn, call->newer_than)) {
        return false;
    }
    mux->more[conn->node].grow_after_ns = now_ns + DR_MUX_GROW_PAUSE_NS;
    return true;
}

void dr_mux_conn_leave_node(dora_mux *mux, size_t node, uint64_t now_ns)
{
    dr_mux_conn *next = mux->more[node].conns;
    while (next != NULL) {
        dr_mux_conn *conn = next;
        next = conn->next;
        dr_mux_conn_end(mux, conn, true, now_ns);
    }
}

void dr_mux_conn_refuse(dora_mux *mux, dr_mux_conn *conn, const dr_try *made,
                        const dr_reason *reason, uint64_t now_ns)
{
    dr_mux_conn_detach(mux, conn, DR_CONN_CLOSING);
    if (!mux->is_over &&
        dr_mux_record_outcome(mux, conn->node, made, 0, now_ns) == DR_ADVICE_LEAVE) {
        dr_mux_conn_leave_node(mux, conn->node, now_ns);
    }
    while (conn->sent.first != NULL || conn->waiting.first != NULL) {
        dr_mux_call *call = conn->sent.first != NULL ? conn->sent.first : conn->waiting.first;
        if (call->state == DR_CALL_ACCEPTED) {
            dr_mux_over(mux, call, &result_lost);
        } else if (made->is_overloaded && !dr_mux_stream_is_heard(call) &&
                   dr_mux_conn_is_spare(mux, conn, call, now_ns)) {
            dr_mux_move(mux, call, reason, now_ns);
        } else {
            dr_mux_fail(mux, call, made, reason, now_ns);
        }
    }
}

void dr_mux_conn_lose(dora_mux *mux, dr_mux_conn *conn, dr_mux_conn_state state,
                      const dr_reason *reason, uint64_t now_ns)
{
    bool was_connecting = conn->state == DR_CONN_CONNECTING;
    dr_try made = {.err = reason->err, .code = reason->code, .is_reused = conn->has_replied};
    dr_mux_conn_detach(mux, conn, state);
    if (was_connecting && dr_mux_conn_has_open(mux, conn->node)) {
        mux->more[conn->node].grow_after_ns = now_ns + DR_MUX_GROW_PAUSE_NS;
        move_waiting(mux, conn, reason, now_ns);
        return;
    }
    if (!mux->is_over) {
        dr_mux_record_outcome(mux, conn->node, &made, 0, now_ns);
    }
    while (conn->sent.first != NULL) {
        dr_mux_call *call = conn->sent.first;
        made.is_reused = call->is_reused;
        made.is_unsent = call->end_at > conn->handed;
        if (call->state == DR_CALL_ACCEPTED) {
            dr_mux_over(mux, call, &result_lost);
        } else {
            dr_mux_fail(mux, call, &made, reason, now_ns);
        }
    }
    /* What is wrong with the bytes of others says nothing about a call that was not sent. */
    made.err = made.err == DORA_ECONNECT ? DORA_ECONNECT : DORA_ECLOSED;
    made.is_unsent = true;
    while (conn->waiting.first != NULL) {
        made.is_reused = conn->waiting.first->is_reused;
        dr_mux_fail(mux, conn->waiting.first, &made, reason, now_ns);
    }
}

dr_advice dr_mux_record_outcome(dora_mux *mux, size_t node, const dr_try *made, uint64_t took_ns,
                                uint64_t now_ns)
{
    uint64_t now_ms = now_ns / DR_NS_PER_MS;
    bool is_aside = mux->nodes.items[node].ejected_until_ms > now_ms;
    if (is_aside && (made->err != DORA_OK || made->code == DORA_CODE_STOPPING)) {
        return made->err == DORA_OK ? DR_ADVICE_LEAVE : DR_ADVICE_NONE;
    }
    return dr_tries_record_outcome(&mux->nodes, node, made, took_ns, now_ms);
}
