/* conn_accept.c: connections that wait at a listener become ours. */
#include "net/conn_accept.h"

#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/conn_refuse.h"
#include "net/conn_tls.h"
#include "net/listener.h"
#include "net/reactor.h"

/* next_number: every reactor has its own row of numbers, and its HTTP listener another. */
static uint32_t next_number(const dr_reactor *reactor)
{
    const uint64_t number = dr_count_get(&reactor->accepted) * reactor->count * 2 + reactor->index;
    return (uint32_t)(number % UINT32_MAX) + 1;
}

static dr_conn *conn_of(const dr_held *held)
{
    return (dr_conn *)((uintptr_t)held - offsetof(dr_conn, held));
}

static void end_held(dr_held *held)
{
    dr_conn_close(conn_of(held));
}

static int fd_of_held(const dr_held *held)
{
    uv_os_fd_t fd;
    return uv_fileno(&conn_of(held)->uv.handle, &fd) == 0 ? fd : -1;
}

dr_conn *dr_conn_new(dr_reactor *reactor, bool is_tcp)
{
    dr_conn *conn = dr_calloc(1, sizeof(*conn));
    if (conn == NULL || (is_tcp ? uv_tcp_init(&reactor->loop, &conn->uv.tcp)
                                : uv_pipe_init(&reactor->loop, &conn->uv.pipe, 0)) != 0) {
        dr_free(conn);
        return NULL;
    }
    conn->reactor = reactor;
    conn->held = (dr_held){.seat = reactor->seat, .end = end_held, .fd = fd_of_held};
    conn->number = next_number(reactor);
    dr_count_one(&reactor->accepted);
    conn->uv.handle.data = conn;
    conn->active_ms = uv_now(&reactor->loop);
    conn->next = reactor->conns;
    if (reactor->conns != NULL) {
        reactor->conns->prev = conn;
    }
    reactor->conns = conn;
    return conn;
}

/* more_of gives the one that a listener belongs to, where it is none of the reactor's first. */
static dr_reactor_more *more_of(const dr_reactor *reactor, const uv_stream_t *listener)
{
    dr_reactor_more *more = reactor->more;
    while (more != NULL && (const void *)listener != &more->listener) {
        more = more->next;
    }
    return more;
}

dr_crowded dr_conn_enter(dr_conn *conn, bool must)
{
    dr_reactor *reactor = conn->reactor;
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof(address);
    uv_os_fd_t fd;
    if (uv_fileno(&conn->uv.handle, &fd) == 0) {
        (void)getpeername(fd, (struct sockaddr *)&address, &len);
    }
    const struct sockaddr *from = (const struct sockaddr *)&address;
    if (must) {
        dr_place_keep(&conn->place, reactor->places, from);
        return DR_CROWDED_NOT;
    }
    return dr_place_take(&conn->place, reactor->places, from, uv_now(&reactor->loop));
}

static bool is_for_tls(const dr_reactor *reactor, const uv_stream_t *listener)
{
    if (reactor->more != NULL) {
        const dr_reactor_more *more = more_of(reactor, listener);
        if (more != NULL) {
            return more->is_tls;
        }
    }
    return (const void *)listener == &reactor->tls.listener;
}

/* hold has a listener wait: libuv takes no other meanwhile, they wait in the kernel. */
static void hold(dr_reactor *reactor, const uv_stream_t *listener)
{
    dr_reactor_more *more = more_of(reactor, listener);
    bool *is_held = more != NULL                    ? &more->is_held
                    : is_for_tls(reactor, listener) ? &reactor->tls.is_held
                    : listener->type == UV_TCP      ? &reactor->is_held
                                                    : &reactor->is_held_locally;
    *is_held = true;
}

static void conn_begin(dr_conn *conn, const uv_stream_t *listener)
{
    const dr_crowded crowded = dr_conn_enter(conn, false);
    if (crowded != DR_CROWDED_NOT && !is_for_tls(conn->reactor, listener)) {
        dr_conn_refuse(conn, crowded);
        return;
    }
    if (crowded != DR_CROWDED_NOT) {
        dr_conn_close(conn); /* before the handshake its client can have sent no call */
        return;
    }
    if (listener->type == UV_TCP) {
        (void)uv_tcp_nodelay(&conn->uv.tcp, 1);
    }
    if (is_for_tls(conn->reactor, listener) && !dr_conn_tls_begin(conn)) {
        dr_conn_close(conn);
        return;
    }
    dr_conn_update(conn);
}

void dr_conn_accept(dr_reactor *reactor, uv_stream_t *listener)
{
    const bool is_tcp = listener->type == UV_TCP;
    if (is_for_tls(reactor, listener) && !dr_conn_tls_has_room(reactor)) {
        hold(reactor, listener);
        return;
    }
    dr_conn *conn = dr_conn_new(reactor, is_tcp);
    if (conn == NULL) {
        hold(reactor, listener);
        return;
    }
    if (uv_accept(listener, &conn->uv.stream) != 0) {
        dr_conn_close(conn);
        return;
    }
    conn_begin(conn, listener);
}

void dr_conn_accept_held(dr_reactor *reactor)
{
    if (reactor->tls.is_held) {
        reactor->tls.is_held = false;
        dr_conn_accept(reactor, (uv_stream_t *)&reactor->tls.listener);
    }
    for (dr_reactor_more *more = reactor->more; more != NULL; more = more->next) {
        if (more->is_held) {
            more->is_held = false;
            dr_conn_accept(reactor, (uv_stream_t *)&more->listener);
        }
    }
    if (reactor->is_held && reactor->is_listening) {
        reactor->is_held = false;
        dr_conn_accept(reactor, (uv_stream_t *)&reactor->listener);
    }
    if (reactor->is_held_locally && reactor->is_listening_locally) {
        reactor->is_held_locally = false;
        dr_conn_accept(reactor, (uv_stream_t *)&reactor->local_listener);
    }
}

void dr_conn_accept_rest(dr_reactor *reactor, uv_stream_t *listener)
{
    const bool is_tcp = listener->type == UV_TCP;
    uv_os_fd_t listen_fd;
    int fd = -1;
    if (uv_fileno((uv_handle_t *)listener, &listen_fd) != 0) {
        return;
    }
    if (is_tcp) {
        dr_listener_refuse_new(listen_fd);
    }
    while ((fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        dr_conn *conn = dr_conn_new(reactor, is_tcp);
        if (conn == NULL) {
            close(fd);
            return;
        }
        if ((is_tcp ? uv_tcp_open(&conn->uv.tcp, fd) : uv_pipe_open(&conn->uv.pipe, fd)) != 0) {
            close(fd);
            dr_conn_close(conn);
            return;
        }
        conn_begin(conn, listener);
    }
}
