/* uv_conn.c: the connections of the client for libuv. */
#include "client/mux/uv_conn.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "client/mux/mux_uv.h"

#define CHUNK_BYTES 65536u /* given to libuv at a time, where the socket takes no more at once */

/* A connection. Its handle and its look-up end later than its use: `is_over` is between. */
struct dr_uv_conn {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } u;
    dora_async *async;
    uint64_t id;
    uv_connect_t connecting;
    uv_getaddrinfo_t looking;
    struct addrinfo *found; /* of the name */
    struct addrinfo *next;  /* to be tried */
    uv_write_t writing;
    char *chunk; /* what libuv writes; NULL: nothing */
    int problem; /* of the last address */
    bool is_looking;
    bool has_handle;
    bool is_over;
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

static void conn_free(dr_uv_conn *conn)
{
    dora_async *async = conn->async;
    if (conn->has_handle || conn->is_looking) {
        return; /* whoever ends last comes here again */
    }
    if (conn->found != NULL) {
        uv_freeaddrinfo(conn->found);
    }
    dr_free(conn->chunk);
    dr_free(conn);
    dr_uv_gone(async);
}

static void on_closed(uv_handle_t *handle)
{
    dr_uv_conn *conn = handle->data;
    conn->has_handle = false;
    conn_free(conn);
}

/* Ends the use of a connection, whoever ended it. */
static void conn_end(dr_uv_conn *conn)
{
    if (conn->is_over) {
        return;
    }
    conn->is_over = true;
    conn->async->conns[(uint32_t)conn->id] = NULL;
    if (conn->is_looking) {
        uv_cancel((uv_req_t *)&conn->looking);
    }
    if (conn->has_handle && !uv_is_closing(&conn->u.handle)) {
        uv_close(&conn->u.handle, on_closed);
    } else {
        conn_free(conn);
    }
}

void dr_uv_conn_close(dora_async *async, uint64_t id)
{
    dr_uv_conn *conn = find(async, id);
    if (conn != NULL) {
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

/* ---- bytes ---- */

/* `status` is libuv's error; the end of the stream is none. */
static void lose(dr_uv_conn *conn, int status)
{
    dora_async *async = conn->async;
    uint64_t id = conn->id;
    conn_end(conn);
    dora_mux_closed(async->mux, id, status == UV_EOF ? 0 : -status, dr_clock_ns());
    dr_uv_pump(async);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    const dr_uv_conn *conn = handle->data;
    (void)suggested;
    if (conn->is_over ||
        dora_mux_room(conn->async->mux, conn->id, &buf->base, &buf->len) != DORA_OK) {
        *buf = uv_buf_init(NULL, 0);
    }
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    dr_uv_conn *conn = stream->data;
    (void)buf;
    if (conn->is_over || got == 0) {
        return;
    }
    if (got < 0) {
        lose(conn, (int)got);
        return;
    }
    dora_mux_received(conn->async->mux, conn->id, (size_t)got);
    dr_uv_pump(conn->async);
}

static void write_some(dr_uv_conn *conn);

static void on_written(uv_write_t *request, int status)
{
    dr_uv_conn *conn = request->data;
    dr_free(conn->chunk);
    conn->chunk = NULL;
    if (conn->is_over) {
        return;
    }
    if (status < 0) {
        lose(conn, status);
        return;
    }
    write_some(conn);
    dr_uv_pump(conn->async);
}

/* Gives libuv what the socket does not take at once. Returns: 0, or libuv's error. */
static int write_later(dr_uv_conn *conn, dora_slice out)
{
    size_t len = out.len < CHUNK_BYTES ? out.len : CHUNK_BYTES;
    conn->chunk = dr_alloc(len);
    if (conn->chunk == NULL) {
        return UV_ENOMEM;
    }
    memcpy(conn->chunk, out.data, len);
    uv_buf_t buf = uv_buf_init(conn->chunk, (unsigned)len);
    conn->writing.data = conn;
    int status = uv_write(&conn->writing, &conn->u.stream, &buf, 1, on_written);
    if (status == 0) {
        dora_mux_sent(conn->async->mux, conn->id, len, dr_clock_ns());
    } else {
        dr_free(conn->chunk);
        conn->chunk = NULL;
    }
    return status;
}

static void write_some(dr_uv_conn *conn)
{
    dora_mux *mux = conn->async->mux;
    dora_slice out = dora_mux_output(mux, conn->id);
    int status = 0;
    while (status >= 0 && out.len > 0 && conn->chunk == NULL) {
        uv_buf_t buf = uv_buf_init((char *)(uintptr_t)out.data, (unsigned)out.len);
        status = uv_try_write(&conn->u.stream, &buf, 1);
        if (status > 0) {
            dora_mux_sent(mux, conn->id, (size_t)status, dr_clock_ns());
        } else if (status == UV_EAGAIN) {
            status = write_later(conn, out);
        }
        out = dora_mux_output(mux, conn->id);
    }
    /* Where the peer has closed, what it said before is read first: the reading notices the end. */
    if (status < 0 && status != UV_EPIPE && status != UV_ECONNRESET) {
        lose(conn, status);
    }
}

void dr_uv_conn_write(dora_async *async, uint64_t id)
{
    dr_uv_conn *conn = find(async, id);
    if (conn != NULL && conn->chunk == NULL) {
        write_some(conn);
    }
}

/* ---- connecting ---- */

static void connect_failed(dr_uv_conn *conn, int status)
{
    dora_async *async = conn->async;
    uint64_t id = conn->id;
    bool is_name = status <= UV_EAI_ADDRFAMILY && status >= UV_EAI_PROTOCOL;
    conn_end(conn);
    dora_mux_failed(async->mux, id, is_name ? -1 : -status, uv_strerror(status), dr_clock_ns());
    dr_uv_pump(async);
}

static void connect_next(dr_uv_conn *conn);

static void on_connect(uv_connect_t *request, int status)
{
    dr_uv_conn *conn = request->data;
    if (conn->is_over) {
        return;
    }
    if (status == 0) {
        status = uv_read_start(&conn->u.stream, on_alloc, on_read);
    }
    if (status == 0) {
        dora_mux_connected(conn->async->mux, conn->id, dr_clock_ns());
        dr_uv_pump(conn->async);
        return;
    }
    conn->problem = status;
    connect_next(conn);
}

/* Begins to connect to one address. Returns: 0, or libuv's error. */
static int connect_to(dr_uv_conn *conn, const struct sockaddr *address)
{
    int status = uv_tcp_init(conn->async->loop, &conn->u.tcp);
    conn->has_handle = status == 0;
    if (status != 0) {
        return status;
    }
    conn->u.handle.data = conn;
    uv_tcp_nodelay(&conn->u.tcp, 1);
    conn->connecting.data = conn;
    return uv_tcp_connect(&conn->connecting, &conn->u.tcp, address, on_connect);
}

/* The handle of the address before is closed: now the next one. */
static void on_address_closed(uv_handle_t *handle)
{
    dr_uv_conn *conn = handle->data;
    conn->has_handle = false;
    if (conn->is_over) {
        conn_free(conn);
        return;
    }
    connect_next(conn);
}

static void connect_next(dr_uv_conn *conn)
{
    if (conn->next == NULL) {
        connect_failed(conn, conn->problem);
        return;
    }
    if (conn->has_handle) {
        uv_close(&conn->u.handle, on_address_closed);
        return;
    }
    const struct addrinfo *address = conn->next;
    conn->next = address->ai_next;
    conn->problem = connect_to(conn, address->ai_addr);
    if (conn->problem != 0) {
        connect_next(conn);
    }
}

static void on_found(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    dr_uv_conn *conn = request->data;
    conn->is_looking = false;
    conn->found = found;
    conn->next = found;
    conn->problem = status;
    if (conn->is_over) {
        conn_free(conn);
    } else {
        connect_next(conn);
    }
}

static int look_up(dr_uv_conn *conn, const char *host, uint16_t port)
{
    char service[8];
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    snprintf(service, sizeof service, "%u", port);
    conn->looking.data = conn;
    int status = uv_getaddrinfo(conn->async->loop, &conn->looking, on_found, host, service, &hints);
    conn->is_looking = status == 0;
    return status;
}

static int connect_local(dr_uv_conn *conn, const char *path)
{
    int status = uv_pipe_init(conn->async->loop, &conn->u.pipe, 0);
    conn->has_handle = status == 0;
    if (status == 0) {
        conn->u.handle.data = conn;
        conn->connecting.data = conn;
        uv_pipe_connect(&conn->connecting, &conn->u.pipe, path, on_connect);
    }
    return status;
}

static int conn_begin(dr_uv_conn *conn, const char *host, uint16_t port)
{
    struct sockaddr_in four;
    struct sockaddr_in6 six;
    if (port == 0) {
        return connect_local(conn, host);
    }
    if (uv_ip4_addr(host, port, &four) == 0) {
        return connect_to(conn, (const struct sockaddr *)&four);
    }
    if (uv_ip6_addr(host, port, &six) == 0) {
        return connect_to(conn, (const struct sockaddr *)&six);
    }
    return look_up(conn, host, port);
}

void dr_uv_conn_open(dora_async *async, uint64_t id, const char *host, uint16_t port)
{
    dr_uv_conn *conn = NULL;
    if (place_for(async, (uint32_t)id) == DORA_OK) {
        conn = dr_calloc(1, sizeof *conn);
    }
    if (conn == NULL) {
        dora_mux_failed(async->mux, id, 0, dora_err_text(DORA_ENOMEM), dr_clock_ns());
        return;
    }
    *conn = (dr_uv_conn){.async = async, .id = id};
    async->conns[(uint32_t)id] = conn;
    async->handles++;
    int status = conn_begin(conn, host, port);
    if (status != 0) {
        connect_failed(conn, status);
    }
}
