/* supervisor.c: the master's own loop: crews, signals, start and stop. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <dora/dora.h>

#include "server/daemon.h"
#include "server/lane.h"

#define HOUSEKEEPING_MS 1000u

static void ask_lanes(dr_server *server)
{
    for (uint32_t i = 0; i < server->lane_count; i++) {
        if (server->lanes[i].has_thread) {
            dr_reactor_ask(&server->lanes[i].reactor);
        }
    }
}

static dora_err write_pid_files(dr_server *server, dora_error *error)
{
    const char *const *more = server->host->pid_files;
    dora_err err = dr_pid_files_add(&server->pid_files, server->config->pid_file, error);
    for (; more != NULL && *more != NULL && err == DORA_OK; more++) {
        err = dr_pid_files_add(&server->pid_files, *more, error);
    }
    return err;
}

/* leave_terminal ends the start of a daemon: its parent may go. */
static void leave_terminal(dr_server *server)
{
    dr_log_take_output(server->log);
    dr_daemon_ready(server->ready_fd);
}

/* open_doors starts serving, once every pool has a worker. */
static dora_err open_doors(dr_server *server, dora_error *error)
{
    dora_err err = dr_routes_build(&server->routes, server->config, server->crews, error);
    err = err == DORA_OK ? dr_doors_listen(server, error) : err;
    err = err == DORA_OK ? write_pid_files(server, error) : err;
    err = err == DORA_OK ? dr_doors_open(server, error) : err;
    if (err == DORA_OK && server->config->daemonize) {
        leave_terminal(server);
    }
    return err;
}

static void close_if_open(uv_handle_t *handle)
{
    if (!uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

/* end_if_done closes the loop's handles when lanes and crews have all ended. */
static void end_if_done(dr_server *server)
{
    for (uint32_t i = 0; i < server->pool_count; i++) {
        if (server->crews[i].state != DR_CREW_STOPPED) {
            return;
        }
    }
    for (uint32_t i = 0; i < server->pool_count; i++) {
        dr_crew_close(&server->crews[i]);
        dr_feed_close(&server->feeds[i]);
    }
    for (size_t i = 0; i < sizeof(server->signals) / sizeof(server->signals[0]); i++) {
        close_if_open((uv_handle_t *)&server->signals[i]);
    }
    close_if_open((uv_handle_t *)&server->attention);
    close_if_open((uv_handle_t *)&server->housekeeping);
}

static void stop_crews(dr_server *server)
{
    if (server->is_stopping_crews) {
        return;
    }
    server->is_stopping_crews = true;
    for (uint32_t i = 0; i < server->pool_count; i++) {
        if (atomic_load(&server->phase) == DR_PHASE_NOW) {
            dr_crew_kill(&server->crews[i]);
        }
        dr_crew_stop(&server->crews[i]);
    }
    end_if_done(server);
}

/* give_up ends a server that could not start. */
static void give_up(dr_server *server, dora_err err)
{
    if (server->outcome == DORA_OK) {
        server->outcome = err;
    }
    atomic_store(&server->phase, DR_PHASE_NOW);
    ask_lanes(server);
    stop_crews(server);
}

static void on_crew_state(void *user)
{
    dr_server *server = user;
    bool is_ready = true;
    if (server->is_stopping_crews) {
        end_if_done(server);
        return;
    }
    for (uint32_t i = 0; i < server->pool_count; i++) {
        const dr_crew *crew = &server->crews[i];
        if (crew->state == DR_CREW_FAILED) {
            server->failure = crew->why;
            give_up(server, DORA_ELOAD);
            return;
        }
        is_ready = is_ready && crew->state == DR_CREW_LOADED && crew->was_ready;
    }
    if (is_ready && atomic_load(&server->phase) == DR_PHASE_STARTING) {
        const dora_err err = open_doors(server, &server->failure);
        if (err != DORA_OK) {
            give_up(server, err);
        }
    }
}

static void on_crew_death(void *user)
{
    ask_lanes(user);
}

static void answer_reloads(dr_server *server)
{
    dr_reload_request *request;
    while ((request = dr_control_take(server)) != NULL) {
        dr_control_answer(request, DORA_CODE_RELOAD, false, "not possible now");
    }
}

static void on_attention(uv_async_t *handle)
{
    dr_server *server = handle->data;
    answer_reloads(server);
    for (uint32_t i = 0; i < server->pool_count; i++) {
        dr_crew_balance(&server->crews[i]);
    }
    if (server->lanes_running > 0 && atomic_load(&server->lanes_ended) == server->lanes_running) {
        server->lanes_running = 0;
        for (uint32_t i = 0; i < server->lane_count; i++) {
            dr_lane_join(&server->lanes[i]);
        }
        stop_crews(server);
    }
}

static void on_pool_attention(dr_pool *pool, void *user)
{
    (void)pool;
    dr_server *server = user;
    (void)uv_async_send(&server->attention);
}

static void on_signal(uv_signal_t *handle, int number)
{
    dr_server *server = handle->data;
    const dr_phase phase = atomic_load(&server->phase);
    if (number == SIGHUP || number == SIGUSR1) {
        dr_log_write(server->log, DR_LOG_ERROR, "master",
                     "signal %d: this version cannot reload; stop and start it", number);
        return;
    }
    if (number == SIGUSR2) {
        dr_log_reopen(server->log);
        return;
    }
    if (number == SIGTERM && phase >= DR_PHASE_DRAINING) {
        return; /* process managers repeat it; only a second Ctrl-C is impatience */
    }
    dr_log_write(server->log, DR_LOG_NOTICE, "master", "signal %d: %s", number,
                 phase == DR_PHASE_SERVING ? "finishing what is accepted" : "stopping now");
    atomic_store(&server->phase, phase == DR_PHASE_SERVING ? DR_PHASE_DRAINING : DR_PHASE_NOW);
    dr_doors_close(server);
    ask_lanes(server);
    if (phase == DR_PHASE_STARTING) {
        stop_crews(server);
    } else if (phase == DR_PHASE_DRAINING && server->is_stopping_crews) {
        for (uint32_t i = 0; i < server->pool_count; i++) {
            dr_crew_kill(&server->crews[i]);
        }
    }
}

/* on_housekeeping looks after what no event tells. */
static void on_housekeeping(uv_timer_t *timer)
{
    dr_server *server = timer->data;
    dr_board_write(server);
    for (uint32_t i = 0; i < server->pool_count; i++) {
        dr_crew_end_stuck(&server->crews[i]);
        dr_crew_balance(&server->crews[i]);
        if (server->config->pools[i].memory_mb_max > 0) {
            dr_crew_check_memory(&server->crews[i]);
        }
    }
}

/* zygote_argv is the command that starts a zygote for any application. `words` has room for 6. */
static const char *const *zygote_argv(const dr_server *server, const dr_pool_config *pool,
                                      const char **words)
{
    const dora_host *host = server->host;
    const char *own = dr_runtime_kind_name(pool->runtime);
    if (pool->runtime == DR_RUNTIME_C || (pool->from_again && pool->interpreter == NULL)) {
        return host->zygote;
    }
    const bool is_php = pool->runtime == DR_RUNTIME_PHP;
    const char *program =
        pool->interpreter != NULL ? pool->interpreter : getenv(is_php ? "DORA_PHP" : "DORA_PYTHON");
    if (program == NULL && strcmp(host->runtime, own) == 0) {
        return host->zygote;
    }
    size_t count = 0;
    words[count++] = program != NULL ? program : is_php ? "php" : "python3";
    if (is_php) {
        const char *extension =
            pool->extension != NULL ? pool->extension : getenv("DORA_PHP_EXTENSION");
        static _Thread_local char settings[DR_POOLS_MAX][4096];
        char *setting = settings[pool - server->config->pools];
        if (extension != NULL && *extension != '\0') {
            (void)snprintf(setting, sizeof(settings[0]), "extension=%s", extension);
            words[count++] = "-d";
            words[count++] = setting;
        }
        words[count++] = "-r";
        words[count++] = "Dora\\zygote();";
    } else {
        words[count++] = "-m";
        words[count++] = "dora";
        words[count++] = "zygote";
    }
    words[count] = NULL;
    return words;
}

static dora_err open_feeds(dr_server *server, dora_error *error)
{
    dora_err err = DORA_OK;
    for (uint32_t i = 0; i < server->pool_count && err == DORA_OK; i++) {
        err = dr_feed_open(&server->feeds[i], &server->loop, server->log,
                           server->config->pools[i].name, error);
    }
    return err;
}

static dora_err start_crews(dr_server *server, const char *(*words)[6], dora_error *error)
{
    const dr_crew_events events = {
        .on_state = on_crew_state, .on_death = on_crew_death, .user = server};
    dora_err err = DORA_OK;
    for (uint32_t i = 0; i < server->pool_count && err == DORA_OK; i++) {
        const dr_pool_config *pool = &server->config->pools[i];
        const char *const *any = zygote_argv(server, pool, words[i]);
        const bool is_again = pool->from_again && server->host->again != NULL;
        const dr_crew_options options = {.name = pool->name,
                                         .target = pool->app,
                                         .argv = is_again ? server->host->again : any,
                                         .argv_late = any,
                                         .workers = pool->workers,
                                         .max_requests = pool->max_requests,
                                         .memory_mb_max = pool->memory_mb_max,
                                         .reply_bytes_max = server->config->frame_bytes_max,
                                         .log_level = server->config->log.level,
                                         .log_fd = server->feeds[i].write_fd,
                                         .preload = pool->preload,
                                         .is_c = pool->runtime == DR_RUNTIME_C};
        server->pools[i].on_attention = on_pool_attention;
        server->pools[i].user = server;
        err = dr_crew_start(&server->crews[i], &server->loop, server->log, &server->pools[i],
                            &options, &events, error);
    }
    return err;
}

dora_err dr_supervise(dr_server *server, dora_error *error)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};
    const char *words[DR_POOLS_MAX][6];
    (void)signal(SIGPIPE, SIG_IGN);
    uv_async_init(&server->loop, &server->attention, on_attention);
    uv_timer_init(&server->loop, &server->housekeeping);
    server->attention.data = server->housekeeping.data = server;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        uv_signal_init(&server->loop, &server->signals[i]);
        server->signals[i].data = server;
        uv_signal_start(&server->signals[i], on_signal, numbers[i]);
    }
    dr_board_write(server);
    dora_err err = open_feeds(server, &server->failure);
    err = err == DORA_OK ? start_crews(server, words, &server->failure) : err;
    if (err != DORA_OK) {
        give_up(server, err);
    } else {
        uv_timer_start(&server->housekeeping, on_housekeeping, HOUSEKEEPING_MS, HOUSEKEEPING_MS);
    }
    (void)uv_run(&server->loop, UV_RUN_DEFAULT);
    for (uint32_t i = 0; i < server->lane_count; i++) {
        dr_lane_join(&server->lanes[i]);
    }
    dr_doors_close(server);
    dr_pid_files_remove(&server->pid_files);
    if (server->outcome != DORA_OK && error != NULL) {
        *error = server->failure;
    }
    return server->outcome;
}
