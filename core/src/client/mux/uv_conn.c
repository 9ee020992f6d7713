/* uv_conn.c: the connections of the client for libuv: a number of the mux, and its transport. */
#include "client/mux/uv_conn.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "client/mux/mux_uv.h"
#include "transport/transport_uv.h"

/* A connection. Its transport ends later than its use. */
struct dr_uv_conn {
    dora_async *async;
    uint64_t id;
    dr_transport *transport;
};

static dr_uv_conn *find(const dora_async *async, uint64_t id)
{
    uint32_t index = (uint32_t)id;
    dr_uv_conn *conn = index < async->conn_room ? async->conns[index] : NULL;
    return conn != NULL && conn->id == id ? conn : NULL;
}

static dora_err place_for(dora_async *async, uint32_t index)
{
    size_t room = async->conn_room > 0 ? async->conn_room : 8;
    while (room <= index) {
        room *= 2;
    }
    if (room == async->conn_room) {
        return DORA_OK;
    }
    dr_uv_conn **conns = dr_realloc(async->conns, room * sizeof(dr_uv_conn *));
    if (conns == NULL) {
        return DORA_ENOMEM;
    }
    memset(conns + async->conn_room, 0, (room - async->conn_room) * sizeof(dr_uv_conn *));
    async->conns = conns;
    async->conn_room = room;
    return DORA_OK;
}

/* ---- its end ---- */

static void on_freed(void *user)
{
    dr_uv_conn *conn = user;
    dora_async *async = conn->async;
    dr_free(conn);
    dr_uv_gone(async);
}

/* Ends the use of a connection, whoever ended it. */
static void conn_end(dr_uv_conn *conn)
{
    conn->async->conns[(uint32_t)conn->id] = NULL;
    dr_transport_uv_free(conn->transport, on_freed);
}

void dr_uv_conn_close(dora_async *async, uint64_t id)
{
    dr_uv_conn *conn = find(async, id);
    if (conn != NULL) {
        dr_transport_write(conn->transport); /* a last word */
        conn_end(conn);
    }
}

void dr_uv_conns_close(dora_async *async)
{
    for (size_t i = 0; i < async->conn_room; i++) {
        if (async->conns[i] != NULL) {
            conn_end(async->conns[i]);
        }
    }
}

/* ---- what its transport tells ---- */

static void connected(void *user)
{
    const dr_uv_conn *conn = user;
    dora_mux_connected(conn->async->mux, conn->id, dr_clock_ns());
    dr_uv_pump(conn->async);
}

static dora_slice output(void *user)
{
    const dr_uv_conn *conn = user;
    return dora_mux_output(conn->async->mux, conn->id);
}

static void sent(void *user, size_t len)
{
    const dr_uv_conn *conn = user;
    dora_mux_sent(conn->async->mux, conn->id, len, dr_clock_ns());
    if (!conn->async->is_pumping) {
        dr_uv_wake(conn->async);
    }
}

static dora_err room(void *user, char **room, size_t *room_len)
{
    const dr_uv_conn *conn = user;
    return dora_mux_room(conn->async->mux, conn->id, room, room_len);
}

static void received(void *user, size_t len)
{
    const dr_uv_conn *conn = user;
    dora_mux_received(conn->async->mux, conn->id, len);
    dr_uv_pump(conn->async);
}

static void lost(void *user, const dr_loss *loss)
{
    dr_uv_conn *conn = user;
    dora_async *async = conn->async;
    uint64_t id = conn->id;
    conn_end(conn);
    if (loss->err == DORA_ECONNECT) {
        dora_mux_failed(async->mux, id, loss->os_error, loss->reason, dr_clock_ns());
    } else {
        dora_mux_closed(async->mux, id, loss->os_error, dr_clock_ns());
    }
    dr_uv_pump(async);
}

static const dr_transport_user uses = {connected, output, sent, room, received, lost};

/* ---- what the mux wants ---- */

void dr_uv_conn_write(dora_async *async, uint64_t id)
{
    dr_uv_conn *conn = find(async, id);
    if (conn != NULL) {
        dr_transport_write(conn->transport);
    }
}

void dr_uv_conn_open(dora_async *async, uint64_t id, const char *host, uint16_t port)
{
    dr_uv_conn *conn = NULL;
    dr_address address = {.port = port};
    if (place_for(async, (uint32_t)id) == DORA_OK) {
        conn = dr_calloc(1, sizeof *conn);
    }
    if (conn != NULL) {
        *conn = (dr_uv_conn){.async = async, .id = id};
        conn->transport = dr_transport_uv_new(async->loop, &uses, conn);
    }
    if (conn == NULL || conn->transport == NULL) {
        dr_free(conn);
        dora_mux_failed(async->mux, id, 0, dora_err_text(DORA_ENOMEM), dr_clock_ns());
        return;
    }
    async->conns[(uint32_t)id] = conn;
    async->handles++;
    snprintf(address.host, sizeof address.host, "%s", host);
    dr_transport_open(conn->transport, &address, NULL); /* the mux speaks TLS itself */
}
