/* reactor.c: the loop of one thread. Replies of one turn are written together before it sleeps. */
#include "net/reactor.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/conn_accept.h"
#include "net/conn_look.h"
#include "net/conn_refuse.h"
#include "net/conn_tls.h"
#define SWEEP_MS 100u
#define ROUNDS_MAX 4

/* does_gather: where a reactor has much to do, the other replies of a connection are there soon,
 * and a write costs more than all else that the master does for a call: then one takes them
 * together. They wait for a few turns at most, since some calls take long. What is not read, or has
 * streams, waits for nothing: its client may be waiting for that very reply. */
static bool does_gather(const dr_reactor *reactor, dr_conn *conn)
{
    const uint32_t turns = reactor->turn - conn->gather_turn;
    if (conn->calls == 0 || reactor->replies < DR_GATHER_REPLIES || turns == DR_GATHER_TURNS ||
        conn->streams > 0 || !conn->is_reading || conn->is_finishing ||
        conn->out.len >= DR_GATHER_BYTES) {
        return false;
    }
    conn->gather_turn = turns < DR_GATHER_TURNS ? conn->gather_turn : reactor->turn;
    return true;
}

static void flush_dirty(dr_reactor *reactor)
{
    while (reactor->dirty != NULL) {
        dr_conn *conn = reactor->dirty;
        reactor->dirty = conn->next_dirty;
        if (does_gather(reactor, conn)) {
            conn->next_dirty = reactor->later;
            reactor->later = conn;
        } else {
            conn->is_dirty = false;
            dr_conn_flush(conn);
        }
    }
}

/* take_later: what has had its turn has it again. */
static void take_later(dr_reactor *reactor)
{
    while (reactor->later != NULL) {
        dr_conn *conn = reactor->later;
        reactor->later = conn->next_dirty;
        conn->next_dirty = reactor->dirty;
        reactor->dirty = conn;
    }
}

/* on_busy does nothing: while it is started, the loop does not sleep. */
static void on_busy(uv_idle_t *handle)
{
    (void)handle;
}

/* on_prepare is the end of a turn: collect, write, then sleep only when no worker has said more.
 * The flag goes up before the last look, and workers look at the flag after they have said so. */
static void on_prepare(uv_prepare_t *handle)
{
    dr_reactor *reactor = handle->data;
    const dr_reactor_events *events = &reactor->events;
    reactor->turn++;
    reactor->turn_ns = 0;
    reactor->replies = 0;
    take_later(reactor);
    dr_seat_clear(reactor->seat);
    for (int round = 0; round < ROUNDS_MAX; round++) {
        events->collect(events->user);
        flush_dirty(reactor);
        const bool may_sleep = reactor->later == NULL;
        events->set_asleep(may_sleep, events->user); /* else nobody need wake it */
        if (!events->has_ready(events->user)) {
            if (may_sleep) {
                uv_idle_stop(&reactor->busy);
            } else {
                uv_idle_start(&reactor->busy, on_busy);
            }
            return;
        }
        events->set_asleep(false, events->user);
    }
    /* More work than one turn should take: look at the sockets, without sleeping. */
    uv_idle_start(&reactor->busy, on_busy);
}

static void on_check(uv_check_t *handle)
{
    dr_reactor *reactor = handle->data;
    reactor->events.set_asleep(false, reactor->events.user);
}

/* on_event empties the event descriptor. It never waits: workers have the descriptor, too, and may
 * have made it blocking, and have read what was there. */
static void on_event(uv_poll_t *handle, int status, int events)
{
    (void)status;
    (void)events;
    dr_reactor *reactor = handle->data;
    uint64_t count;
#ifdef RWF_NOWAIT /* musl has it since 1.2.5 */
    const struct iovec part = {.iov_base = &count, .iov_len = sizeof(count)};
    if (preadv2(reactor->event_fd, &part, 1, -1, RWF_NOWAIT) >= 0 || errno != EOPNOTSUPP) {
        return;
    }
#endif
    struct pollfd readable = {.fd = reactor->event_fd, .events = POLLIN}; /* Linux before 5.8 */
    if (poll(&readable, 1, 0) == 1) {
        (void)!read(reactor->event_fd, &count, sizeof(count));
    }
}

static void on_ask(uv_async_t *handle)
{
    dr_reactor *reactor = handle->data;
    reactor->events.on_ask(reactor->events.user);
}

static void on_tick(uv_timer_t *handle)
{
    dr_reactor *reactor = handle->data;
    const uint32_t next_ms = reactor->events.on_tick(dr_clock_ns(), reactor->events.user);
    reactor->is_ticking = next_ms != 0;
    if (next_ms != 0) {
        uv_timer_start(&reactor->tick, on_tick, next_ms, 0);
    }
}

void dr_reactor_tick_soon(dr_reactor *reactor)
{
    if (!reactor->is_ticking) {
        reactor->is_ticking = true;
        uv_timer_start(&reactor->tick, on_tick, DR_TICK_AHEAD_MS, 0);
    }
}

/* look at all connections now and then. Times are counted in looks, so that a process which was
 * stopped for a while takes nobody's bytes for missing. */
static void look(dr_reactor *reactor)
{
    reactor->looked_ms += SWEEP_MS;
    if (reactor->looked_ms < reactor->look_ms) {
        return;
    }
    for (dr_conn *conn = reactor->conns, *next; conn != NULL; conn = next) {
        next = conn->next;
        dr_conn_look(conn, reactor->looked_ms, reactor->stall_ms, reactor->frame_ms);
    }
    reactor->looked_ms = 0;
}

/* on_sweep closes what has lingered or idled long enough, and what stands still. */
static void on_sweep(uv_timer_t *handle)
{
    dr_reactor *reactor = handle->data;
    look(reactor);
    dr_conn_accept_held(reactor);
    const uint64_t now_ms = uv_now(&reactor->loop);
    const uint64_t idle_ms = (uint64_t)reactor->idle_s * 1000;
    if (reactor->lingering == 0 && reactor->refused == 0 && idle_ms == 0) {
        return;
    }
    dr_conn *conn = reactor->conns;
    while (conn != NULL) {
        dr_conn *next = conn->next;
        if (conn->is_refusing) {
            if (now_ms >= conn->linger_until_ms) {
                dr_conn_refuse_end(conn);
            }
        } else if (conn->is_shut
                       ? now_ms >= conn->linger_until_ms
                       : idle_ms != 0 && conn->calls == 0 && now_ms - conn->active_ms > idle_ms) {
            dr_conn_close(conn);
        }
        conn = next;
    }
}

static void on_connection(uv_stream_t *listener, int status)
{
    if (status == 0) {
        dr_conn_accept(listener->data, listener);
    }
}

dora_err dr_reactor_init(dr_reactor *reactor, uint32_t index, uint32_t count,
                         const dora_frame_options *frame, uint32_t idle_s, uint32_t linger_ms,
                         const dr_reactor_events *events, dora_error *error)
{
    reactor->index = index;
    reactor->count = count;
    reactor->frame = *frame;
    reactor->idle_s = idle_s;
    reactor->linger_ms = linger_ms;
    reactor->events = *events;
    reactor->apart_bound = reactor->apart_usual = SIZE_MAX;
    reactor->calls_max = DR_CONN_CALLS_MAX_DEFAULT;
    reactor->look_ms = DR_STALL_LOOK_MS;
    reactor->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    const int failed = reactor->event_fd < 0 ? UV_EMFILE : uv_loop_init(&reactor->loop);
    if (failed != 0) {
        if (reactor->event_fd >= 0) {
            close(reactor->event_fd);
            reactor->event_fd = -1;
        }
        return dora_error_set(error, DORA_EIO, "cannot make an event loop: %s",
                              uv_strerror(failed));
    }
    uv_loop_t *loop = &reactor->loop;
    uv_prepare_init(loop, &reactor->prepare);
    uv_check_init(loop, &reactor->check);
    uv_idle_init(loop, &reactor->busy);
    uv_async_init(loop, &reactor->ask, on_ask);
    uv_poll_init(loop, &reactor->event_poll, reactor->event_fd);
    uv_timer_init(loop, &reactor->tick);
    uv_timer_init(loop, &reactor->sweep);
    reactor->prepare.data = reactor->check.data = reactor->busy.data = reactor->ask.data = reactor;
    reactor->event_poll.data = reactor->tick.data = reactor->sweep.data = reactor;
    uv_prepare_start(&reactor->prepare, on_prepare);
    uv_check_start(&reactor->check, on_check);
    uv_poll_start(&reactor->event_poll, UV_READABLE, on_event);
    uv_timer_start(&reactor->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
    return DORA_OK;
}

/* look_often has connections looked at so often that a time is noticed; 0 is none. */
static void look_often(dr_reactor *reactor, uint32_t time_ms)
{
    const uint32_t look_ms = time_ms / DR_STALL_LOOKS;
    reactor->look_ms = time_ms != 0 && look_ms < reactor->look_ms ? look_ms : reactor->look_ms;
}

void dr_reactor_guard(dr_reactor *reactor, dr_seat *seat, uint32_t stall_ms, uint32_t frame_ms)
{
    reactor->seat = seat;
    reactor->apart_usual = seat->budget->connection_max / DR_CONN_APART_PAUSE_PART + 1;
    reactor->apart_bound = reactor->apart_usual;
    reactor->stall_ms = stall_ms;
    reactor->frame_ms = frame_ms;
    reactor->look_ms = DR_STALL_LOOK_MS;
    look_often(reactor, stall_ms);
    look_often(reactor, frame_ms);
}

void dr_reactor_limit(dr_reactor *reactor, dr_places *places, uint32_t calls_max)
{
    reactor->places = places;
    reactor->calls_max = calls_max;
}

const char *dr_pause_name(dr_pause why)
{
    static const char *const names[DR_PAUSE_REASONS] = {"calls", "replies", "bytes"};
    return names[why];
}

/* listen_on is the second half for both kinds; `failed` is how opening went. */
static dora_err listen_on(uv_stream_t *listener, int failed, int backlog, dora_error *error)
{
    if (failed == 0) {
        failed = uv_listen(listener, backlog, on_connection);
    }
    if (failed != 0) {
        return dora_error_set(error, DORA_EIO, "cannot accept: %s", uv_strerror(failed));
    }
    return DORA_OK;
}

dora_err dr_reactor_listen(dr_reactor *reactor, int listen_fd, int backlog, dora_error *error)
{
    uv_tcp_init(&reactor->loop, &reactor->listener);
    reactor->listener.data = reactor;
    reactor->is_listening = true;
    const int failed = uv_tcp_open(&reactor->listener, listen_fd);
    return listen_on((uv_stream_t *)&reactor->listener, failed, backlog, error);
}

dora_err dr_reactor_listen_tls(dr_reactor *reactor, int listen_fd, int backlog,
                               dr_tls_current *current, uint32_t handshake_ms, dora_error *error)
{
    dr_reactor_tls *tls = &reactor->tls;
    tls->read_buf = dr_alloc(DR_READ_BYTES);
    if (tls->read_buf == NULL) {
        close(listen_fd);
        return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
    }
    tls->current = current;
    tls->handshake_ms = handshake_ms;
    look_often(reactor, handshake_ms);
    uv_tcp_init(&reactor->loop, &tls->listener);
    tls->listener.data = reactor;
    tls->is_listening = true;
    const int failed = uv_tcp_open(&tls->listener, listen_fd);
    return listen_on((uv_stream_t *)&tls->listener, failed, backlog, error);
}

dora_err dr_reactor_listen_locally(dr_reactor *reactor, int listen_fd, int backlog,
                                   dora_error *error)
{
    uv_pipe_init(&reactor->loop, &reactor->local_listener, 0);
    reactor->local_listener.data = reactor;
    reactor->is_listening_locally = true;
    const int failed = uv_pipe_open(&reactor->local_listener, listen_fd);
    return listen_on((uv_stream_t *)&reactor->local_listener, failed, backlog, error);
}

void dr_reactor_run(dr_reactor *reactor)
{
    (void)uv_run(&reactor->loop, UV_RUN_DEFAULT);
}

void dr_reactor_ask(dr_reactor *reactor)
{
    (void)uv_async_send(&reactor->ask);
}

dora_err dr_reactor_listen_more(dr_reactor *reactor, int listen_fd, int backlog, bool is_tls,
                                dora_error *error)
{
    dr_reactor_more *more = dr_calloc(1, sizeof(*more));
    if (more == NULL) {
        close(listen_fd);
        return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
    }
    more->is_tls = is_tls;
    more->next = reactor->more;
    reactor->more = more;
    uv_tcp_init(&reactor->loop, &more->listener);
    more->listener.data = reactor;
    const int failed = uv_tcp_open(&more->listener, listen_fd);
    return listen_on((uv_stream_t *)&more->listener, failed, backlog, error);
}

static void close_listener(dr_reactor *reactor, uv_stream_t *listener, bool takes_rest,
                           uv_close_cb on_closed)
{
    if (takes_rest) {
        dr_conn_accept_rest(reactor, listener);
    }
    uv_close((uv_handle_t *)listener, on_closed);
}

static void on_more_closed(uv_handle_t *handle)
{
    dr_free((char *)handle - offsetof(dr_reactor_more, listener));
}

static void close_listeners(dr_reactor *reactor, bool takes_rest)
{
    if (reactor->is_listening) {
        reactor->is_listening = false;
        close_listener(reactor, (uv_stream_t *)&reactor->listener, takes_rest, NULL);
    }
    if (reactor->tls.is_listening) {
        reactor->tls.is_listening = reactor->tls.is_held = false;
        close_listener(reactor, (uv_stream_t *)&reactor->tls.listener, takes_rest, NULL);
    }
    if (reactor->is_listening_locally) {
        reactor->is_listening_locally = false;
        close_listener(reactor, (uv_stream_t *)&reactor->local_listener, takes_rest, NULL);
    }
    while (reactor->more != NULL) {
        dr_reactor_more *more = reactor->more;
        close_listener(reactor, (uv_stream_t *)&more->listener, takes_rest, on_more_closed);
        reactor->more = more->next; /* behind it: what it is for is asked of the list */
    }
}

void dr_reactor_stop_listening(dr_reactor *reactor)
{
    close_listeners(reactor, true);
}

void dr_reactor_let_go_listening(dr_reactor *reactor)
{
    close_listeners(reactor, false);
}

/* leave_all lets those go on which nothing is in flight. */
static void leave_all(dr_reactor *reactor)
{
    for (dr_conn *conn = reactor->conns; conn != NULL;) {
        dr_conn *next = conn->next; /* shutting may close it */
        if (!conn->is_closing) {
            dr_conn_leave(conn);
        }
        conn = next;
    }
}

void dr_reactor_leave(dr_reactor *reactor)
{
    reactor->is_leaving = true;
    leave_all(reactor);
}

/* update_all reads or stops reading. */
static void update_all(dr_reactor *reactor)
{
    for (dr_conn *conn = reactor->conns, *next; conn != NULL; conn = next) {
        next = conn->next; /* what has come may end it */
        dr_conn_update(conn);
    }
}

void dr_reactor_hold(dr_reactor *reactor)
{
    reactor->apart_bound = 0;
    update_all(reactor);
}

void dr_reactor_resume(dr_reactor *reactor)
{
    reactor->apart_bound = reactor->apart_usual;
    update_all(reactor);
}

/* tell_all has those read on that can only be told to go elsewhere. */
static void tell_all(dr_reactor *reactor)
{
    for (dr_conn *conn = reactor->conns, *next; conn != NULL; conn = next) {
        next = conn->next; /* what has come may end it */
        if (conn->tls != NULL && conn->client != DR_CONN_CLIENT_ORIGINAL && !conn->is_told) {
            conn->is_told = true;
            dr_conn_update(conn);
        }
    }
}

void dr_reactor_move(dr_reactor *reactor, bool is_over)
{
    reactor->is_moving = true;
    reactor->is_over = is_over;
    tell_all(reactor);
    dr_reactor_leave(reactor);
}

/* flush_all writes what there is: replies that wait for more, too. */
static void flush_all(dr_reactor *reactor)
{
    do {
        reactor->replies = 0; /* little to do, so none waits */
        take_later(reactor);
        flush_dirty(reactor);
    } while (reactor->later != NULL);
}

void dr_reactor_end(dr_reactor *reactor)
{
    dr_reactor_stop_listening(reactor);
    flush_all(reactor);
    while (reactor->conns != NULL) {
        dr_conn_close(reactor->conns);
    }
    uv_handle_t *handles[] = {(uv_handle_t *)&reactor->prepare,    (uv_handle_t *)&reactor->check,
                              (uv_handle_t *)&reactor->busy,       (uv_handle_t *)&reactor->ask,
                              (uv_handle_t *)&reactor->event_poll, (uv_handle_t *)&reactor->tick,
                              (uv_handle_t *)&reactor->sweep};
    for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++) {
        if (!uv_is_closing(handles[i])) {
            uv_close(handles[i], NULL);
        }
    }
}

void dr_reactor_fini(dr_reactor *reactor)
{
    (void)uv_loop_close(&reactor->loop);
    dr_free(reactor->tls.read_buf);
    reactor->tls.read_buf = NULL;
    if (reactor->event_fd > 0) {
        close(reactor->event_fd);
        reactor->event_fd = -1;
    }
    while (reactor->spare_count > 0) {
        dr_buf_fini(&reactor->spare[--reactor->spare_count]);
    }
}
