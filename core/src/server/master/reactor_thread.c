/* reactor_thread.c: a lane's thread: what its reactor asks of the pools, and how it ends. */
#include "server/master/reactor_thread.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/threads.h"
#include "net/http_more.h"
#include "server/call/call.h"
#include "server/call/call_stream.h"
#include "server/call/dedupe.h"
#include "server/call/intake.h"
#include "server/call/offload.h"
#include "server/call/stranger.h"
#include "server/http/web.h"
#include "server/master/master.h"
#include "task/collect.h"
#include "task/watch.h"

#define DRAIN_MS 20u
#define MOVING_MS 10u

static void collect(void *user)
{
    dr_lane *lane = user;
    for (uint32_t i = 0; i < lane->backend->pool_count; i++) {
        (void)dr_dispatch_collect(&lane->backend->pools[i], lane->reactor.index, dr_call_outcome,
                                  lane);
    }
    dr_http_flush(&lane->http);
}

static void set_asleep(bool is_asleep, void *user)
{
    const dr_lane *lane = user;
    for (uint32_t i = 0; i < lane->backend->pool_count; i++) {
        dr_shared_reactor *shared = &lane->backend->pools[i].region.reactors[lane->reactor.index];
        atomic_store_explicit(&shared->asleep, is_asleep ? 1 : 0,
                              is_asleep ? memory_order_seq_cst : memory_order_relaxed);
    }
}

static bool has_ready(void *user)
{
    const dr_lane *lane = user;
    for (uint32_t i = 0; i < lane->backend->pool_count; i++) {
        if (dr_dispatch_has_ready(&lane->backend->pools[i], lane->reactor.index)) {
            return true;
        }
    }
    return false;
}

static uint32_t on_tick(uint64_t now_ns, void *user)
{
    const dr_lane *lane = user;
    uint32_t next_ms = 0;
    for (uint32_t i = 0; i < lane->backend->pool_count; i++) {
        const uint32_t pool_ms = dr_dispatch_tick(&lane->backend->pools[i], now_ns);
        if (pool_ms != 0 && (next_ms == 0 || pool_ms < next_ms)) {
            next_ms = pool_ms;
        }
    }
    return next_ms;
}

static void end(dr_reactor_thread *thread)
{
    if (!uv_is_closing((uv_handle_t *)&thread->drain)) {
        uv_close((uv_handle_t *)&thread->drain, NULL);
        dr_expiry_close(thread->lane);
        dr_http_end(&thread->lane->http);
        if (dr_doors_are_shared(thread->server)) { /* who waits waits for the next server */
            dr_reactor_let_go_listening(&thread->lane->reactor);
        }
        dr_reactor_end(&thread->lane->reactor);
    }
}

/* end_if_done ends the lane when nothing is in flight and its clients have gone, or had their time.
 */
static void end_if_done(dr_reactor_thread *thread)
{
    dr_lane *lane = thread->lane;
    const dr_reactor *reactor = &lane->reactor;
    if (lane->calls > 0 || !dr_http_is_quiet(&lane->http)) {
        return;
    }
    const uint64_t now_ms = dr_clock_ms();
    if (thread->drained_ms == 0) {
        thread->drained_ms = now_ms;
    }
    if (reactor->conns == NULL || now_ms - thread->drained_ms >= reactor->linger_ms) {
        end(thread);
    }
}

static void on_drain(uv_timer_t *timer)
{
    dr_reactor_thread *thread = timer->data;
    if (dr_doors_are_shared(thread->server)) {
        dr_reactor_let_go_listening(
            &thread->lane->reactor); /* who waits waits for the next server */
    } else {
        dr_reactor_stop_listening(&thread->lane->reactor);
    }
    dr_http_stop_accepting(&thread->lane->http);
    dr_reactor_leave(&thread->lane->reactor);
    end_if_done(thread);
}

/* is_any_left: a connection is open on which an answer may still be under way. */
static bool is_any_left(const dr_reactor *reactor)
{
    const dr_conn *conn = reactor->conns;
    while (conn != NULL && conn->is_shut) {
        conn = conn->next;
    }
    return conn != NULL;
}

/* go has everything go to the heir, or end, and ends the lane behind it. */
static void go(dr_reactor_thread *thread)
{
    dr_lane *lane = thread->lane;
    const uint64_t now_ms = dr_clock_ms();
    if (!thread->is_draining) {
        thread->is_draining = true;
        dr_reactor_let_go_listening(&lane->reactor);
        dr_http_stop_accepting(&lane->http);
        dr_elder_let_go(thread->server);
        thread->moves_ms = now_ms;
    }
    dr_reactor_move(&lane->reactor, now_ms - thread->moves_ms >= lane->reactor.linger_ms);
    if (!is_any_left(&lane->reactor)) {
        end_if_done(thread);
    }
}

/* on_moving does this lane's part of handing over to an heir, as far as that has come. */
static void on_moving(uv_timer_t *timer)
{
    dr_reactor_thread *thread = timer->data;
    dr_moving *moving = &thread->server->elder.moving;
    switch (atomic_load(&moving->stage)) {
    case DR_MOVING_HOLDS:
        dr_moving_hold(moving, thread->lane);
        break;
    case DR_MOVING_GOES:
        go(thread);
        break;
    case DR_MOVING_NOT:
    default:
        thread->is_moving = false;
        uv_timer_stop(timer);
        dr_reactor_resume(&thread->lane->reactor);
        break;
    }
}

/* move begins with that, or goes on at once. */
static void move(dr_reactor_thread *thread)
{
    if (!thread->is_moving) {
        thread->is_moving = true;
        uv_timer_start(&thread->drain, on_moving, MOVING_MS, MOVING_MS);
    }
    on_moving(&thread->drain);
}

static void on_move(dr_conn *conn, void *user)
{
    const dr_lane *lane = user;
    dr_moving_give(&lane->thread->server->elder.moving, conn);
}

static void on_ask(void *user)
{
    dr_lane *lane = user;
    dr_reactor_thread *thread = lane->thread;
    const dr_phase phase = atomic_load(&lane->backend->phase);
    dr_control_answers(thread);
    dr_dedupe_answers(lane);
    atomic_store(&thread->pulse, atomic_load(&thread->server->service.pulse));
    atomic_store(&thread->routes_seen, atomic_load(&lane->backend->routes)->number);
    dr_moved_start(&thread->server->heir.moved, lane);
    if (phase == DR_PHASE_NOW) {
        end(thread);
    } else if (phase == DR_PHASE_MOVING || thread->is_moving) {
        move(thread);
    } else if (phase == DR_PHASE_DRAINING && !thread->is_draining) {
        thread->is_draining = true;
        uv_timer_start(&thread->drain, on_drain, DRAIN_MS, DRAIN_MS);
    }
    /* A worker may have died: the turn that now ends collects. */
}

static void wake(void *user)
{
    dr_lane *lane = user;
    dr_reactor_ask(&lane->reactor);
}

dora_err dr_reactor_thread_init(dr_server *server, uint32_t index, dora_error *error)
{
    dr_reactor_thread *thread = &server->threads[index];
    dr_lane *lane = &server->backend.lanes[index];
    const dr_config *config = server->backend.config;
    const dora_frame_options frame = dr_config_frame_options(config);
    const dr_reactor_events events = {.on_frame = dr_call_frame,
                                      .on_bad_frame = dr_call_bad_frame,
                                      .on_tls_failed = dr_stranger_tls,
                                      .on_move = on_move,
                                      .on_gone = dr_call_gone,
                                      .on_room = dr_call_stream_room,
                                      .collect = collect,
                                      .set_asleep = set_asleep,
                                      .has_ready = has_ready,
                                      .on_tick = on_tick,
                                      .on_ask = on_ask,
                                      .user = lane};
    thread->server = server;
    thread->lane = lane;
    lane->thread = thread;
    lane->backend = &server->backend;
    (void)snprintf(lane->too_big, sizeof(lane->too_big),
                   "the result is larger than the limit of %zu bytes (frame_bytes_max)",
                   dr_frame_bytes_max(&frame));
    dr_reload_queue_init(&thread->answered);
    const dora_err err = dr_reactor_init(&lane->reactor, index, server->backend.lane_count, &frame,
                                         config->idle_s, config->linger_ms, &events, error);
    dr_offloads_init(&lane->offloads, server->backend.lane_count);
    if (err == DORA_OK) {
        lane->seat = (dr_seat){.budget = &server->backend.budget, .wake = wake, .user = lane};
        dr_reactor_guard(&lane->reactor, &lane->seat, config->stall_ms, config->frame_ms);
        dr_reactor_limit(&lane->reactor, &server->backend.places, config->connection_calls_max);
        uv_timer_init(&lane->reactor.loop, &thread->drain);
        thread->drain.data = thread;
        dr_expiry_init(lane);
    }
    return err;
}

dora_err dr_reactor_thread_listen_http(dr_reactor_thread *thread, int listen_fd, dora_error *error)
{
    dr_lane *lane = thread->lane;
    if (lane->http.daemon != NULL) {
        return dr_http_listen_more(&lane->http, listen_fd, error);
    }
    const dr_config *config = lane->backend->config;
    const dr_http_options options = {
        .hosts = config->http.hosts.items,
        .host_count = config->http.hosts.count,
        .body_bytes_max = config->frame_bytes_max,
        .seat = &lane->seat,
        .places = &lane->backend->places,
        .slow_ms = config->frame_ms > 0 ? config->frame_ms : DR_HTTP_SLOW_MS_DEFAULT,
        .idle_ms = config->idle_s > 0 ? config->idle_s * 1000 : DR_HTTP_IDLE_MS_DEFAULT};
    const dr_http_events events = {dr_web_request, dr_web_gone, dr_call_stream_room_web, lane};
    return dr_http_init(&lane->http, &lane->reactor.loop, listen_fd, &options, &events, error);
}

static void *run(void *user)
{
    dr_reactor_thread *thread = user;
    dr_lane *lane = thread->lane;
    dr_reactor_run(&lane->reactor);
    for (uint32_t i = 0; i < lane->backend->pool_count; i++) {
        dr_dispatch_reactor_gone(&lane->backend->pools[i], lane->reactor.index);
    }
    atomic_store(&thread->pulse, DR_PULSE_ENDED);
    atomic_fetch_add(&thread->server->threads_ended, 1);
    (void)uv_async_send(&thread->server->attention);
    return NULL;
}

dora_err dr_reactor_thread_start(dr_reactor_thread *thread, dora_error *error)
{
    if (dr_thread_start(&thread->thread, run, thread) != 0) {
        return dora_error_set(error, DORA_EIO, "cannot start a reactor's thread");
    }
    thread->is_running = true;
    return DORA_OK;
}

void dr_reactor_thread_join(dr_reactor_thread *thread)
{
    if (thread->is_running) {
        pthread_join(thread->thread, NULL);
        thread->is_running = false;
    }
}

void dr_reactor_threads_ask(dr_server *server)
{
    for (uint32_t i = 0; i < server->backend.lane_count; i++) {
        if (server->threads[i].is_running) {
            dr_reactor_ask(&server->threads[i].lane->reactor);
        }
    }
}

void dr_reactor_thread_fini(dr_reactor_thread *thread)
{
    dr_lane *lane = thread->lane;
    if (lane == NULL || lane->reactor.event_fd < 0) {
        return;
    }
    /* One that has not served has nobody come in, and others may accept from the same sockets. */
    dr_reactor_let_go_listening(&lane->reactor);
    end(thread);
    dr_reactor_run(&lane->reactor); /* lets the handles close */
    dr_http_fini(&lane->http);
    dr_call_fini(lane);
    dr_reload_queue_fini(&thread->answered);
    dr_reactor_fini(&lane->reactor);
}
