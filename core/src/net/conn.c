/* conn.c: reading frames from a connection and writing replies to it, within bounds. */
#include "net/conn.h"

#include <stdlib.h>
#include <string.h>

#include "net/conn_move.h"
#include "net/conn_refuse.h"
#include "net/conn_tls.h"
#include "net/reactor.h"
#include "tls/filter.h"

/* What has come of a frame, where so little goes before the next read; more is not copied for each.
 * Less room than this is not worth a read. */
#define SHORT_REST_BYTES 4096u

static void unlink_conn(dr_conn *conn)
{
    if (conn->prev == NULL) {
        conn->reactor->conns = conn->next;
    } else {
        conn->prev->next = conn->next;
    }
    if (conn->next != NULL) {
        conn->next->prev = conn->prev;
    }
}

/* unlink_dirty. Returns: false where it is not in this list. */
static bool unlink_dirty(dr_conn **at, const dr_conn *conn)
{
    while (*at != NULL && *at != conn) {
        at = &(*at)->next_dirty;
    }
    const bool is_there = *at != NULL;
    *at = is_there ? conn->next_dirty : NULL;
    return is_there;
}

static void on_closed(uv_handle_t *handle)
{
    dr_conn *conn = handle->data;
    dr_buf_fini(&conn->in);
    dr_buf_fini(&conn->out);
    dr_buf_fini(&conn->writing);
    dr_tls_filter_free(conn->tls);
    free(conn);
}

void dr_conn_close(dr_conn *conn)
{
    dr_reactor *reactor = conn->reactor;
    if (conn->is_closing) {
        return;
    }
    conn->is_closing = true;
    if (conn->is_dirty) {
        if (!unlink_dirty(&reactor->dirty, conn)) {
            (void)unlink_dirty(&reactor->later, conn);
        }
        conn->is_dirty = false;
    }
    if (conn->is_shut) {
        reactor->lingering--;
    }
    reactor->refused -= dr_conn_is_refused(conn);
    dr_count_one(&reactor->closed);
    if (conn->tls != NULL) {
        dr_conn_tls_gone(conn);
    }
    dr_held_set(&conn->held, 0);
    dr_place_give(&conn->place);
    reactor->events.on_gone(conn, reactor->events.user);
    unlink_conn(conn);
    uv_close(&conn->uv.handle, on_closed);
}

static size_t unsent(const dr_conn *conn)
{
    return conn->out.len + conn->writing.len;
}

bool dr_conn_may_read(const dr_conn *conn)
{
    return (conn->calls < conn->reactor->calls_max || conn->streams > 0) &&
           unsent(conn) < DR_CONN_OUT_PAUSE &&
           (conn->apart < conn->reactor->apart_bound ||
            ((conn->is_told || conn->streams > 0) && conn->apart < conn->reactor->apart_usual));
}

bool dr_conn_is_full(dr_conn *conn)
{
    const bool is_full = unsent(conn) >= DR_CONN_STREAM_PAUSE;
    conn->wants_room = conn->wants_room || is_full;
    return is_full;
}

/* count_pause counts that a connection is not read, and why, where that is its own doing. */
static void count_pause(dr_conn *conn)
{
    dr_reactor *reactor = conn->reactor;
    if (reactor->apart_bound == 0) {
        return; /* none is: its reactor holds */
    }
    dr_count_one(&reactor->pauses[conn->calls >= reactor->calls_max   ? DR_PAUSE_CALLS
                                  : unsent(conn) >= DR_CONN_OUT_PAUSE ? DR_PAUSE_REPLIES
                                                                      : DR_PAUSE_BYTES]);
}

/* is_behind: its replies are more than what every connection has in a turn. */
static bool is_behind(const dr_conn *conn, size_t more)
{
    return conn->is_writing || conn->out.len + more > DR_READ_BYTES;
}

/* account counts what a connection holds now. */
static void account(dr_conn *conn)
{
    size_t bytes = conn->apart + (is_behind(conn, 0) ? unsent(conn) : 0);
    if (conn->in.cap > DR_HELD_FREE_BYTES) {
        bytes += conn->in.cap;
    }
    if (conn->tls != NULL && dr_tls_filter_held(conn->tls) > DR_HELD_FREE_BYTES) {
        bytes += dr_tls_filter_held(conn->tls);
    }
    dr_held_set(&conn->held, conn->is_closing ? 0 : bytes);
}

/* is_counted: what it holds has to be counted, or counted off. */
static bool is_counted(const dr_conn *conn)
{
    return conn->in.cap > DR_HELD_FREE_BYTES || conn->tls != NULL ||
           atomic_load_explicit(&conn->held.bytes, memory_order_relaxed) > 0;
}

/* parse hands up every whole frame; `before` of the bytes had come earlier. Returns: how many bytes
 * it used. */
static size_t parse(dr_conn *conn, dora_slice bytes, size_t before)
{
    dr_reactor *reactor = conn->reactor;
    size_t at = 0;
    conn->in_need = 0;
    while (at < bytes.len && !conn->is_closing && !conn->is_finishing && dr_conn_may_read(conn)) {
        dr_frame frame;
        size_t used = 0;
        dora_error error;
        const dora_slice rest = {bytes.data + at, bytes.len - at};
        const dora_err err = dr_frame_decode_any(&reactor->frame, rest, &frame, &used, &error);
        if (err == DORA_EAGAIN) {
            conn->in_need = used;
            break;
        }
        if (err == DORA_OK) {
            reactor->events.on_frame(conn, &frame, reactor->events.user);
        } else {
            reactor->events.on_bad_frame(conn, &frame, &error, used == 0, reactor->events.user);
            if (used == 0) {
                dr_conn_finish(conn);
                return bytes.len;
            }
        }
        at += used;
    }
    if (at > 0 || before == 0) {
        conn->still.whole_ms = 0; /* what comes now is another frame */
    }
    return conn->is_finishing ? bytes.len : at;
}

/* parse_kept parses what the connection keeps, of which `before` bytes had come earlier. */
static void parse_kept(dr_conn *conn, size_t before)
{
    dr_buf_consume(&conn->in, parse(conn, dr_buf_slice(&conn->in), before));
    if (conn->in.len == 0) {
        dr_buf_fini(&conn->in);
    }
}

/* grows_apart: what has come of a frame gathers in the connection. Where that is little of a small
 * one, it goes before the next read instead, so that each read brings many. */
static bool grows_apart(const dr_conn *conn)
{
    return conn->in_need > DR_READ_BYTES || conn->in.len > SHORT_REST_BYTES;
}

/* make_room sees to room that is worth a read. The announced length is not believed at once: room
 * for a large frame grows with what has come; behind a small one others may come. */
static dora_err make_room(dr_conn *conn)
{
    size_t more = DR_READ_BYTES;
    size_t enough = SHORT_REST_BYTES;
    if (conn->in_need > DR_READ_BYTES) {
        const size_t missing = conn->in_need - conn->in.len;
        more = 3 * conn->in.len > more ? 3 * conn->in.len : more;
        more = missing < more ? missing : more;
        enough = missing < enough ? missing : enough;
    }
    return conn->in.cap - conn->in.len < enough ? dr_buf_reserve(&conn->in, more) : DORA_OK;
}

void dr_conn_room(dr_conn *conn, uv_buf_t *buf)
{
    dr_reactor *reactor = conn->reactor;
    if (!grows_apart(conn)) {
        if (conn->in.len > 0) {
            memcpy(reactor->read_buf, conn->in.data, conn->in.len);
        }
        *buf = uv_buf_init(reactor->read_buf + conn->in.len,
                           (unsigned)(sizeof(reactor->read_buf) - conn->in.len));
    } else if (make_room(conn) == DORA_OK) {
        const size_t left = conn->in.cap - conn->in.len;
        *buf = uv_buf_init(conn->in.data + conn->in.len,
                           (unsigned)(left < DR_READ_BYTES ? left : DR_READ_BYTES));
    }
}

/* has_had_its_turn: one read a turn, so that others do not wait for one that sends much. */
static bool has_had_its_turn(const dr_conn *conn)
{
    return conn->turn == conn->reactor->turn;
}

/* on_alloc gives no room to a connection that has had its turn: libuv leaves it alone then, and
 * finds it readable again in the next. */
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    dr_conn *conn = handle->data;
    *buf = uv_buf_init(NULL, 0);
    if (has_had_its_turn(conn)) {
        return;
    }
    if (conn->tls != NULL) {
        dr_conn_tls_room(conn, buf);
        return;
    }
    dr_conn_room(conn, buf);
    conn->turn = buf->len > 0 ? conn->reactor->turn : conn->turn;
}

static void keep_rest(dr_conn *conn, dora_slice rest)
{
    if (rest.len == 0 || conn->is_closing) {
        dr_buf_fini(&conn->in);
    } else if (dr_buf_append_slice(&conn->in, rest) != DORA_OK) {
        dr_conn_close(conn);
    }
}

void dr_conn_take(dr_conn *conn, size_t got)
{
    const size_t before = conn->in.len;
    if (grows_apart(conn)) {
        conn->in.len += got;
        parse_kept(conn, before);
        return;
    }
    const dora_slice bytes = {conn->reactor->read_buf, before + got};
    dr_buf_clear(&conn->in);
    const size_t used = parse(conn, bytes, before);
    keep_rest(conn, (dora_slice){bytes.data + used, bytes.len - used});
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    dr_conn *conn = stream->data;
    if (got == UV_ENOBUFS && buf->len == 0 && has_had_its_turn(conn)) {
        return;
    }
    if (got < 0) {
        dr_conn_close(conn);
        return;
    }
    if (got == 0 || conn->is_finishing) {
        if (got > 0 && conn->is_refusing) {
            dr_conn_refuse_take(conn, (size_t)got);
        }
        return;
    }
    conn->active_ms = uv_now(&conn->reactor->loop);
    dr_count_add(&conn->reactor->bytes_in, (uint64_t)got);
    if (conn->tls != NULL) {
        dr_conn_tls_take(conn, (size_t)got);
    } else {
        dr_conn_take(conn, (size_t)got);
    }
    if (is_counted(conn)) {
        account(conn);
        if (!conn->is_closing && !dr_held_may_have(&conn->held, 0)) {
            dr_conn_close(conn);
        }
    }
    if (!conn->is_closing) {
        dr_conn_update(conn);
    }
}

void dr_conn_update(dr_conn *conn)
{
    const bool wanted =
        !conn->is_closing && (conn->is_finishing || dr_conn_may_read(conn) || conn->is_shaking);
    if (wanted == conn->is_reading || conn->is_closing) {
        return;
    }
    if (!wanted) {
        conn->is_reading = false;
        uv_read_stop(&conn->uv.stream);
        count_pause(conn);
        return;
    }
    if (conn->in.len > 0 && !conn->is_finishing) {
        /* Frames that had come already, before the next read. */
        parse_kept(conn, conn->in.len);
        account(conn);
        if (conn->is_closing || (!conn->is_finishing && !dr_conn_may_read(conn))) {
            return;
        }
    }
    if (conn->tls != NULL && !conn->is_shaking && !conn->is_finishing) {
        dr_conn_tls_drain(conn);
        if (conn->is_closing || (!conn->is_finishing && !dr_conn_may_read(conn))) {
            return;
        }
    }
    if (!conn->is_reading) {
        conn->still.frame_ms = 0; /* it was we who did not read */
        conn->is_reading = uv_read_start(&conn->uv.stream, on_alloc, on_read) == 0;
    }
}

void dr_conn_give_back(dr_reactor *reactor, dr_buf *buf)
{
    if (buf->cap > DR_READ_BYTES || reactor->spare_count == DR_SPARE_BUFFERS_MAX) {
        dr_buf_fini(buf);
        return;
    }
    dr_buf_clear(buf);
    if (buf->cap > 0) {
        reactor->spare[reactor->spare_count++] = *buf;
    }
    dr_buf_init(buf);
}

static void on_shutdown(uv_shutdown_t *request, int status)
{
    (void)request;
    (void)status;
}

/* shut ends the write side, so that the peer reads all replies before it sees the end. */
static void shut(dr_conn *conn)
{
    if (conn->is_shut) {
        return;
    }
    dr_reactor *reactor = conn->reactor;
    if (conn->tls != NULL) {
        dr_conn_tls_goodbye(conn);
    }
    conn->is_shut = true;
    reactor->lingering++;
    conn->linger_until_ms = uv_now(&reactor->loop) + reactor->linger_ms;
    if (uv_shutdown(&conn->shutdown, &conn->uv.stream, on_shutdown) != 0) {
        dr_conn_close(conn);
        return;
    }
    dr_conn_update(conn); /* reads on, to see the peer close */
}

void dr_conn_leave(dr_conn *conn)
{
    const dr_reactor *reactor = conn->reactor;
    if (!reactor->is_leaving || conn->is_finishing || conn->calls > 0 || unsent(conn) > 0) {
        return;
    }
    if (reactor->is_moving) {
        dr_conn_move(conn);
    } else if (conn->client == DR_CONN_CLIENT_ORIGINAL && conn->in.len == 0) {
        conn->is_finishing = true;
        shut(conn);
    }
}

static void on_written(uv_write_t *request, int status)
{
    dr_conn *conn = request->data;
    conn->is_writing = false;
    dr_count_add(&conn->reactor->bytes_out, status == 0 ? conn->late : 0);
    dr_conn_give_back(conn->reactor, &conn->writing);
    if (conn->is_closing) {
        return;
    }
    account(conn);
    if (status != 0) {
        dr_conn_close(conn);
        return;
    }
    dr_conn_flush(conn);
}

static void mark(dr_conn *conn, dr_conn **list)
{
    if (!conn->is_dirty && !conn->is_closing) {
        conn->is_dirty = true;
        conn->next_dirty = *list;
        *list = conn;
    }
}

static void mark_dirty(dr_conn *conn)
{
    mark(conn, &conn->reactor->dirty);
}

/* say_room says so once a turn: a client that takes all at once would keep the others waiting. */
static void say_room(dr_conn *conn)
{
    dr_reactor *reactor = conn->reactor;
    if (!conn->wants_room || unsent(conn) >= DR_CONN_STREAM_PAUSE) {
        return;
    }
    if (conn->room_turn == reactor->turn) {
        mark(conn, &reactor->later);
        return;
    }
    conn->room_turn = reactor->turn;
    conn->wants_room = false;
    reactor->events.on_room(conn, reactor->events.user);
}

void dr_conn_flush(dr_conn *conn)
{
    dr_reactor *reactor = conn->reactor;
    if (conn->is_closing || conn->is_writing) {
        return;
    }
    if (conn->tls != NULL && !dr_conn_tls_seal(conn)) {
        return;
    }
    if (conn->out.len > 0) {
        uv_buf_t bytes = uv_buf_init(conn->out.data, (unsigned)conn->out.len);
        const int wrote = uv_try_write(&conn->uv.stream, &bytes, 1);
        if (wrote < 0 && wrote != UV_EAGAIN) {
            dr_conn_close(conn);
            return;
        }
        const size_t done = wrote > 0 ? (size_t)wrote : 0;
        dr_count_add(&reactor->bytes_out, done);
        if (done == conn->out.len) {
            dr_conn_give_back(reactor, &conn->out);
            if (is_counted(conn)) {
                account(conn);
            }
        } else {
            conn->writing = conn->out;
            dr_buf_init(&conn->out);
            conn->late = conn->writing.len - done;
            bytes = uv_buf_init(conn->writing.data + done, (unsigned)conn->late);
            conn->write.data = conn;
            conn->is_writing = true;
            if (uv_write(&conn->write, &conn->uv.stream, &bytes, 1, on_written) != 0) {
                conn->is_writing = false;
                dr_conn_close(conn);
                return;
            }
            account(conn);
        }
    }
    say_room(conn);
    if (conn->is_closing) {
        return;
    }
    if (conn->is_finishing && !conn->is_refusing && unsent(conn) == 0 && conn->calls == 0) {
        shut(conn);
    } else {
        dr_conn_update(conn);
        dr_conn_leave(conn);
    }
}

void dr_conn_send(dr_conn *conn)
{
    mark_dirty(conn);
}

void dr_conn_finish(dr_conn *conn)
{
    if (!conn->is_closing && !conn->is_finishing) {
        conn->is_finishing = true;
        conn->in_need = 0;
        dr_buf_fini(&conn->in);
        account(conn);
        mark_dirty(conn);
    }
}

bool dr_conn_hold(dr_conn *conn, size_t bytes)
{
    if (conn->is_closing || !dr_held_has_room(&conn->held, bytes)) {
        return false;
    }
    conn->apart += bytes;
    account(conn);
    return true;
}

void dr_conn_let_go(dr_conn *conn, size_t bytes)
{
    conn->apart -= bytes;
    account(conn);
}

bool dr_conn_may_reply(dr_conn *conn, size_t bytes)
{
    if (!conn->is_closing && is_behind(conn, bytes) && !dr_held_may_have(&conn->held, bytes)) {
        dr_conn_close(conn);
    }
    return !conn->is_closing;
}

dr_buf *dr_conn_begin(dr_conn *conn, const char *guid, size_t bytes, size_t *mark)
{
    dr_reactor *reactor = conn->reactor;
    if (!dr_conn_may_reply(conn, bytes)) {
        return NULL;
    }
    if (conn->out.cap == 0 && reactor->spare_count > 0) {
        conn->out = reactor->spare[--reactor->spare_count];
    }
    if (dr_frame_begin(&conn->out, &reactor->frame, guid, mark) != DORA_OK) {
        dr_conn_close(conn);
        return NULL;
    }
    return &conn->out;
}

dora_err dr_conn_end(dr_conn *conn, size_t mark)
{
    const dora_err err = dr_frame_end(&conn->out, &conn->reactor->frame, mark, NULL);
    conn->active_ms = uv_now(&conn->reactor->loop); /* a reply begins a new idle time */
    conn->reactor->replies++;
    mark_dirty(conn);
    if (is_behind(conn, 0)) {
        account(conn);
    }
    return err;
}
