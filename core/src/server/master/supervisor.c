/* supervisor.c: the master's own loop: crews, signals, start and stop. */
#include "server/master/supervisor.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <dora/dora.h>

#include "base/clock.h"
#include "server/master/daemon.h"
#include "server/master/listeners.h"
#include "server/master/master_user.h"
#include "server/master/poison.h"
#include "server/master/renew.h"
#include "server/ops/discovery.h"
#include "server/ops/stat.h"
#include "server/ops/status_page.h"
#include "task/crew_look.h"
#include "task/crew_memory.h"
#include "task/hung.h"

#define HOUSEKEEPING_MS 1000u

/* write_pid_file has a file hold this process's id, or has it from the server before. */
static dora_err write_pid_file(dr_server *server, const char *path, dora_error *error)
{
    const int fd = dr_heir_pid_file(server, path);
    return fd >= 0 ? dr_pid_files_adopt(&server->pid_files, path, fd, error)
                   : dr_pid_files_add(&server->pid_files, path, error);
}

static dora_err write_pid_files(dr_server *server, dora_error *error)
{
    const char *const *more = server->host->pid_files;
    dora_err err = write_pid_file(server, server->backend.config->pid_file, error);
    for (; more != NULL && *more != NULL && err == DORA_OK; more++) {
        err = write_pid_file(server, *more, error);
    }
    return err;
}

/* leave_terminal ends the start of a daemon: its parent may go. */
static void leave_terminal(dr_server *server)
{
    dr_log_take_output(server->backend.log);
    dr_daemon_ready(server->ready_fd);
}

/* prepare makes all that is needed to serve, once every pool has a worker; nobody comes in yet. */
static dora_err prepare(dr_server *server, dora_error *error)
{
    dr_names names[DR_POOLS_MAX];
    dr_routes *routes = NULL;
    for (uint32_t i = 0; i < server->backend.pool_count; i++) {
        names[i] = server->crews[i]->names;
    }
    dora_err err = dr_reload_routes(server, names, &routes, error);
    if (err == DORA_OK) {
        dr_reload_publish(server, routes);
    }
    err = err == DORA_OK ? dr_listeners_listen(server, error) : err;
    err = err == DORA_OK
              ? dr_discovery_open(&server->backend, &server->loop, server->tcp_port, error)
              : err;
    err = err == DORA_OK ? dr_master_user_become(server, error) : err;
    return err == DORA_OK ? write_pid_files(server, error) : err;
}

dora_err dr_supervisor_serve(dr_server *server, dora_error *error)
{
    const dora_err err = dr_listeners_open(server, error);
    if (err == DORA_OK) {
        dr_discovery_look(&server->backend);
        dr_service_ready(server);
    }
    if (err == DORA_OK && server->backend.config->daemonize) {
        leave_terminal(server);
    }
    return err;
}

/* open_if_ready opens the doors when every pool has a worker, and gives up when one fails. */
static void open_if_ready(dr_server *server)
{
    bool is_ready = !server->dev.has_not_begun && !dr_heir_is_ready(server);
    for (uint32_t i = 0; i < server->backend.pool_count && is_ready; i++) {
        const dr_crew *crew = server->crews[i];
        if (crew->state == DR_CREW_FAILED && dr_dev_waits_for(server, crew)) {
            return;
        }
        if (crew->state == DR_CREW_FAILED) {
            server->failure = crew->why;
            dr_stop_give_up(server, DORA_ELOAD);
            return;
        }
        is_ready = crew->state == DR_CREW_LOADED && crew->was_ready;
    }
    if (is_ready) {
        dora_err err = prepare(server, &server->failure);
        if (err == DORA_OK && !dr_heir_waits(server)) {
            err = dr_supervisor_serve(server, &server->failure);
        }
        if (err != DORA_OK) {
            dr_stop_give_up(server, err);
        }
    }
}

/* on_attention: a crew, a pool, a lane or a client has news. */
static void on_attention(uv_async_t *handle)
{
    dr_server *server = handle->data;
    dr_seat_clear(&server->seat);
    if (!server->stop.is_stopping_crews &&
        atomic_load(&server->backend.phase) == DR_PHASE_STARTING) {
        if (server->rehearsal != NULL) {
            dr_rehearsal_look(server);
        } else {
            open_if_ready(server);
        }
    }
    dr_elder_look(server);
    if (dr_stop_look(server)) {
        return;
    }
    dr_renew_look(server);
    dr_poison_look(server);
    for (dr_crew *crew = server->all_crews; crew != NULL; crew = crew->next) {
        dr_crew_balance(crew);
    }
    dr_reload_look(server);
    dr_discovery_look(&server->backend);
}

static void on_pool_attention(dr_pool *pool, void *user)
{
    (void)pool;
    dr_server *server = user;
    (void)uv_async_send(&server->attention);
}

/* wake: the operators' connections hold too much. */
static void wake(void *user)
{
    dr_server *server = user;
    (void)uv_async_send(&server->attention);
}

static void on_signal(uv_signal_t *handle, int number)
{
    dr_server *server = handle->data;
    const bool is_hangup = number == SIGHUP && dr_dev_has_lost_terminal(server);
    if (!is_hangup && (number == SIGHUP || number == SIGUSR1)) {
        const bool is_stopping = atomic_load(&server->backend.phase) > DR_PHASE_SERVING;
        const bool is_refused = is_stopping || dr_elder_is_busy(server);
        dr_log_write(server->backend.log, DR_LOG_NOTICE, "master", "signal %d: %s", number,
                     is_stopping  ? "no reload, the server is stopping"
                     : is_refused ? "no reload, an upgrade is under way"
                                  : "reload");
        if (!is_refused) {
            dr_reload_want(server);
        }
        return;
    }
    if (number == SIGUSR2) {
        dr_log_reopen(server->backend.log);
        return;
    }
    dr_stop_asked(server, number);
}

/* say_busy writes, once each time, that no worker of a pool has ended anything for a while. */
static void say_busy(dr_server *server, uint32_t index, uint64_t now_ns)
{
    char text[DR_LOG_LINE_MAX];
    size_t len = 0;
    dr_busy busy;
    dr_pool *pool = &server->backend.pools[index];
    const bool was_said = pool->is_busy_said;
    pool->is_busy_said = dr_pool_is_busy(pool, now_ns, &busy);
    if (server->backend.config->dev || was_said || !pool->is_busy_said) {
        return;
    }
    for (uint32_t i = 0; i < busy.count; i++) {
        const dr_task_seen *task = &busy.told[i];
        const dora_slice name = task->has_begun ? (dora_slice){task->name, task->name_len}
                                                : (dora_slice){"what follows a task", 19};
        len += (size_t)snprintf(
            text + len, sizeof(text) - len, "%s%.*s (%" PRIu64 ".%" PRIu64 " s)", i > 0 ? ", " : "",
            (int)name.len, name.data, task->age_ns / 1000000000u, task->age_ns / 100000000u % 10);
    }
    dr_log_write(server->backend.log, DR_LOG_ERROR, server->backend.config->pools[index].name,
                 "all workers (%" PRIu32 ") have been busy with the same tasks for %u s: %s%s; "
                 "%" PRIu32 " tasks wait",
                 busy.workers, DR_BUSY_SAID_MS / 1000, text,
                 busy.workers > busy.count ? ", and others" : "", busy.waiting);
}

/* say_silent tells which limit it was that ended a worker. */
static void say_silent(dr_server *server, uint32_t index, int pid, uint32_t own_limit_ms)
{
    const dr_pool *pool = &server->backend.pools[index];
    dr_log_write(server->backend.log, DR_LOG_ERROR, server->backend.config->pools[index].name,
                 "worker process %d is ended: what it did after a task took longer than %s "
                 "(%" PRIu32 ")",
                 pid, own_limit_ms != 0 ? "the time limit of its api, in ms" : "time_limit_ms",
                 own_limit_ms != 0 ? own_limit_ms : pool->limits.time_limit_ms);
}

/* look_after looks for workers and pools that hang. */
static void look_after(dr_server *server)
{
    const uint64_t now_ns = dr_clock_ns();
    for (uint32_t i = 0; i < server->backend.pool_count; i++) {
        dr_pool *pool = &server->backend.pools[i];
        uint32_t own_limit_ms;
        const int pid = dr_pool_end_silent(pool, now_ns, &own_limit_ms);
        if (pid != 0) {
            say_silent(server, i, pid, own_limit_ms);
        }
        say_busy(server, i, now_ns);
    }
}

/* on_housekeeping looks after what no event tells. */
static void on_housekeeping(uv_timer_t *timer)
{
    dr_server *server = timer->data;
    const bool wants_memory = atomic_exchange(&server->backend.memory_is_wanted, false);
    dr_status_page_write(&server->backend);
    dr_service_look(server);
    dr_memory_look(server);
    dr_admin_look(&server->admin);
    dr_adopted_look(server);
    look_after(server);
    dr_poison_look(server);
    if (server->backend.reply_cache != NULL) {
        dr_reply_cache_sweep(server->backend.reply_cache, uv_now(&server->loop));
    }
    for (dr_crew *crew = server->all_crews; crew != NULL; crew = crew->next) {
        dr_crew_end_stuck(crew);
        dr_crew_look(crew);
        dr_crew_balance(crew);
        if ((wants_memory || crew->options.memory_mb_max > 0) && crew->state == DR_CREW_LOADED &&
            (!crew->is_on_trial || crew->is_watched)) {
            dr_crew_check_memory(crew);
        }
    }
    if (!server->stop.is_stopping_crews && !server->stop.is_ending) {
        dr_renew_look(server);
        dr_reload_look(server);
        dr_discovery_look(&server->backend);
    }
}

static dora_err start_crews(dr_server *server, dora_error *error)
{
    for (uint32_t i = 0; i < server->backend.pool_count; i++) {
        server->backend.pools[i].on_attention = on_pool_attention;
        server->backend.pools[i].user = server;
    }
    const dora_err err = dr_launch_all(server, error);
    return err == DORA_ECONFIG && dr_dev_waits(server, error->msg) ? DORA_OK : err;
}

dora_err dr_supervise(dr_server *server)
{
    /* What stops a container may be SIGQUIT (images of nginx and PHP-FPM say so); elsewhere it is
     * the way to a core file. */
    const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGQUIT};
    const size_t count = sizeof(numbers) / sizeof(numbers[0]);
    _Static_assert(sizeof(numbers) / sizeof(numbers[0]) ==
                       sizeof(server->signals) / sizeof(server->signals[0]),
                   "a handle for each signal");
    uv_async_init(&server->loop, &server->attention, on_attention);
    uv_timer_init(&server->loop, &server->housekeeping);
    dr_reload_init(server);
    dr_stop_init(server);
    dr_service_init(server);
    server->attention.data = server->housekeeping.data = server;
    for (size_t i = 0; i < count; i++) {
        uv_signal_init(&server->loop, &server->signals[i]);
        server->signals[i].data = server;
        if (numbers[i] != SIGQUIT || getpid() == 1) {
            uv_signal_start(&server->signals[i], on_signal, numbers[i]);
        }
    }
    dr_adopted_open(server);
    dr_status_page_write(&server->backend);
    server->seat = (dr_seat){.budget = &server->backend.budget, .wake = wake, .user = server};
    dora_err err = dr_heir_open(server, &server->failure);
    err = err == DORA_OK ? dr_listeners_admin(server, &server->failure) : err;
    err = err == DORA_OK ? dr_dev_open(server, &server->failure) : err;
    err = err == DORA_OK ? start_crews(server, &server->failure) : err;
    if (err != DORA_OK) {
        dr_stop_give_up(server, err);
    } else {
        uv_timer_start(&server->housekeeping, on_housekeeping, HOUSEKEEPING_MS, HOUSEKEEPING_MS);
    }
    (void)uv_run(&server->loop, UV_RUN_DEFAULT);
    for (uint32_t i = 0; i < server->backend.lane_count; i++) {
        dr_reactor_thread_join(&server->threads[i]);
    }
    dr_listeners_close(server);
    dr_pid_files_remove(&server->pid_files);
    return server->outcome;
}
