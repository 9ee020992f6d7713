/* mux_registry.c: the registry of a mux. Its sessions with Redis are connections like others; calls
 * that begin before any node is known are held. Pure but for reading a node file. */
#include "client/mux/mux_registry.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "client/mux/mux.h"
#include "client/mux/mux_call.h"
#include "client/mux/mux_conn.h"
#include "client/mux/mux_start.h"
#include "client/mux/mux_table.h"
#include "client/shared/registry_news.h"
#include "client/shared/registry_tls.h"

/* One Redis of the registry, and the connection to it. */
struct dr_mux_session {
    dr_redis *redis;
    dr_mux_conn *conn; /* NULL: none */
};

struct dr_mux_registry {
    dr_registry *registry;
    dr_mux_session *sessions;
    size_t session_count; /* 0: a node file */
    uint64_t deadline_ns;
    bool is_started;
    dr_registry_news news;
    dr_tls_context *tls; /* of "rediss://"; NULL: none is needed */
};

/* ---- life ---- */

dora_err dr_mux_registry_new(dora_mux *mux, const dora_client_options *options, dora_error *error)
{
    dr_mux_registry *own = dr_calloc(1, sizeof *own);
    mux->registry = own; /* from now on dr_mux_registry_free frees it */
    if (own == NULL) {
        return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
    }
    own->news = dr_registry_news_of(options);
    const dr_registry_events events = dr_registry_news_events(&own->news);
    dora_err err = dr_registry_new(&own->registry, options->nodes, true, &events, error);
    err = err == DORA_OK ? dr_registry_tls_open(own->registry, options, &own->tls, error) : err;
    if (err != DORA_OK) {
        return err;
    }
    size_t count = dr_registry_sessions(own->registry);
    own->sessions = dr_calloc(count + 1, sizeof *own->sessions);
    if (own->sessions == NULL) {
        return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
    }
    own->session_count = count;
    for (size_t i = 0; i < count; i++) {
        own->sessions[i].redis = dr_registry_session(own->registry, i);
    }
    return DORA_OK;
}

void dr_mux_registry_free(dora_mux *mux)
{
    dr_mux_registry *own = mux->registry;
    if (own != NULL) {
        dr_registry_free(own->registry);
        dr_tls_context_free(own->tls);
        dr_free(own->sessions);
        dr_buf_fini(&own->news.warnings);
        dr_free(own);
    }
    mux->registry = NULL;
}

/* ---- calls without a node ---- */

/* Ends a call that certainly did not run, unless it waits for a server. */
static void refuse(dora_mux *mux, dr_mux_call *call, const char *msg, uint64_t now_ns)
{
    const dr_try made = {.err = DORA_ECONNECT};
    const dr_reason *reason = dr_reason_new(DORA_ECONNECT, 0, DORA_CODE_CONNECT, msg);
    if (!dr_mux_pause(mux, call, &made, reason, now_ns)) {
        dr_mux_over(mux, call, reason);
    }
    dr_reason_drop(reason);
}

static void refuse_unknown(dora_mux *mux, dr_mux_call *call, uint64_t now_ns)
{
    const dr_mux_registry *own = mux->registry;
    char msg[400];
    snprintf(msg, sizeof msg, "no server is known: %.300s",
             own->news.is_stale ? dora_err_text(DORA_ENOMEM) : dr_registry_why(own->registry));
    refuse(mux, call, msg, now_ns);
}

/* Whether it is worth waiting: no node was ever known, and an answer may come. */
static bool is_waiting(const dr_mux_registry *own)
{
    return dr_registry_roster(own->registry) == NULL && dr_registry_is_reading(own->registry);
}

/* Places a call, or ends it where that cannot be. */
static void settle(dora_mux *mux, dr_mux_call *call, uint64_t now_ns)
{
    const dr_mux_registry *own = mux->registry;
    dora_error error; /* read only where one is set */
    if (dr_registry_roster(own->registry) == NULL || own->news.is_stale) {
        refuse_unknown(mux, call, now_ns);
    } else if (dr_tries_group(&call->tries, &mux->nodes, call->group, &error) != DORA_OK) {
        refuse(mux, call, error.msg, now_ns);
    } else if (dr_mux_place(mux, call, now_ns) != DORA_OK) {
        refuse(mux, call, dora_err_text(DORA_ENOMEM), now_ns);
    } else {
        call->is_lost = false;
    }
}

void dr_mux_hold(dora_mux *mux, dr_mux_call *call, uint64_t now_ns)
{
    if (!is_waiting(mux->registry)) {
        settle(mux, call, now_ns);
        return;
    }
    call->state = DR_CALL_HELD;
    dr_mux_list_add(&mux->held, call);
    dr_mux_alarm(mux, call, call->tries.deadline_ns);
}

void dr_mux_held_late(dora_mux *mux, dr_mux_call *call, uint64_t now_ns)
{
    dr_mux_leave(mux, call);
    refuse_unknown(mux, call, now_ns);
}

static void settle_held(dora_mux *mux, uint64_t now_ns)
{
    while (mux->held.first != NULL && !is_waiting(mux->registry)) {
        dr_mux_call *call = mux->held.first;
        dr_mux_leave(mux, call);
        settle(mux, call, now_ns);
    }
}

/* ---- what the registry says ---- */

static void apply(dora_mux *mux)
{
    dr_mux_registry *own = mux->registry;
    const dr_nodes_owner owner = dr_mux_owner(mux);
    dr_registry_news_apply(&own->news, own->registry, &mux->nodes, &owner);
}

static void drop_conn(dora_mux *mux, dr_mux_session *session, dr_mux_conn_state state)
{
    dr_mux_conn *conn = session->conn;
    session->conn = NULL;
    if (conn != NULL) {
        dr_mux_conn_detach(mux, conn, state);
    }
}

static void do_wishes(dora_mux *mux, dr_mux_session *session, uint64_t now_ns)
{
    dr_redis_wish wish;
    while ((wish = dr_redis_next(session->redis)) != DR_REDIS_NOTHING) {
        drop_conn(mux, session, DR_CONN_CLOSING);
        if (wish != DR_REDIS_CONNECT) {
            continue;
        }
        session->conn = dr_mux_conn_open(mux);
        if (session->conn != NULL) {
            session->conn->session = session;
        } else {
            dr_redis_lost(session->redis, dora_err_text(DORA_ENOMEM), now_ns);
        }
    }
    dr_mux_conn *conn = session->conn;
    if (conn != NULL && conn->state == DR_CONN_OPEN && !conn->is_writing &&
        dr_redis_output(session->redis).len > 0) {
        conn->is_writing = true;
        conn->wants_write = true;
        dr_mux_ready(mux, conn);
    }
}

/* After everything that may have changed the registry: what one session hears may concern another.
 */
static void look(dora_mux *mux, uint64_t now_ns)
{
    dr_mux_registry *own = mux->registry;
    own->deadline_ns = 0;
    for (size_t i = 0; i < own->session_count; i++) {
        do_wishes(mux, &own->sessions[i], now_ns);
    }
    for (size_t i = 0; i < own->session_count; i++) {
        uint64_t at_ns = dr_redis_deadline_ns(own->sessions[i].redis);
        if (at_ns != 0 && (own->deadline_ns == 0 || at_ns < own->deadline_ns)) {
            own->deadline_ns = at_ns;
        }
    }
    apply(mux);
    settle_held(mux, now_ns);
}

void dr_mux_registry_use(dora_mux *mux, uint64_t now_ns)
{
    dr_mux_registry *own = mux->registry;
    if (!own->is_started) {
        own->is_started = true;
        dr_registry_start(own->registry, now_ns);
        look(mux, now_ns);
    }
    if (own->session_count == 0) {
        dr_registry_read(own->registry, now_ns);
        apply(mux);
    }
}

uint64_t dr_mux_registry_deadline_ns(const dora_mux *mux)
{
    return mux->is_over ? 0 : mux->registry->deadline_ns;
}

void dr_mux_registry_tick(dora_mux *mux, uint64_t now_ns)
{
    dr_mux_registry *own = mux->registry;
    if (mux->is_over || own->deadline_ns == 0 || own->deadline_ns > now_ns) {
        return;
    }
    for (size_t i = 0; i < own->session_count; i++) {
        dr_redis_tick(own->sessions[i].redis, now_ns);
    }
    look(mux, now_ns);
}

void dr_mux_registry_warn(dora_mux *mux)
{
    dr_mux_registry *own = mux->registry;
    dr_buf warnings = dr_registry_news_take(&own->news);
    dr_registry_news_tell(&own->news, &warnings);
}

/* ---- one session's connection ---- */

const dr_address *dr_mux_session_address(const dr_mux_session *session)
{
    return &dr_redis_url_of(session->redis)->address;
}

dr_tls_peer dr_mux_session_tls(const dr_mux_session *session)
{
    return dr_redis_tls_of(session->redis);
}

void dr_mux_session_connected(dora_mux *mux, dr_mux_conn *conn, uint64_t now_ns)
{
    dr_redis_connected(conn->session->redis, now_ns);
    look(mux, now_ns);
}

void dr_mux_session_lost(dora_mux *mux, dr_mux_conn *conn, dr_mux_conn_state state, const char *why,
                         uint64_t now_ns)
{
    dr_mux_session *session = conn->session;
    drop_conn(mux, session, state);
    dr_redis_lost(session->redis, why, now_ns);
    look(mux, now_ns);
}

void dr_mux_session_read(dora_mux *mux, dr_mux_conn *conn, uint64_t now_ns)
{
    dr_buf taken = conn->link.in;
    conn->link.in = (dr_buf){.data = NULL};
    conn->has_input = false;
    dr_redis_received(conn->session->redis, dr_buf_slice(&taken), now_ns);
    dr_buf_clear(&taken);
    conn->link.in = taken;
    look(mux, now_ns);
}

dora_slice dr_mux_session_output(const dr_mux_session *session)
{
    return dr_redis_output(session->redis);
}

void dr_mux_session_sent(dr_mux_conn *conn, size_t len)
{
    dr_redis_sent(conn->session->redis, len);
    conn->is_writing = dr_redis_output(conn->session->redis).len > 0;
}
