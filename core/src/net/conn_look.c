/* conn_look.c: connections on which nothing goes on. */
#include "net/conn_look.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "net/conn_tls.h"
#include "net/reactor.h"

/* left_to_take is what the peer has not taken yet: here, and in the kernel's buffer. Nothing is
 * added to it while a write is under way. */
static size_t left_to_take(const dr_conn *conn)
{
    int queued = 0;
    uv_os_fd_t fd;
    if (uv_fileno(&conn->uv.handle, &fd) == 0) {
        (void)ioctl(fd, SIOCOUTQ, &queued);
    }
    return uv_stream_get_write_queue_size(&conn->uv.stream) + (size_t)queued;
}

void dr_conn_look(dr_conn *conn, uint32_t passed_ms, uint32_t stall_ms, uint32_t frame_ms)
{
    if (conn->is_shaking && !dr_conn_tls_look(conn, passed_ms)) {
        return;
    }
    const bool is_awaited =
        conn->is_reading && !conn->is_finishing &&
        (conn->in.len > 0 || (conn->tls != NULL && dr_conn_tls_is_awaited(conn)));
    const bool has_come = conn->turn != conn->still.turn;
    const size_t left = conn->is_writing ? left_to_take(conn) : 0;
    const bool is_stuck = conn->is_writing && left == conn->still.left;
    conn->still.turn = conn->turn;
    conn->still.left = left;
    conn->still.frame_ms = is_awaited && !has_come ? conn->still.frame_ms + passed_ms : 0;
    conn->still.reply_ms = is_stuck ? conn->still.reply_ms + passed_ms : 0;
    conn->still.whole_ms = is_awaited ? conn->still.whole_ms + passed_ms : 0;
    const bool is_reply = conn->still.reply_ms > conn->still.frame_ms;
    const uint32_t still_ms = is_reply ? conn->still.reply_ms : conn->still.frame_ms;
    atomic_store_explicit(&conn->held.still_ms, still_ms, memory_order_relaxed);
    if (stall_ms != 0 && still_ms >= stall_ms) {
        dr_held_ended(&conn->held, is_reply ? DR_ENDED_REPLY : DR_ENDED_FRAME);
        dr_conn_close(conn);
    } else if (frame_ms != 0 && conn->still.whole_ms >= frame_ms) {
        dr_held_ended(&conn->held, DR_ENDED_SLOW);
        dr_conn_close(conn);
    }
}
