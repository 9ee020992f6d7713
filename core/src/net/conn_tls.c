/* conn_tls.c: what of a connection goes through TLS. */
#include "net/conn_tls.h"

#include "net/conn_accept.h"
#include "net/reactor.h"
#include "tls/filter.h"

static void shaking_add(dr_conn *conn)
{
    dr_reactor_tls *tls = &conn->reactor->tls;
    conn->is_shaking = true;
    conn->shaking_since_ms = conn->active_ms;
    conn->older = tls->youngest;
    *(tls->youngest != NULL ? &tls->youngest->younger : &tls->oldest) = conn;
    tls->youngest = conn;
    tls->shaking++;
}

static void shaking_remove(dr_conn *conn)
{
    dr_reactor_tls *tls = &conn->reactor->tls;
    conn->is_shaking = false;
    *(conn->older != NULL ? &conn->older->younger : &tls->oldest) = conn->younger;
    *(conn->younger != NULL ? &conn->younger->older : &tls->youngest) = conn->older;
    conn->older = conn->younger = NULL;
    tls->shaking--;
}

bool dr_conn_tls_begin(dr_conn *conn)
{
    dr_reactor *reactor = conn->reactor;
    dr_tls_context *context = dr_tls_current_get(reactor->tls.current);
    conn->tls = context != NULL ? dr_tls_filter_server(context) : NULL;
    dr_tls_context_free(context);
    if (conn->tls == NULL) {
        return false;
    }
    shaking_add(conn);
    dr_count_one(&reactor->tls.accepted);
    return true;
}

/* settled: its handshake is over, one way or the other. Who waits at the listener has room then. */
static void settled(dr_conn *conn)
{
    dr_reactor *reactor = conn->reactor;
    if (!conn->is_shaking) {
        return;
    }
    shaking_remove(conn);
    dr_conn_accept_held(reactor);
}

bool dr_conn_tls_has_room(dr_reactor *reactor)
{
    char why[96];
    dr_conn *oldest = reactor->tls.oldest;
    if (reactor->tls.shaking < DR_TLS_HANDSHAKES_MAX) {
        return true;
    }
    if (uv_now(&reactor->loop) - oldest->shaking_since_ms < DR_TLS_MAKE_WAY_MS) {
        return false;
    }
    (void)snprintf(why, sizeof(why), "its handshake was not done in %u ms, and %u more were begun",
                   DR_TLS_MAKE_WAY_MS, DR_TLS_HANDSHAKES_MAX);
    reactor->events.on_tls_failed(oldest, why, reactor->events.user);
    dr_conn_close(oldest);
    return true;
}

void dr_conn_tls_room(dr_conn *conn, uv_buf_t *room)
{
    dr_reactor *reactor = conn->reactor;
    if (reactor->tls.turn != reactor->turn) {
        reactor->tls.turn = reactor->turn;
        reactor->tls.steps = 0;
    }
    conn->turn = reactor->turn;
    if (conn->is_shaking && ++reactor->tls.steps > DR_TLS_STEPS_A_TURN) {
        return; /* calls go first: it is readable in the next turn, too */
    }
    *room = uv_buf_init(reactor->tls.read_buf, DR_READ_BYTES);
}

/* answer_plain: who does not speak TLS is told so in its own words. */
static void answer_plain(dr_conn *conn, dora_slice bytes)
{
    dr_reactor *reactor = conn->reactor;
    dr_frame frame = {0};
    size_t used = 0;
    dora_error error = {0};
    if (dr_frame_decode_any(&reactor->frame, bytes, &frame, &used, NULL) != DORA_OK) {
        frame = (dr_frame){0};
    }
    (void)dora_error_set(&error, DORA_EPROTO, "%s", dr_tls_filter_problem(conn->tls));
    error.code = DORA_CODE_NOT_PERMITTED;
    dr_tls_filter_free(conn->tls);
    conn->tls = NULL;
    reactor->events.on_bad_frame(conn, &frame, &error, true, reactor->events.user);
}

/* refuse ends a connection whose handshake has failed: what TLS says of it is sent, and read. */
static void refuse(dr_conn *conn, const char *why, dora_slice bytes)
{
    dr_reactor *reactor = conn->reactor;
    dr_count_one(&reactor->tls.failed);
    reactor->events.on_tls_failed(conn, why, reactor->events.user);
    settled(conn);
    if (bytes.len > 0 && dr_tls_filter_is_plain(conn->tls)) {
        dr_count_one(&reactor->tls.closed);
        answer_plain(conn, bytes);
    }
    if (!conn->is_closing) {
        dr_conn_finish(conn);
    }
}

/* end ends one that was open: the peer has said so, or what came is broken. */
static void end(dr_conn *conn, dora_err err)
{
    dr_reactor *reactor = conn->reactor;
    if (err != DORA_ECLOSED) {
        reactor->events.on_tls_failed(conn, dr_tls_filter_problem(conn->tls), reactor->events.user);
    }
    dr_conn_close(conn);
}

void dr_conn_tls_drain(dr_conn *conn)
{
    while (!conn->is_closing && !conn->is_finishing && dr_conn_may_read(conn)) {
        size_t got = 0;
        uv_buf_t room = uv_buf_init(NULL, 0);
        dr_conn_room(conn, &room);
        if (room.len == 0) {
            dr_conn_close(conn);
            return;
        }
        const dora_err err = dr_tls_filter_read(conn->tls, room.base, room.len, &got);
        if (err == DORA_OK) {
            dr_conn_take(conn, got);
        } else {
            if (err != DORA_EAGAIN) {
                end(conn, err);
            }
            return;
        }
    }
}

void dr_conn_tls_take(dr_conn *conn, size_t got)
{
    dr_reactor *reactor = conn->reactor;
    const dora_slice bytes = {reactor->tls.read_buf, got};
    const dora_err err = dr_tls_filter_feed(conn->tls, bytes);
    if (conn->is_shaking && err != DORA_OK) {
        refuse(conn, dr_tls_filter_problem(conn->tls), bytes);
        return;
    }
    if (conn->is_shaking && dr_tls_filter_is_open(conn->tls)) {
        dr_count_one(&reactor->tls.done);
        if (dr_tls_filter_is_resumed(conn->tls)) {
            dr_count_one(&reactor->tls.resumed);
        }
        settled(conn);
    }
    if (!conn->is_shaking) {
        dr_conn_tls_drain(conn);
    }
    const size_t unsent = conn->is_closing ? 0 : dr_tls_filter_output(conn->tls).len;
    if (unsent > DR_CONN_OUT_PAUSE) {
        dr_conn_close(conn); /* it asks and asks, and takes no answer */
    } else if (unsent > 0) {
        dr_conn_send(conn);
    }
}

bool dr_conn_tls_seal(dr_conn *conn)
{
    const dora_slice plain = dr_buf_slice(&conn->out);
    if (plain.len > 0 && dr_tls_filter_write(conn->tls, plain) != DORA_OK) {
        dr_conn_close(conn);
        return false;
    }
    dr_conn_give_back(conn->reactor, &conn->out);
    if (dr_tls_filter_take(conn->tls, &conn->out) != DORA_OK) {
        dr_conn_close(conn);
        return false;
    }
    return true;
}

void dr_conn_tls_goodbye(dr_conn *conn)
{
    dr_tls_filter_close(conn->tls);
    const dora_slice last = dr_tls_filter_output(conn->tls);
    if (last.len > 0 && !conn->is_writing) {
        uv_buf_t bytes = uv_buf_init((char *)(uintptr_t)last.data, (unsigned)last.len);
        (void)uv_try_write(&conn->uv.stream, &bytes, 1);
        dr_tls_filter_sent(conn->tls, last.len);
    }
}

void dr_conn_tls_gone(dr_conn *conn)
{
    if (conn->is_shaking) {
        dr_count_one(&conn->reactor->tls.failed);
    }
    dr_count_one(&conn->reactor->tls.closed);
    dr_conn_tls_goodbye(conn);
    settled(conn);
}

bool dr_conn_tls_look(dr_conn *conn, uint32_t passed_ms)
{
    char why[96];
    const uint32_t limit_ms = conn->reactor->tls.handshake_ms;
    conn->shaking_ms += passed_ms;
    if (!conn->is_shaking || limit_ms == 0 || conn->shaking_ms < limit_ms) {
        return true;
    }
    (void)snprintf(why, sizeof(why), "its handshake was not done in %u ms (tls.handshake_ms)",
                   limit_ms);
    refuse(conn, why, (dora_slice){NULL, 0});
    return false;
}

bool dr_conn_tls_is_awaited(const dr_conn *conn)
{
    return !conn->is_shaking && dr_tls_filter_is_amid(conn->tls);
}

const char *dr_conn_peer_name(const dr_conn *conn)
{
    return conn->tls != NULL ? dr_tls_filter_peer_name(conn->tls) : "";
}
