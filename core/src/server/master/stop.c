/* stop.c: how a server ends: it leaves, drains, is ended; then its crews stop and the loop closes.
 */
#include "server/master/stop.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/slice.h"
#include "server/call/call.h"
#include "server/master/listeners.h"
#include "server/master/master.h"
#include "server/ops/discovery.h"
#include "task/crew_zygote.h"
#include "task/interrupt.h"
#include "task/look.h"
#include "task/watch.h"

#define LAST_LOOKS 10u

/* lost is what say_lost is told of. */
typedef struct lost {
    const dr_server *server;
    const dr_pool *pool;
    const char *name;   /* the pool's */
    bool is_answered;   /* the lanes have yet to say what became of each */
    bool tells_begun;   /* of those that a worker has begun, */
    bool tells_waiting; /* and of the others */
} lost;

static void close_if_open(uv_handle_t *handle)
{
    if (!uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

/* end_if_done closes the loop's handles when lanes and crews have all ended. */
static void end_if_done(dr_server *server)
{
    for (const dr_crew *crew = server->all_crews; crew != NULL; crew = crew->next) {
        if (crew->state != DR_CREW_STOPPED) {
            return;
        }
    }
    if (!dr_moving_is_done(&server->elder.moving)) {
        return; /* the heir is still to be told what became of the last calls */
    }
    while (server->all_crews != NULL) {
        dr_crew *crew = server->all_crews;
        server->all_crews = crew->next;
        dr_crew_close(crew);
    }
    for (size_t i = 0; i < sizeof(server->signals) / sizeof(server->signals[0]); i++) {
        close_if_open((uv_handle_t *)&server->signals[i]);
    }
    dr_adopted_close(server);
    close_if_open((uv_handle_t *)&server->attention);
    close_if_open((uv_handle_t *)&server->housekeeping);
    close_if_open((uv_handle_t *)&server->stop.timer);
    dr_admin_close(&server->admin);
    dr_discovery_close(&server->backend);
    dr_service_close(server);
    dr_reload_close(server);
    dr_elder_close(server);
    dr_heir_close(server);
    dr_dev_close(server);
}

static void kill_crews(dr_server *server)
{
    for (dr_crew *crew = server->all_crews; crew != NULL; crew = crew->next) {
        dr_crew_kill(crew);
    }
}

/* stop_crews comes when no lane runs. Stop hooks have their own time, which the zygotes look after.
 */
static void stop_crews(dr_server *server)
{
    if (server->stop.is_stopping_crews) {
        return;
    }
    server->stop.is_stopping_crews = true;
    uv_timer_stop(&server->stop.timer);
    dr_reload_abandon(server);
    for (dr_crew *crew = server->all_crews; crew != NULL; crew = crew->next) {
        if (atomic_load(&server->backend.phase) == DR_PHASE_NOW) {
            dr_crew_kill(crew);
        }
        dr_crew_stop(crew);
    }
    end_if_done(server);
}

static void end_lanes(dr_server *server)
{
    server->threads_running = 0;
    for (uint32_t i = 0; i < server->backend.lane_count; i++) {
        dr_reactor_thread_join(&server->threads[i]);
    }
    stop_crews(server);
}

bool dr_stop_look(dr_server *server)
{
    if (server->threads_running > 0 &&
        atomic_load(&server->threads_ended) == server->threads_running) {
        end_lanes(server);
    }
    if (server->stop.is_stopping_crews) {
        end_if_done(server);
    }
    return server->stop.is_stopping_crews || server->stop.is_ending;
}

static uint32_t generation_of(const lost *self, uint32_t id)
{
    const dr_crew *crew = self->server->all_crews;
    while (crew != NULL && (crew->pool != self->pool || crew->id != id)) {
        crew = crew->next;
    }
    return crew != NULL ? crew->generation : 0;
}

/* put_lost writes down one task, with what is known of its call. */
static void put_lost(const lost *self, const dr_task_seen *task, int64_t code, const char *said)
{
    const dr_call *call = task->owner;
    const char *type = dr_call_type_name(call->type);
    char text[DR_API_NAME_MAX + 128];
    struct timespec now;
    const int len =
        snprintf(text, sizeof(text), "%s %.*s %s", type, (int)task->name_len, task->name, said);
    const dr_log_call about = {.kind = DR_LOG_CALL_ERROR,
                               .api = {task->name, task->name_len},
                               .guid = {call->guid, DR_GUID_LEN},
                               .trace = {task->trace, task->trace_len},
                               .type = dr_slice(type),
                               .code = code,
                               .is_timed = true,
                               .queue_ns = task->queue_ns,
                               .run_ns = task->has_begun ? task->age_ns : 0,
                               .has_worker = task->has_begun,
                               .worker = task->worker,
                               .generation = task->has_begun ? generation_of(self, task->crew) : 0,
                               .traceback = {task->stack, task->stack_len}};
    clock_gettime(CLOCK_REALTIME, &now);
    const dr_log_entry entry = {.level = DR_LOG_ERROR,
                                .time_ns =
                                    (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec,
                                .tag = dr_slice(self->name),
                                .pid = task->has_begun ? task->pid : getpid(),
                                .pool = self->name,
                                .msg = {text, len < 0 ? 0 : strlen(text)},
                                .is_line = true,
                                .call = &about};
    dr_log_record(self->server->backend.log, &entry);
}

/* say_lost writes down a task that is not finished, in the moment it is ended. */
static bool say_lost(const dr_task_seen *task, void *user)
{
    const lost *self = user;
    const dr_call *call = task->owner;
    if (call == NULL) {
        return false; /* it was answered, since it does not end */
    }
    if (!(task->has_begun ? self->tells_begun : self->tells_waiting)) {
        return false;
    }
    if (task->has_begun) {
        char said[80];
        (void)snprintf(said, sizeof(said), "is ended after %" PRIu64 ".%" PRIu64 " s (process %d)",
                       task->age_ns / 1000000000u, task->age_ns / 100000000u % 10, task->pid);
        put_lost(self, task, DORA_CODE_WORKER_DIED, said);
        return true;
    }
    if (!dr_call_type_is_accepted(call->type) ||
        (self->is_answered && !dr_call_type_has_result(call->type))) {
        return false;
    }
    put_lost(self, task, DORA_CODE_STOPPING, "was accepted and is lost: no worker has begun it");
    return true;
}

static void say_all_lost(dr_server *server, bool is_answered, bool tells_begun, bool tells_waiting)
{
    for (uint32_t i = 0; i < server->backend.pool_count; i++) {
        lost self = {.server = server,
                     .pool = &server->backend.pools[i],
                     .name = server->backend.config->pools[i].name,
                     .is_answered = is_answered,
                     .tells_begun = tells_begun,
                     .tells_waiting = tells_waiting};
        dr_dispatch_each(&server->backend.pools[i], say_lost, &self);
    }
}

/* stop_now ends everything: nobody is answered any more. */
static void stop_now(dr_server *server)
{
    const dr_phase phase = atomic_load(&server->backend.phase);
    if (phase == DR_PHASE_NOW) {
        kill_crews(server);
        return;
    }
    atomic_store(&server->backend.phase, DR_PHASE_NOW);
    say_all_lost(server, false, true, true);
    dr_listeners_close(server);
    dr_reactor_threads_ask(server);
    dr_reload_abandon(server);
    if (phase == DR_PHASE_STARTING) {
        stop_crews(server);
    } else if (server->stop.is_stopping_crews) {
        kill_crews(server);
    }
}

/* on_last comes LAST_LOOKS times: while a machine stood still, nobody could take an answer. */
static void on_last(uv_timer_t *timer)
{
    dr_server *server = timer->data;
    if (++server->stop.looks < LAST_LOOKS) {
        return;
    }
    uv_timer_stop(timer);
    dr_log_write(server->backend.log, DR_LOG_ERROR, "master",
                 "clients do not take their answers: their connections are closed");
    stop_now(server);
}

/* end_all ends what still runs. The lanes then answer for it, and end by themselves. */
static void end_all(dr_server *server)
{
    const dr_config *config = server->backend.config;
    server->stop.is_ending = true;
    say_all_lost(server, true, true, !server->stop.has_asked);
    for (uint32_t i = 0; i < server->backend.pool_count; i++) {
        dr_dispatch_end(&server->backend.pools[i]);
    }
    kill_crews(server);
    for (dr_crew *crew = server->all_crews; crew != NULL; crew = crew->next) {
        dr_crew_stop(crew);
    }
    dr_reactor_threads_ask(server);
    const uint64_t look_ms = (config->linger_ms + DR_STOP_ANSWER_MS) / LAST_LOOKS;
    uv_timer_start(&server->stop.timer, on_last, look_ms, look_ms);
}

static void on_grace(uv_timer_t *timer)
{
    end_all(timer->data);
}

/* on_timeout: what still runs is asked to end, and has its grace; where nothing is asked, all is
 * ended at once. */
static void on_timeout(uv_timer_t *timer)
{
    dr_server *server = timer->data;
    const dr_config *config = server->backend.config;
    uint32_t grace_ms = 0;
    dr_log_write(server->backend.log, DR_LOG_ERROR, "master",
                 "stop_timeout_ms (%" PRIu32 ") is over: what still runs is ended",
                 config->stop_timeout_ms);
    say_all_lost(server, true, false, true);
    server->stop.has_asked = true;
    for (uint32_t i = 0; i < server->backend.pool_count; i++) {
        const uint32_t ms = config->pools[i].kill_after_ms;
        if (ms > 0 && dr_interrupt_all(&server->backend.pools[i]) > 0 && ms > grace_ms) {
            grace_ms = ms;
        }
    }
    if (grace_ms == 0) {
        end_all(server);
    } else {
        uv_timer_start(timer, on_grace, grace_ms, 0);
    }
}

/* limit begins the time that finishing may take. */
static void limit(dr_server *server)
{
    uv_timer_stop(&server->stop.timer);
    if (server->backend.config->stop_timeout_ms > 0) {
        uv_timer_start(&server->stop.timer, on_timeout, server->backend.config->stop_timeout_ms, 0);
    }
}

static void drain(dr_server *server)
{
    atomic_store(&server->backend.phase, DR_PHASE_DRAINING);
    dr_listeners_close(server);
    dr_reactor_threads_ask(server);
    limit(server);
}

static void on_left(uv_timer_t *timer)
{
    dr_server *server = timer->data;
    if (atomic_load(&server->backend.phase) != DR_PHASE_LEAVING) {
        return; /* it was told to stop at once meanwhile */
    }
    dr_log_write(server->backend.log, DR_LOG_NOTICE, "master",
                 "drain_ms (%" PRIu32 ") is over: finishing what is accepted",
                 server->backend.config->drain_ms);
    drain(server);
}

/* leave is the first stage: others are told to go elsewhere before they would be refused. */
static void leave(dr_server *server)
{
    const uint32_t drain_ms = server->backend.config->drain_ms;
    atomic_store(&server->backend.phase, DR_PHASE_LEAVING);
    dr_service_stopping(server);
    dr_discovery_withdraw(&server->backend);
    dr_reload_abandon(server);
    if (drain_ms == 0) {
        drain(server);
    } else {
        uv_timer_start(&server->stop.timer, on_left, drain_ms, 0);
    }
}

void dr_stop_handed_over(dr_server *server)
{
    dr_reload_abandon(server);
    dr_listeners_close(server);
    dr_moving_go(&server->elder.moving);
}

void dr_stop_asked(dr_server *server, int number)
{
    const dr_phase phase = atomic_load(&server->backend.phase);
    if (dr_elder_stopped(server, number)) {
        return;
    }
    if (number != SIGINT && phase == DR_PHASE_MOVING) {
        if (!uv_is_active((const uv_handle_t *)&server->stop.timer)) {
            limit(server); /* as long as nobody asks, it takes its time */
        }
        return;
    }
    if (number != SIGINT && phase > DR_PHASE_SERVING) {
        return; /* process managers repeat it; only a second Ctrl-C is impatience */
    }
    if (phase == DR_PHASE_SERVING && server->backend.config->drain_ms > 0) {
        dr_log_write(server->backend.log, DR_LOG_NOTICE, "master",
                     "signal %d: not ready any more, serving for drain_ms (%" PRIu32 ")", number,
                     server->backend.config->drain_ms);
    } else {
        dr_log_write(server->backend.log, DR_LOG_NOTICE, "master", "signal %d: %s", number,
                     phase == DR_PHASE_SERVING ? "finishing what is accepted" : "stopping now");
    }
    if (phase == DR_PHASE_SERVING) {
        leave(server);
        return;
    }
    if (phase == DR_PHASE_STARTING) {
        dr_service_stopping(server);
        dr_discovery_withdraw(&server->backend);
    }
    stop_now(server);
}

void dr_stop_give_up(dr_server *server, dora_err err)
{
    if (server->outcome == DORA_OK) {
        server->outcome = err;
    }
    atomic_store(&server->backend.phase, DR_PHASE_NOW);
    dr_reactor_threads_ask(server);
    stop_crews(server);
}

void dr_stop_rehearsed(dr_server *server)
{
    atomic_store(&server->backend.phase, DR_PHASE_DRAINING);
    stop_crews(server);
}

void dr_stop_init(dr_server *server)
{
    uv_timer_init(&server->loop, &server->stop.timer);
    server->stop.timer.data = server;
}
