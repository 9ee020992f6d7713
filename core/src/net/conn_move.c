/* conn_move.c: a connection goes to another process, or comes from one. */
#include "net/conn_move.h"

#include <fcntl.h>
#include <unistd.h>

#include "net/conn_accept.h"
#include "net/reactor.h"

void dr_conn_move(dr_conn *conn)
{
    dr_reactor *reactor = conn->reactor;
    if (conn->tls == NULL) {
        reactor->events.on_move(conn, reactor->events.user);
    } else if (!conn->is_shaking &&
               (reactor->is_over || !conn->is_told || conn->client == DR_CONN_CLIENT_ORIGINAL)) {
        dr_conn_finish(conn);
    }
}

int dr_conn_give(dr_conn *conn, dr_buf *in)
{
    uv_os_fd_t own;
    const int fd = uv_fileno(&conn->uv.handle, &own) == 0 ? fcntl(own, F_DUPFD_CLOEXEC, 0) : -1;
    if (fd >= 0) {
        *in = conn->in;
        dr_buf_init(&conn->in);
    }
    dr_conn_close(conn);
    return fd;
}

dr_conn *dr_conn_adopt(dr_reactor *reactor, int fd, bool is_tcp, dr_buf *in)
{
    dr_conn *conn = dr_conn_new(reactor, is_tcp);
    if (conn == NULL) {
        close(fd);
        dr_buf_fini(in);
        return NULL;
    }
    conn->in = *in;
    dr_buf_init(in);
    if ((is_tcp ? uv_tcp_open(&conn->uv.tcp, fd) : uv_pipe_open(&conn->uv.pipe, fd)) != 0) {
        close(fd);
        dr_conn_close(conn);
        return NULL;
    }
    (void)dr_conn_enter(conn, true); /* one that is too many by now stays: it has been let in */
    return conn;
}

void dr_conn_start(dr_conn *conn)
{
    dr_conn_update(conn);
    if (!conn->is_closing && !dr_held_may_have(&conn->held, 0)) {
        dr_conn_close(conn);
    }
}
