/* call_stream.c: parts from a worker's ring to whoever asked, and room back. */
#include "server/call/call_stream.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/slice.h"
#include "net/http_exchange.h"
#include "server/call/call_index.h"
#include "server/call/reply.h"

dr_call_stream *dr_call_stream_new(const dr_request *request)
{
    dr_call_stream *stream = dr_calloc(1, sizeof(*stream));
    if (stream == NULL) {
        return NULL;
    }
    const int64_t asked = request->window;
    stream->window = asked < 0                      ? DR_STREAM_WINDOW
                     : asked < 1                    ? 1
                     : asked > DR_STREAM_WINDOW_MAX ? DR_STREAM_WINDOW_MAX
                                                    : (uint32_t)asked;
    return stream;
}

void dr_call_stream_free(dr_call_stream *stream)
{
    if (stream != NULL) {
        dr_buf_fini(&stream->part);
        dr_free(stream);
    }
}

void dr_call_stream_begin(dr_call *call)
{
    call->stream->pool = call->items[0].pool;
    call->stream->task = call->items[0].task;
}

/* hold counts the bytes of a part that is put together here, once. Returns: false where they are
 * too many. */
static bool hold(dr_call *call)
{
    dr_call_stream *stream = call->stream;
    if (stream->held > 0 || stream->part_len <= DR_HELD_FREE_BYTES) {
        return true;
    }
    if (!dr_call_charge(call, stream->part_len)) {
        return false;
    }
    stream->held = stream->part_len;
    return true;
}

/* let_go is for a part that has gone. */
static void let_go(dr_call *call)
{
    dr_call_stream *stream = call->stream;
    dr_buf_clear(&stream->part);
    if (stream->held > 0) {
        dr_buf_fini(&stream->part);
        dr_call_discharge(call, stream->held);
        stream->held = 0;
    }
}

/* fail ends a stream: the rest of it is lost. */
static void fail(dr_call *call, int64_t code)
{
    dr_call_stream *stream = call->stream;
    if (call->left > 0) {
        dr_task_stop(stream->pool, stream->task);
    }
    stream->pool = NULL;
    stream->failed = code;
}

/* whole_part finds the next part that has come as a whole. Returns: false where there is none. */
static bool whole_part(dr_call *call, dr_part_ring *shared, dora_slice *part)
{
    dr_call_stream *stream = call->stream;
    uint64_t there = dr_part_ring_bytes(shared, stream->tail);
    if (there > DR_PART_RING_BYTES) { /* its worker has written what cannot be */
        fail(call, DORA_CODE_WORKER_DIED);
        return false;
    }
    if (!stream->has_head) {
        if (there < DR_PART_HEAD_BYTES) {
            return false;
        }
        dr_part_ring_copy(shared, &stream->tail, (char *)&stream->part_len, DR_PART_HEAD_BYTES);
        there -= DR_PART_HEAD_BYTES;
        stream->has_head = true;
        if (stream->part_len > dr_frame_bytes_max(&call->lane->reactor.frame)) {
            fail(call, DORA_CODE_WORKER_DIED);
            return false;
        }
    }
    const size_t left = stream->part_len - stream->part.len;
    if (stream->part.len == 0 && there >= left) {
        const char *bytes = dr_part_ring_take(shared, &stream->tail, left);
        if (bytes != NULL) {
            *part = (dora_slice){bytes, left};
            return true;
        }
    }
    const size_t len = there < left ? there : left;
    if (len == 0) {
        return false; /* its length has come, and nothing more yet */
    }
    if (!hold(call) || dr_buf_reserve(&stream->part, len) != DORA_OK) {
        fail(call, DORA_CODE_RESULT_LOST); /* its handler has run, so it is no refusal */
        return false;
    }
    dr_part_ring_copy(shared, &stream->tail, stream->part.data + stream->part.len, len);
    stream->part.len += len;
    *part = dr_buf_slice(&stream->part);
    return len == left;
}

/* send_progress sends the newest, where there is any. */
static void send_progress(dr_call *call, const dr_part_ring *shared)
{
    dr_progress progress;
    if (dr_part_ring_read_progress(shared, call->stream->progress_turn, &progress)) {
        const dora_slice note = {progress.bytes, progress.note_len};
        const dora_slice data = {progress.bytes + progress.note_len, progress.data_len};
        call->stream->progress_turn = progress.turn;
        dr_reply_progress(call, note, data);
    }
}

/* is_open says whether somebody waits for more, and it can be sent. */
static bool is_open(const dr_call *call)
{
    return call->stream->pool != NULL && dr_responder_is_there(&call->responder);
}

/* pump sends parts. Returns: whether all that have come are sent. */
static bool pump(dr_call *call, dr_part_ring *shared)
{
    dr_call_stream *stream = call->stream;
    const uint64_t room = stream->taken + stream->window;
    dora_slice part;
    while (is_open(call) && stream->sent < room) {
        if (dr_responder_is_full(&call->responder)) {
            return false;
        }
        if (!whole_part(call, shared, &part)) {
            break;
        }
        stream->has_head = false;
        const int64_t code = dr_reply_part(call, stream->sent, part);
        if (code == 0) {
            stream->sent++;
        } else {
            fail(call, code);
        }
        let_go(call);
    }
    return true;
}

uint64_t dr_call_stream_gives_up_ns(const dr_call *call)
{
    const dr_call_stream *stream = call->stream;
    const uint32_t idle_ms = stream->pool != NULL ? stream->pool->limits.stream_idle_ms : 0;
    return stream->stuck_ns == 0 || idle_ms == 0 ? 0 : dr_clock_after_ms(stream->stuck_ns, idle_ms);
}

/* note_room: from when on there is none. It counts anew with each part that goes. */
static void note_room(dr_call *call, dr_part_ring *shared, bool is_all, bool has_sent)
{
    dr_call_stream *stream = call->stream;
    const bool is_left = stream->has_head || dr_part_ring_bytes(shared, stream->tail) > 0;
    const bool is_stuck = stream->sent == stream->taken + stream->window || (!is_all && is_left);
    if (!is_stuck) {
        stream->stuck_ns = 0;
    } else if (stream->stuck_ns == 0 || has_sent) {
        stream->stuck_ns = dr_reactor_now_ns(&call->lane->reactor);
        dr_expiry_look(call, dr_call_stream_gives_up_ns(call));
    }
}

bool dr_call_stream_pump(dr_call *call)
{
    dr_call_stream *stream = call->stream;
    if (!is_open(call)) {
        return true;
    }
    dr_pool *pool = stream->pool;
    dr_part_ring *shared = dr_task_ring(pool, stream->task);
    const uint64_t before = stream->tail;
    stream->is_pumping = true;
    const uint64_t sent = stream->sent;
    bool is_all = pump(call, shared);
    dr_count_add(&pool->parts[call->lane->reactor.index], stream->sent - sent);
    if (dr_responder_is_web(&call->responder) && stream->sent != sent) {
        stream->taken = stream->sent; /* HTTP has no words for it: what is full is not sent */
        atomic_store_explicit(&shared->room, stream->taken + stream->window, memory_order_seq_cst);
    }
    if (stream->tail != before) {
        dr_part_ring_give_room(shared, stream->tail);
        if (stream->sent < stream->taken + stream->window) { /* else its next part has to wait */
            dr_task_ring_wake(pool, stream->task);
        }
    }
    if (is_all && is_open(call)) {
        is_all = !dr_responder_is_full(&call->responder);
        if (is_all) {
            send_progress(call, shared);
        }
    }
    if (is_open(call)) {
        note_room(call, shared, is_all, stream->sent != sent);
    }
    stream->is_pumping = false;
    return is_all;
}

void dr_call_stream_settle(dr_call *call)
{
    if (call->stream->failed != 0) {
        dr_call_item *one = &call->items[0];
        one->code = call->stream->failed;
        one->msg = one->data = (dora_slice){NULL, 0};
    }
}

void dr_call_stream_end(dr_call *call, int64_t code, const char *text)
{
    dr_call_stream *stream = call->stream;
    if (stream->is_pumping) {
        return;
    }
    stream->is_draining = false; /* from here on it is being answered, as any */
    stream->failed = code != 0 ? code : stream->failed;
    stream->pool = NULL;
    dr_call_stream_settle(call);
    if (text != NULL) {
        call->items[0].msg = dr_slice(text);
    }
    dr_call_end(call);
}

/* go_on sends what is left of a stream, and ends it behind the last. Returns: false where its
 * connection is full again. */
static bool go_on(dr_call *call)
{
    if (!dr_call_stream_pump(call)) {
        return false;
    }
    if (call->stream->is_draining) {
        dr_call_stream_end(call, 0, NULL);
    }
    return true;
}

void dr_call_stream_room(dr_conn *conn, void *user)
{
    (void)user;
    dr_call *call = conn->streams_list;
    while (call != NULL && !conn->is_closing) {
        dr_call *next = call->stream->next;
        if (!call->stream->is_pumping && !go_on(call)) {
            dr_responder_put_last(call); /* the others have their turn first, next time */
            return;
        }
        call = next;
    }
}

void dr_call_stream_room_web(dr_http_exchange *exchange, void *user)
{
    (void)user;
    const dr_web *web = dr_http_user(exchange);
    dr_call *call = web != NULL ? web->calls : NULL;
    if (call != NULL && call->stream != NULL && !call->stream->is_pumping) {
        (void)go_on(call);
    }
}

void dr_call_stream_cut(dr_call *call)
{
    dr_call_stream *stream = call->stream;
    if (stream->pool != NULL) {
        dr_task_stop(stream->pool, stream->task);
    }
    stream->pool = NULL;
}

void dr_call_stream_give_up(dr_call *call)
{
    if (call->left > 0) {
        dr_call_stream_cut(call);
    }
    call->stream->pool = NULL;
}

void dr_call_stream_take(const dr_responder *responder, const dr_request *request)
{
    const dr_call *call = dr_call_of(responder, request->guid.data);
    dr_call_stream *stream = call != NULL ? call->stream : NULL;
    const int64_t take = request->take;
    if (stream == NULL || take < 1 || (uint64_t)take > stream->sent - stream->taken) {
        dr_count_one(&responder->lane->ignored);
        return;
    }
    stream->taken += (uint64_t)take;
    stream->stuck_ns = 0;
    if (stream->pool != NULL) {
        dr_part_ring *shared = dr_task_ring(stream->pool, stream->task);
        atomic_store_explicit(&shared->room, stream->taken + stream->window, memory_order_seq_cst);
        dr_task_ring_wake(stream->pool, stream->task);
    }
}

void dr_call_stream_spoil(const dr_responder *responder, const char *guid)
{
    if (!dr_responder_has_conn(responder) || responder->conn->streams == 0) {
        return;
    }
    dr_call *call = dr_call_of(responder, guid);
    if (call != NULL && call->stream != NULL) {
        dr_call_detach(call);
        dr_call_abandon(call);
    }
}
