/* mux.c: a client for event loops, without the loop: its life, what its driver says and is told. */
#include "client/mux/mux.h"

#include <errno.h>
#include <string.h>

#include "base/deadline.h"
#include "base/mem.h"
#include "client/balance/node_parse.h"
#include "client/mux/mux_call.h"
#include "client/mux/mux_conn.h"
#include "client/mux/mux_read.h"
#include "client/mux/mux_registry.h"
#include "client/mux/mux_secure.h"
#include "client/mux/mux_stream.h"
#include "client/mux/mux_table.h"
#include "client/shared/follow_up.h"
#include "client/shared/options.h"
#include "transport/loss.h"

static dora_err no_memory(dora_error *error)
{
    return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
}

/* ---- life ---- */

static void on_child(void *user)
{
    dora_mux *mux = user;
    mux->is_foreign = true;
}

dora_err dr_mux_grow(dora_mux *mux, size_t count)
{
    if (count <= mux->more_count) {
        return DORA_OK;
    }
    dr_mux_node *more = dr_realloc(mux->more, count * sizeof *more);
    if (more == NULL) {
        return DORA_ENOMEM;
    }
    for (size_t i = mux->more_count; i < count; i++) {
        more[i] = (dr_mux_node){.conns = NULL};
    }
    mux->more = more;
    mux->more_count = count;
    return DORA_OK;
}

static void mux_destroy(dora_mux *mux)
{
    for (uint32_t i = 0; i < mux->calls.count; i++) {
        dr_mux_call *call = mux->calls.items[i].item;
        if (call != NULL) {
            dr_mux_call_free(call);
        }
    }
    for (uint32_t i = 0; i < mux->conns.count; i++) {
        if (mux->conns.items[i].item != NULL) {
            dr_mux_conn_free(mux, mux->conns.items[i].item);
        }
    }
    dr_slots_fini(&mux->calls);
    dr_slots_fini(&mux->conns);
    dr_guid_table_fini(&mux->by_guid);
    dr_free(mux->heap);
    dr_free(mux->more);
    dr_mux_registry_free(mux);
    dora_answer_free(mux->making);
    dora_answer_free(mux->given);
    dr_nodes_fini(&mux->nodes);
    dr_client_tls_fini(&mux->tls);
    dr_settings_fini(&mux->settings);
    pthread_mutex_destroy(&mux->fork_lock);
    dr_free(mux);
}

static dora_err mux_init(dora_mux *mux, const dora_client_options *options, dora_error *error)
{
    dora_client_options room;
    dora_err err = dr_client_options_take(&options, &room, error);
    if (err == DORA_OK) {
        err = dr_settings_read(&mux->settings, &mux->nodes, options, error);
    }
    if (err == DORA_OK) {
        err = dr_client_tls_init(&mux->tls, options, &mux->nodes, error);
    }
    if (err != DORA_OK) {
        return err;
    }
    if (mux->nodes.is_watched) {
        err = dr_mux_registry_new(mux, options, error);
    }
    if (err != DORA_OK) {
        return err;
    }
    const uint32_t connections = options->connections;
    if (connections > DR_MUX_CONNECTIONS_MAX) {
        return dora_error_set(error, DORA_EINVAL, "%u connections to a node; at most %u",
                              connections, DR_MUX_CONNECTIONS_MAX);
    }
    mux->connections = connections != 0 ? connections : DR_MUX_CONNECTIONS;
    mux->making = dora_answer_new();
    mux->given = dora_answer_new();
    if (mux->making == NULL || mux->given == NULL ||
        dr_mux_grow(mux, mux->nodes.count) != DORA_OK) {
        return no_memory(error);
    }
    mux->watch = (dr_fork_watch){.lock = &mux->fork_lock, .on_child = on_child, .user = mux};
    return dr_fork_watch_add(&mux->watch) == DORA_OK ? DORA_OK : no_memory(error);
}

dora_err dora_mux_new(dora_mux **mux, const dora_client_options *options, dora_error *error)
{
    *mux = NULL;
    dora_mux *made = dr_calloc(1, sizeof *made);
    if (made == NULL) {
        return no_memory(error);
    }
    pthread_mutex_init(&made->fork_lock, NULL);
    dora_err err = mux_init(made, options, error);
    if (err != DORA_OK) {
        mux_destroy(made);
        return err;
    }
    *mux = made;
    return DORA_OK;
}

void dora_mux_free(dora_mux *mux)
{
    if (mux == NULL) {
        return;
    }
    dr_fork_watch_remove(&mux->watch);
    mux_destroy(mux);
}

size_t dora_mux_outstanding(const dora_mux *mux)
{
    return mux->by_guid.count + mux->ended.count;
}

bool dora_mux_is_usable(const dora_mux *mux)
{
    return !mux->is_over && !mux->is_foreign;
}

uint64_t dora_mux_wait_ns(const dora_mux *mux, uint32_t timeout_ms, uint64_t now_ns)
{
    uint64_t nested_ns = dr_deadline_get();
    uint64_t ms = timeout_ms != 0 ? timeout_ms : mux->settings.timeout_ms;
    uint64_t until_ns = now_ns + ms * DR_NS_PER_MS;
    return nested_ns != 0 && nested_ns < until_ns ? nested_ns : until_ns;
}

/* ---- what has happened ---- */

static dr_mux_conn *find_conn(const dora_mux *mux, uint64_t id)
{
    dr_mux_conn *conn = dr_slots_get(&mux->conns, id);
    bool is_known =
        conn != NULL && (conn->state == DR_CONN_CONNECTING || conn->state == DR_CONN_OPEN);
    return is_known ? conn : NULL;
}

static const dr_reason *reason_of(const dora_error *error)
{
    return dr_reason_new(error->err, error->os_error, error->code, error->msg);
}

static void conn_lost(dora_mux *mux, dr_mux_conn *conn, dr_mux_conn_state state,
                      const dora_error *error, uint64_t now_ns)
{
    const dr_reason *reason = reason_of(error);
    dr_mux_conn_lose(mux, conn, state, reason, now_ns);
    dr_reason_drop(reason);
}

static dora_err cannot_connect(const dora_mux *mux, const dr_mux_conn *conn, const dr_loss *loss,
                               dora_error *error)
{
    const dr_address address = dr_mux_address(mux, conn);
    return dr_loss_error_connect(loss, &address, error);
}

/* What has happened to a connection, or to its opening. */
static void lose(dora_mux *mux, dr_mux_conn *conn, dr_mux_conn_state state, const dr_loss *loss,
                 uint64_t now_ns)
{
    char text[DR_LOSS_TEXT_MAX];
    dora_error error;
    if (conn->session != NULL) {
        dr_mux_session_lost(mux, conn, state, dr_loss_text(loss, text), now_ns);
        return;
    }
    if (loss->err == DORA_ECONNECT) {
        cannot_connect(mux, conn, loss, &error);
    } else {
        dr_loss_error(loss, "receive", &error);
    }
    conn_lost(mux, conn, state, &error, now_ns);
}

/* It is open, and calls may go there. */
static void opened(dora_mux *mux, dr_mux_conn *conn, uint64_t now_ns)
{
    conn->state = DR_CONN_OPEN;
    conn->is_greeting = false;
    if (conn->session != NULL) {
        dr_mux_session_connected(mux, conn, now_ns);
        return;
    }
    for (dr_mux_call *call = conn->waiting.first; call != NULL; call = call->next) {
        dr_mux_alarm(mux, call, call->until_ns);
    }
    dr_mux_flush(mux, conn, now_ns);
}

void dora_mux_connected(dora_mux *mux, uint64_t id, uint64_t now_ns)
{
    dora_error error;
    dr_mux_conn *conn = find_conn(mux, id);
    if (conn == NULL || conn->state == DR_CONN_OPEN || conn->is_greeting) {
        return;
    }
    const dora_err err = dr_mux_secure_begin(mux, conn, &error);
    if (err == DORA_OK) {
        opened(mux, conn, now_ns);
    } else if (err != DORA_EAGAIN && conn->session != NULL) {
        dr_mux_session_lost(mux, conn, DR_CONN_CLOSING, error.msg, now_ns);
    } else if (err != DORA_EAGAIN) {
        conn_lost(mux, conn, DR_CONN_CLOSING, &error, now_ns);
    }
}

void dora_mux_failed(dora_mux *mux, uint64_t id, int os_error, const char *reason, uint64_t now_ns)
{
    const dr_loss loss = {DORA_ECONNECT, os_error, reason};
    dr_mux_conn *conn = find_conn(mux, id);
    if (conn != NULL) {
        lose(mux, conn, DR_CONN_GONE, &loss, now_ns);
    }
}

void dora_mux_closed(dora_mux *mux, uint64_t id, int os_error, uint64_t now_ns)
{
    dr_mux_conn *conn = find_conn(mux, id);
    if (conn != NULL) {
        const dr_loss loss = conn->is_greeting ? dr_secure_cut(conn->tls, os_error)
                                               : dr_loss_new(DORA_ECLOSED, os_error);
        lose(mux, conn, DR_CONN_GONE, &loss, now_ns);
    }
}

dora_err dora_mux_room(dora_mux *mux, uint64_t id, char **room, size_t *room_len)
{
    dr_mux_conn *conn = find_conn(mux, id);
    return conn != NULL ? dr_link_room(&conn->link, room, room_len) : DORA_EINVAL;
}

void dora_mux_received(dora_mux *mux, uint64_t id, size_t len)
{
    dr_mux_conn *conn = find_conn(mux, id);
    if (conn != NULL && conn->tls != NULL) {
        dr_mux_secure_feed(mux, conn, len);
    } else if (conn != NULL && len > 0) {
        dr_link_received(&conn->link, len);
        conn->has_input = true;
        dr_mux_ready(mux, conn);
    }
}

/* Of one that is being closed there is only a last word. */
static bool is_closing(const dora_mux *mux, uint64_t id)
{
    return mux->closing != NULL && mux->closing->id == id;
}

dora_slice dora_mux_output(dora_mux *mux, uint64_t id)
{
    const dora_slice none = {NULL, 0};
    dr_mux_conn *conn = find_conn(mux, id);
    if (conn == NULL) {
        return is_closing(mux, id) ? dr_mux_secure_output(mux, mux->closing, none) : none;
    }
    const dora_slice out = conn->session == NULL ? dr_buf_slice(&conn->link.out)
                                                 : dr_mux_session_output(conn->session);
    return conn->tls == NULL ? out : dr_mux_secure_output(mux, conn, out);
}

void dora_mux_sent(dora_mux *mux, uint64_t id, size_t len, uint64_t now_ns)
{
    dr_mux_conn *conn = find_conn(mux, id);
    if (conn == NULL) {
        if (is_closing(mux, id)) {
            (void)dr_secure_sent(mux->closing->tls, len);
        }
        return;
    }
    len = conn->tls == NULL ? len : dr_secure_sent(conn->tls, len);
    if (conn->session != NULL) {
        dr_mux_session_sent(conn, len);
    } else {
        dr_buf_consume(&conn->link.out, len);
        conn->handed += len;
        conn->is_writing = conn->link.out.len > 0;
    }
    if (conn->tls != NULL) {
        conn->is_writing = conn->is_writing || dr_secure_has_output(conn->tls);
    }
    if (conn->session == NULL) {
        dr_mux_flush(mux, conn, now_ns);
    }
}

/* ---- time ---- */

uint64_t dora_mux_deadline_ns(const dora_mux *mux)
{
    uint64_t calls_ns = mux->heap_count > 0 ? mux->heap[0]->alarm_ns : 0;
    uint64_t registry_ns = mux->registry != NULL ? dr_mux_registry_deadline_ns(mux) : 0;
    bool is_sooner = calls_ns == 0 || (registry_ns != 0 && registry_ns < calls_ns);
    return is_sooner ? registry_ns : calls_ns;
}

/* A connection that does not come about in the time of this call. */
static void connect_late(dora_mux *mux, dr_mux_call *call, uint64_t now_ns)
{
    dora_error error;
    dr_mux_conn *conn = call->conn;
    const dr_try made = {.err = DORA_ECONNECT};
    const dr_loss loss = conn->is_greeting ? dr_secure_cut(conn->tls, ETIMEDOUT)
                                           : dr_loss_new(DORA_ECONNECT, ETIMEDOUT);
    if (conn->waiting.count == 1 || dr_mux_conn_has_open(mux, conn->node)) {
        lose(mux, conn, DR_CONN_CLOSING, &loss, now_ns);
        return;
    }
    cannot_connect(mux, conn, &loss, &error);
    const dr_reason *reason = reason_of(&error);
    dr_mux_record_outcome(mux, conn->node, &made, 0, now_ns);
    dr_mux_fail(mux, call, &made, reason, now_ns);
    dr_reason_drop(reason);
}

static void late(dora_mux *mux, dr_mux_call *call, uint64_t now_ns)
{
    const dr_try made = {.err = DORA_ETIMEDOUT, .is_unsent = call->state == DR_CALL_WAITING};
    dr_mux_conn *conn = call->conn;
    if (call->state == DR_CALL_HELD) {
        dr_mux_held_late(mux, call, now_ns);
        return;
    }
    if (call->state == DR_CALL_PAUSED) {
        dr_mux_resume(mux, call, now_ns);
        return;
    }
    if (conn->state == DR_CONN_CONNECTING) {
        connect_late(mux, call, now_ns);
        return;
    }
    const dr_reason *reason = &dr_reason_late;
    if (call->stream != NULL) {
        reason = dr_mux_stream_late(call, now_ns);
        dr_mux_cancel_there(mux, call);
    }
    if (dr_mux_stream_is_heard(call)) {
        dr_mux_over(mux, call, reason);
        return;
    }
    dr_mux_record_outcome(mux, conn->node, &made, now_ns - call->begun_ns, now_ns);
    conn->silences++;
    dr_mux_fail(mux, call, &made, reason, now_ns);
    if (conn->silences >= DR_MUX_SILENCES_MAX) {
        dr_mux_conn_end(mux, conn, false, now_ns);
    }
}

void dora_mux_tick(dora_mux *mux, uint64_t now_ns)
{
    while (mux->heap_count > 0 && mux->heap[0]->alarm_ns <= now_ns) {
        late(mux, mux->heap[0], now_ns);
    }
    if (mux->registry != NULL) {
        dr_mux_registry_tick(mux, now_ns);
    }
}

/* ---- what to do ---- */

void dora_mux_end(dora_mux *mux)
{
    static const dr_reason not_sent = {
        .err = DORA_ECONNECT, .code = DORA_CODE_CONNECT, .msg = "the client was closed before"};
    static const dr_reason closed = {
        .err = DORA_ECLOSED, .code = DORA_CODE_RECEIVE, .msg = DR_CLOSED_TEXT};
    mux->is_over = true;
    while (mux->held.first != NULL) {
        dr_mux_over(mux, mux->held.first, &not_sent);
    }
    while (mux->paused.first != NULL) {
        dr_mux_call *call = mux->paused.first;
        dr_mux_over(mux, call, call->maybe_ran != NULL ? call->maybe_ran : &not_sent);
    }
    for (uint32_t i = 0; i < mux->conns.count; i++) {
        dr_mux_conn *conn = mux->conns.items[i].item;
        while (conn != NULL && conn->waiting.first != NULL) {
            dr_mux_call *call = conn->waiting.first;
            dr_mux_over(mux, call, call->maybe_ran != NULL ? call->maybe_ran : &not_sent);
        }
        while (conn != NULL && conn->sent.first != NULL) {
            dr_mux_over(mux, conn->sent.first, &closed);
        }
        if (conn != NULL) {
            conn->is_ending = true;
            dr_mux_conn_sweep(mux, conn);
        }
    }
}

static bool next_ended(dora_mux *mux, dora_mux_event *event)
{
    dr_mux_call *call = mux->ended.first;
    if (call == NULL) {
        return false;
    }
    dr_mux_list_remove(&mux->ended, call);
    dr_answer_clear(mux->given);
    memcpy(mux->given->guid, call->guid, sizeof call->guid);
    mux->given->reply = call->reason->reply;
    dr_reason_give(call->reason, &mux->error);
    *event = (dora_mux_event){.what = DORA_MUX_DONE,
                              .id = call->id,
                              .user = call->user,
                              .err = call->reason->err,
                              .error = &mux->error,
                              .answer = mux->given};
    mux->current = call;
    return true;
}

/* Goes on with the TLS of a connection: its link may get bytes, and calls may go there. */
static void take_secure(dora_mux *mux, dr_mux_conn *conn, uint64_t now_ns)
{
    dr_loss loss;
    const dora_err err = dr_mux_secure_take(mux, conn, &loss);
    if (err != DORA_OK) {
        lose(mux, conn, DR_CONN_CLOSING, &loss, now_ns);
    } else if (conn->is_greeting && dr_secure_is_open(conn->tls)) {
        opened(mux, conn, now_ns);
    }
}

/* Reads what has come on a connection. Returns: whether it makes an event. */
static bool read_all(dora_mux *mux, dr_mux_conn *conn, uint64_t now_ns, dora_mux_event *event)
{
    do {
        if (conn->has_cipher) {
            take_secure(mux, conn, now_ns);
        }
        if (conn->session != NULL && conn->has_input && conn->state == DR_CONN_OPEN) {
            dr_mux_session_read(mux, conn, now_ns);
        }
        while (conn->has_input && conn->state == DR_CONN_OPEN) {
            if (dr_mux_read(mux, conn, now_ns, event)) {
                return true;
            }
        }
    } while (conn->has_cipher);
    return false;
}

/* What one connection has to say. Returns: false when it has nothing more. */
static bool next_of(dora_mux *mux, dr_mux_conn *conn, uint64_t now_ns, dora_mux_event *event)
{
    event->conn = conn->id;
    if (read_all(mux, conn, now_ns, event)) {
        return true;
    }
    if (conn->wants_connect) {
        const dr_address *address = conn->session == NULL ? &mux->nodes.items[conn->node].address
                                                          : dr_mux_session_address(conn->session);
        conn->wants_connect = false;
        memcpy(mux->host, address->host, sizeof mux->host);
        *event = (dora_mux_event){
            .what = DORA_MUX_CONNECT, .conn = conn->id, .host = mux->host, .port = address->port};
        return true;
    }
    if (conn->wants_write) {
        conn->wants_write = false;
        *event = (dora_mux_event){.what = DORA_MUX_WRITE, .conn = conn->id};
        return true;
    }
    return false;
}

/* A connection over TLS says goodbye, or why it ends: until the next event. Not behind a part of a
 * record: with the rest of it the server would have a call that counts as not sent. */
static void close_conn(dora_mux *mux, dr_mux_conn *conn)
{
    if (conn->tls == NULL || dr_secure_is_amid(conn->tls)) {
        dr_mux_conn_free(mux, conn);
        return;
    }
    dr_secure_end(conn->tls);
    mux->closing = conn;
}

/* The call and the connection of the last event, of which nothing is borrowed any more. */
static void release_current(dora_mux *mux)
{
    dr_mux_call *call = mux->current;
    mux->current = NULL;
    if (mux->closing != NULL) {
        dr_mux_conn_free(mux, mux->closing);
        mux->closing = NULL;
    }
    if (call == NULL) {
        return;
    }
    dr_slots_remove(&mux->calls, call->id);
    dr_mux_call_free(call);
}

bool dora_mux_next(dora_mux *mux, uint64_t now_ns, dora_mux_event *event)
{
    release_current(mux);
    if (mux->is_foreign) {
        return false;
    }
    for (;;) {
        if (mux->registry != NULL) {
            dr_mux_registry_warn(mux);
        }
        if (next_ended(mux, event)) {
            return true;
        }
        dr_mux_conn *conn = mux->ready_first;
        if (conn == NULL) {
            return false;
        }
        if (next_of(mux, conn, now_ns, event)) {
            return true;
        }
        if (mux->ended.count > 0) {
            continue;
        }
        mux->ready_first = conn->next_ready;
        mux->ready_last = mux->ready_first != NULL ? mux->ready_last : NULL;
        conn->is_ready = false;
        if (conn->state == DR_CONN_CLOSING) {
            *event = (dora_mux_event){.what = DORA_MUX_CLOSE, .conn = conn->id};
            close_conn(mux, conn);
            return true;
        }
        if (conn->state == DR_CONN_GONE) {
            dr_mux_conn_free(mux, conn);
        }
    }
}
