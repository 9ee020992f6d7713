/* reactor_thread.c: a reactor's thread: what it asks of the pools, and how it ends. */
#include "server/call/lane.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/threads.h"
#include "server/call/dedupe.h"
#include "server/call/offload.h"

#define DRAIN_MS 20u

static void collect(void *user)
{
    dr_lane *lane = user;
    for (uint32_t i = 0; i < lane->server->pool_count; i++) {
        (void)dr_dispatch_collect(&lane->server->pools[i], lane->reactor.index, dr_call_outcome,
                                  lane);
    }
    dr_http_flush(&lane->http);
}

static void set_asleep(bool is_asleep, void *user)
{
    const dr_lane *lane = user;
    for (uint32_t i = 0; i < lane->server->pool_count; i++) {
        dr_shared_reactor *shared = &lane->server->pools[i].region.reactors[lane->reactor.index];
        atomic_store_explicit(&shared->asleep, is_asleep ? 1 : 0,
                              is_asleep ? memory_order_seq_cst : memory_order_relaxed);
    }
}

static bool has_ready(void *user)
{
    const dr_lane *lane = user;
    for (uint32_t i = 0; i < lane->server->pool_count; i++) {
        if (dr_dispatch_has_ready(&lane->server->pools[i], lane->reactor.index)) {
            return true;
        }
    }
    return false;
}

static uint32_t on_tick(uint64_t now_ns, void *user)
{
    const dr_lane *lane = user;
    uint32_t next_ms = 0;
    for (uint32_t i = 0; i < lane->server->pool_count; i++) {
        const uint32_t pool_ms = dr_dispatch_tick(&lane->server->pools[i], now_ns);
        if (pool_ms != 0 && (next_ms == 0 || pool_ms < next_ms)) {
            next_ms = pool_ms;
        }
    }
    return next_ms;
}

static void end(dr_lane *lane)
{
    if (!uv_is_closing((uv_handle_t *)&lane->drain)) {
        uv_close((uv_handle_t *)&lane->drain, NULL);
        dr_expiry_close(lane);
        dr_http_end(&lane->http);
        dr_reactor_end(&lane->reactor);
    }
}

/* on_drain ends the lane when nothing is in flight and its clients have gone, or had their time. */
static void on_drain(uv_timer_t *timer)
{
    dr_lane *lane = timer->data;
    dr_reactor *reactor = &lane->reactor;
    dr_reactor_stop_listening(reactor); /* what waited to be accepted has been by now */
    dr_http_stop_accepting(&lane->http);
    dr_reactor_leave(reactor);
    if (lane->calls > 0 || !dr_http_is_quiet(&lane->http)) {
        return;
    }
    const uint64_t now_ms = dr_clock_ms();
    if (lane->drained_ms == 0) {
        lane->drained_ms = now_ms;
    }
    if (reactor->conns == NULL || now_ms - lane->drained_ms >= reactor->linger_ms) {
        end(lane);
    }
}

static void on_ask(void *user)
{
    dr_lane *lane = user;
    const dr_phase phase = atomic_load(&lane->server->phase);
    dr_control_answers(lane);
    dr_repeat_answers(lane);
    atomic_store(&lane->pulse, atomic_load(&lane->server->service.pulse));
    atomic_store(&lane->routes_seen, atomic_load(&lane->server->routes)->number);
    if (phase == DR_PHASE_NOW) {
        end(lane);
    } else if (phase == DR_PHASE_DRAINING && !lane->is_draining) {
        lane->is_draining = true;
        uv_timer_start(&lane->drain, on_drain, DRAIN_MS, DRAIN_MS);
    }
    /* A worker may have died: the turn that now ends collects. */
}

static void wake(void *user)
{
    dr_lane *lane = user;
    dr_reactor_ask(&lane->reactor);
}

dora_err dr_lane_init(dr_lane *lane, dr_server *server, uint32_t index, dora_error *error)
{
    const dora_frame_options frame = dr_config_frame_options(server->config);
    const dr_reactor_events events = {.on_frame = dr_call_frame,
                                      .on_bad_frame = dr_call_bad_frame,
                                      .on_gone = dr_call_gone,
                                      .collect = collect,
                                      .set_asleep = set_asleep,
                                      .has_ready = has_ready,
                                      .on_tick = on_tick,
                                      .on_ask = on_ask,
                                      .user = lane};
    lane->server = server;
    (void)snprintf(lane->too_big, sizeof(lane->too_big),
                   "the result is larger than the limit of %zu bytes (frame_bytes_max)",
                   dr_frame_bytes_max(&frame));
    dr_reload_queue_init(&lane->answered);
    const dora_err err =
        dr_reactor_init(&lane->reactor, index, server->lane_count, &frame, server->config->idle_s,
                        server->config->linger_ms, &events, error);
    dr_asides_init(&lane->asides, server->lane_count);
    if (err == DORA_OK) {
        lane->seat = (dr_seat){.budget = &server->budget, .wake = wake, .user = lane};
        dr_reactor_guard(&lane->reactor, &lane->seat, server->config->stall_ms);
        uv_timer_init(&lane->reactor.loop, &lane->drain);
        lane->drain.data = lane;
        dr_expiry_init(lane);
    }
    return err;
}

dora_err dr_lane_listen_http(dr_lane *lane, int listen_fd, dora_error *error)
{
    const dr_config *config = lane->server->config;
    const dr_http_options options = {.hosts = config->http.hosts.items,
                                     .host_count = config->http.hosts.count,
                                     .body_bytes_max = config->frame_bytes_max,
                                     .seat = &lane->seat,
                                     .slow_ms = DR_HTTP_SLOW_MS_DEFAULT,
                                     .idle_ms = config->idle_s > 0 ? config->idle_s * 1000
                                                                   : DR_HTTP_IDLE_MS_DEFAULT};
    const dr_http_events events = {dr_web_request, dr_web_gone, lane};
    return dr_http_init(&lane->http, &lane->reactor.loop, listen_fd, &options, &events, error);
}

static void *run(void *user)
{
    dr_lane *lane = user;
    dr_reactor_run(&lane->reactor);
    for (uint32_t i = 0; i < lane->server->pool_count; i++) {
        dr_dispatch_reactor_gone(&lane->server->pools[i], lane->reactor.index);
    }
    atomic_store(&lane->pulse, DR_PULSE_ENDED);
    atomic_fetch_add(&lane->server->lanes_ended, 1);
    (void)uv_async_send(&lane->server->attention);
    return NULL;
}

dora_err dr_lane_start(dr_lane *lane, dora_error *error)
{
    if (dr_thread_start(&lane->thread, run, lane) != 0) {
        return dora_error_set(error, DORA_EIO, "cannot start a reactor's thread");
    }
    lane->has_thread = true;
    return DORA_OK;
}

void dr_lane_join(dr_lane *lane)
{
    if (lane->has_thread) {
        pthread_join(lane->thread, NULL);
        lane->has_thread = false;
    }
}

void dr_lanes_ask(dr_server *server)
{
    for (uint32_t i = 0; i < server->lane_count; i++) {
        if (server->lanes[i].has_thread) {
            dr_reactor_ask(&server->lanes[i].reactor);
        }
    }
}

void dr_lane_fini(dr_lane *lane)
{
    if (lane->server == NULL || lane->reactor.event_fd < 0) {
        return;
    }
    end(lane);
    dr_reactor_run(&lane->reactor); /* lets the handles close */
    dr_http_fini(&lane->http);
    dr_call_fini(lane);
    dr_reload_queue_fini(&lane->answered);
    dr_reactor_fini(&lane->reactor);
}
