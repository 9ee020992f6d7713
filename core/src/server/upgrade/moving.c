/* moving.c: an old master tells what it remembers of calls, and gives its connections away. */
#include "server/upgrade/moving.h"

#include <stdlib.h>
#include <unistd.h>

#include "net/conn_move.h"
#include "server/call/offload.h"
#include "server/dedupe/reply_move.h"
#include "server/upgrade/connection.h"

/* What may wait on the line before more is made ready for it. */
#define UNSENT_MAX ((size_t)512 * 1024)

/* dr_moving_conn is a connection on its way to the line. */
typedef struct dr_moving_conn {
    struct dr_moving_conn *next;
    int fd; /* -1: it is on the line, and its bytes follow */
    size_t in_at;
    dr_buf in;
    dr_moved_head head;
} dr_moving_conn;

static void conn_free(dr_moving_conn *one)
{
    if (one->fd >= 0) {
        close(one->fd);
    }
    dr_buf_fini(&one->in);
    free(one);
}

static void ask_lanes(const dr_moving *moving)
{
    for (uint32_t i = 0; i < moving->backend->lane_count; i++) {
        dr_reactor_ask(&moving->backend->lanes[i].reactor);
    }
}

void dr_moving_init(dr_moving *moving, dr_backend *backend, const dr_moving_events *events)
{
    moving->backend = backend;
    moving->events = *events;
    pthread_mutex_init(&moving->lock, NULL);
}

/* take gives the first connection that waits. Returns: NULL where none does. */
static dr_moving_conn *take(dr_moving *moving)
{
    pthread_mutex_lock(&moving->lock);
    dr_moving_conn *one = moving->first;
    if (one != NULL) {
        moving->first = one->next;
    }
    pthread_mutex_unlock(&moving->lock);
    return one;
}

void dr_moving_fini(dr_moving *moving)
{
    dr_moving_conn *one;
    if (moving->backend == NULL) {
        return;
    }
    while ((one = take(moving)) != NULL) {
        conn_free(one);
    }
    dr_buf_fini(&moving->piece);
    pthread_mutex_destroy(&moving->lock);
}

void dr_moving_begin(dr_moving *moving, dr_line *line)
{
    moving->line = line;
    moving->is_telling = moving->is_told = false;
    atomic_fetch_add(&moving->round, 1);
    /* A lane that sees the stage sees the phase, too: once it is held it begins nothing. */
    atomic_store(&moving->backend->phase, DR_PHASE_MOVING);
    atomic_store(&moving->stage, DR_MOVING_HOLDS);
    ask_lanes(moving);
}

void dr_moving_undo(dr_moving *moving)
{
    if (atomic_load(&moving->stage) != DR_MOVING_HOLDS) {
        return;
    }
    moving->line = NULL;
    dr_buf_fini(&moving->piece);
    moving->piece_at = 0;
    if (moving->backend->reply_cache != NULL) {
        dr_reply_move_undo(moving->backend->reply_cache);
    }
    dr_phase moves = DR_PHASE_MOVING; /* unless it was told to stop at once meanwhile */
    atomic_store(&moving->stage, DR_MOVING_NOT);
    (void)atomic_compare_exchange_strong(&moving->backend->phase, &moves, DR_PHASE_SERVING);
    ask_lanes(moving);
}

void dr_moving_go(dr_moving *moving)
{
    atomic_store(&moving->stage, DR_MOVING_GOES);
    ask_lanes(moving);
}

void dr_moving_over(dr_moving *moving)
{
    moving->line = NULL;
}

/* are_held says whether every lane is. */
static bool are_held(const dr_moving *moving)
{
    const uint32_t round = atomic_load(&moving->round);
    for (uint32_t i = 0; i < moving->backend->lane_count; i++) {
        if (atomic_load(&moving->held[i]) != round) {
            return false;
        }
    }
    return true;
}

/* put_piece puts the next bytes of what is remembered on the line. */
static void put_piece(dr_moving *moving)
{
    const size_t left = moving->piece.len - moving->piece_at;
    const size_t len = left < DR_LINK_BYTES_MAX ? left : DR_LINK_BYTES_MAX;
    const dora_slice bytes = {moving->piece.data + moving->piece_at, len};
    dr_line_send(moving->line, DR_LINK_DIGESTS, bytes, NULL, 0);
    moving->piece_at += len;
    if (moving->piece_at == moving->piece.len) {
        dr_buf_fini(&moving->piece);
        moving->piece_at = 0;
    }
}

/* tell puts on the line what is remembered, as much as it takes now. */
static void tell(dr_moving *moving)
{
    dr_reply_cache *cache = moving->backend->reply_cache;
    dora_err err = cache != NULL ? DORA_OK : DORA_EAGAIN;
    while (dr_line_unsent(moving->line) < UNSENT_MAX && (err == DORA_OK || moving->piece.len > 0)) {
        if (moving->piece.len > 0) {
            put_piece(moving);
        } else {
            err = dr_reply_move_next(cache, uv_hrtime() / 1000000, &moving->piece);
        }
    }
    if (!moving->is_told && moving->piece.len == 0 &&
        (cache == NULL || dr_reply_move_is_told(cache))) {
        moving->is_told = true;
        moving->events.on_told(moving->events.user);
    }
}

/* put_conn puts a connection on the line, then its bytes, some at a time. Returns: whether all of
 * it is there. */
static bool put_conn(dr_moving *moving, dr_moving_conn *one)
{
    if (one->fd >= 0) {
        dr_link_writer writer;
        dora_slice body = {NULL, 0};
        one->head.in_len = one->in.len;
        dr_moved_head_put(&writer, &one->head);
        (void)dr_link_written(&writer, &body);
        dr_line_send(moving->line, DR_LINK_CONNECTION, body, &one->fd, 1);
        one->fd = -1; /* the line's now */
        return one->in.len == 0;
    }
    const size_t left = one->in.len - one->in_at;
    const size_t len = left < DR_LINK_BYTES_MAX ? left : DR_LINK_BYTES_MAX;
    const dora_slice bytes = {one->in.data + one->in_at, len};
    dr_line_send(moving->line, DR_LINK_BYTES, bytes, NULL, 0);
    one->in_at += len;
    return one->in_at == one->in.len;
}

/* first_conn gives the connection whose turn it is, which stays in the list. */
static dr_moving_conn *first_conn(dr_moving *moving)
{
    pthread_mutex_lock(&moving->lock);
    dr_moving_conn *one = moving->first;
    pthread_mutex_unlock(&moving->lock);
    return one;
}

static void send_conns(dr_moving *moving)
{
    dr_moving_conn *one;
    while (dr_line_unsent(moving->line) < UNSENT_MAX && (one = first_conn(moving)) != NULL) {
        if (put_conn(moving, one)) {
            conn_free(take(moving));
        }
    }
}

void dr_moving_look(dr_moving *moving)
{
    const dr_moving_stage stage = atomic_load(&moving->stage);
    if (stage == DR_MOVING_NOT || moving->line == NULL) {
        return;
    }
    if (!moving->is_telling && are_held(moving)) {
        const dr_reply_wake wake = {moving->events.wake, moving->events.user};
        moving->is_telling = true;
        if (moving->backend->reply_cache != NULL) {
            dr_reply_move_begin(moving->backend->reply_cache, wake);
        }
    }
    if (moving->is_telling) {
        tell(moving);
    }
    if (stage == DR_MOVING_GOES && moving->line != NULL) {
        send_conns(moving);
    }
}

bool dr_moving_is_done(dr_moving *moving)
{
    dr_moving_look(moving);
    return moving->line == NULL || (moving->piece.len == 0 && first_conn(moving) == NULL &&
                                    dr_line_unsent(moving->line) == 0);
}

void dr_moving_hold(dr_moving *moving, dr_lane *lane)
{
    const uint32_t round = atomic_load(&moving->round);
    _Atomic uint32_t *held = &moving->held[lane->reactor.index];
    dr_reactor_hold(&lane->reactor);
    /* A body that is being unpacked may be that of a call which can be sent again. */
    if (atomic_load(held) != round && !dr_offload_has_frames(lane)) {
        atomic_store(held, round);
        moving->events.wake(moving->events.user);
    }
}

/* head_of says what a connection is. */
static dr_moved_head head_of(const dr_conn *conn)
{
    const dr_claim *claim = conn->claim;
    dr_moved_head head = {.is_tcp = conn->uv.handle.type == UV_TCP,
                          .client = (uint8_t)conn->client,
                          .has_claim = claim != NULL,
                          .has_token = claim != NULL && claim->has_token};
    if (head.has_token) {
        head.token = claim->token;
    }
    return head;
}

void dr_moving_give(dr_moving *moving, dr_conn *conn)
{
    dr_moving_conn *one = calloc(1, sizeof(*one));
    if (one == NULL) {
        return; /* it is asked again */
    }
    one->head = head_of(conn);
    one->fd = dr_conn_give(conn, &one->in);
    if (one->fd < 0) {
        conn_free(one);
        return;
    }
    pthread_mutex_lock(&moving->lock);
    *(moving->first != NULL ? &moving->last->next : &moving->first) = one;
    moving->last = one;
    pthread_mutex_unlock(&moving->lock);
    moving->events.wake(moving->events.user);
}
