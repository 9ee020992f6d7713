/* server.c: what a server is made of, made and taken apart in order. */
#include "server/master/server.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/folder.h"
#include "base/machine.h"
#include "base/signals.h"
#include "base/title.h"
#include "server/master/daemon.h"
#include "server/master/master.h"
#include "server/master/master_user.h"
#include "server/master/supervisor.h"
#include "server/ops/discovery.h"
#include "server/upgrade/program.h"

_Static_assert(DR_POOL_SLOTS(DR_POOL_WORKERS_MAX) <= DR_WORKER_SLOTS_MAX, "too few slots");

/* One reactor saturates several workers; more pay off only with processors to spare. */
static uint32_t reactors_for(const dr_config *config)
{
    const uint32_t cpus = dr_machine_cpus("");
    const uint32_t most = cpus < DR_REACTORS_MAX ? cpus : DR_REACTORS_MAX;
    if (config->reactors > 0) {
        return config->reactors < DR_REACTORS_MAX ? config->reactors : DR_REACTORS_MAX;
    }
    return most <= 4 ? 1 : most / 4;
}

/* hung_ms_of: without a time limit a task may take for ever, and that is nothing to report. */
static uint32_t hung_ms_of(const dr_config *config, const dr_pool_config *pool)
{
    if (pool->time_limit_ms == 0) {
        return 0;
    }
    return pool->hung_ms == DR_HUNG_UNSET ? config->hung_ms : pool->hung_ms;
}

static dora_err make_pools(dr_server *server, dora_error *error)
{
    const dr_config *config = server->backend.config;
    int event_fds[DR_REACTORS_MAX];
    for (uint32_t i = 0; i < server->backend.lane_count; i++) {
        event_fds[i] = server->backend.lanes[i].reactor.event_fd;
    }
    dora_err err = DORA_OK;
    for (uint32_t i = 0; i < server->backend.pool_count && err == DORA_OK; i++) {
        const dr_pool_config *pool = &config->pools[i];
        uint64_t slab = (uint64_t)pool->queue_mb_max * 1024 * 1024;
        const uint64_t least =
            (uint64_t)config->frame_bytes_max * 4; /* a block is a power of two */
        slab = slab < least ? least : slab;
        const dr_pool_limits limits = {.reactors = server->backend.lane_count,
                                       .workers = pool->workers,
                                       .concurrency = pool->concurrency,
                                       .threads = pool->threads,
                                       .queue_tasks_max = pool->queue_tasks_max,
                                       .slab_bytes = slab,
                                       .big_bytes = config->frame_bytes_max,
                                       .time_limit_ms = pool->time_limit_ms,
                                       .accepted_limit_ms =
                                           pool->limits_accepted ? pool->time_limit_ms : 0,
                                       .kill_after_ms = pool->kill_after_ms,
                                       .memory_hard_mb = pool->memory_hard_mb,
                                       .stream_idle_ms = pool->stream_idle_ms,
                                       .newest_first_ms = pool->newest_first_ms,
                                       .poison_s = pool->poison_s,
                                       .hung_ms = hung_ms_of(config, pool)};
        err = dr_pool_init(&server->backend.pools[i], &limits, event_fds, error);
        (void)snprintf(server->backend.pools[i].full, sizeof(server->backend.pools[i].full),
                       "the queue of pool %s is full: %" PRIu32 " tasks (queue_tasks_max) or "
                       "%" PRIu64 " MiB (queue_mb_max) wait",
                       pool->name, pool->queue_tasks_max, slab / (1024 * 1024));
        (void)snprintf(server->backend.pools[i].full_of_streams,
                       sizeof(server->backend.pools[i].full_of_streams),
                       "the streams of pool %s have half of its room, which is what they may: of "
                       "%" PRIu32 " tasks (queue_tasks_max) and %" PRIu64 " MiB (queue_mb_max)",
                       pool->name, pool->queue_tasks_max, slab / (1024 * 1024));
        if (err == DORA_OK) {
            /* Names are known later; a handler each is bounded by what a zygote can report. */
            err = dr_pool_set_apis(&server->backend.pools[i], DR_APP_APIS_MAX);
        }
    }
    return err;
}

/* make_kept makes the memory for repeats, where any pool wants it. */
static dora_err make_kept(dr_server *server, dora_error *error)
{
    static const dr_reply_cache_limits limits = {.calls_max = DR_REPLY_CACHE_CALLS_MAX,
                                                 .bytes_max = DR_REPLY_CACHE_BYTES_MAX,
                                                 .reply_s = DR_REPLY_CACHE_REPLY_S,
                                                 .lost_s = DR_REPLY_CACHE_LOST_S};
    uint32_t count = 0;
    for (uint32_t i = 0; i < server->backend.pool_count; i++) {
        count += server->backend.config->pools[i].dedupe;
    }
    server->backend.all_dedupe = count == server->backend.pool_count;
    return count > 0 ? dr_reply_cache_new(&server->backend.reply_cache, &limits, error) : DORA_OK;
}

/* raise_files lets the server have as many descriptors as it is allowed, since each connection is
 * one. Its children keep what they would have had: programs may rely on low numbers. */
static void raise_files(dr_server *server)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) {
        return;
    }
    server->files = files.rlim_cur;
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_max < DR_FILES_WISHED) {
        dr_log_write(server->backend.log, DR_LOG_NOTICE, "master",
                     "only %llu file descriptors are allowed, %u are wished for many connections: "
                     "raise the hard limit (ulimit -Hn)",
                     (unsigned long long)files.rlim_max, DR_FILES_WISHED);
    }
}

/* bound_buffers says how much peers may have us hold. A frame that comes and its reply have room,
 * whatever the bounds. */
static void bound_buffers(dr_server *server)
{
    const dr_config *config = server->backend.config;
    const uint64_t mb = 1024 * 1024;
    const uint64_t least = (uint64_t)config->frame_bytes_max * DR_HELD_FRAMES_MIN;
    uint64_t one = config->connection_mb_max * mb;
    uint64_t all = config->buffers_mb_max != 0 ? config->buffers_mb_max * mb
                                               : dr_machine_memory("") / DR_BUFFERS_PART;
    one = one < least ? least : one;
    all = all < least ? least : all;
    dr_budget_init(&server->backend.budget, (size_t)one, (size_t)all, server->backend.log);
}

static dora_err make_spans(dr_server *server, dora_error *error)
{
    dr_backend *backend = &server->backend;
    return dr_spans_new(&backend->spans, backend->log) == DORA_OK
               ? dr_settings_take(server, backend->config, error)
               : dora_error_set(error, DORA_ENOMEM, "out of memory");
}

static dora_err make(dr_server *server, dora_error *error)
{
    const dr_config *config = server->backend.config;
    server->folder = dr_folder_name();
    server->backend.lane_count = reactors_for(config);
    server->backend.pool_count = (uint32_t)config->pool_count;
    server->backend.lanes = calloc(server->backend.lane_count, sizeof(dr_lane));
    server->threads = calloc(server->backend.lane_count, sizeof(*server->threads));
    server->backend.pools = calloc(server->backend.pool_count, sizeof(*server->backend.pools));
    server->crews = calloc(server->backend.pool_count, sizeof(dr_crew *));
    server->commands = calloc(server->backend.pool_count, sizeof(*server->commands));
    if (server->backend.lanes == NULL || server->threads == NULL || server->backend.pools == NULL ||
        server->crews == NULL || server->commands == NULL) {
        return dora_error_set(error, DORA_ENOMEM, "out of memory");
    }
    if (server->backend.pool_count == 0 || server->backend.pool_count > DR_POOLS_MAX) {
        return dora_error_set(error, DORA_ECONFIG, "pools: from 1 to %d are allowed", DR_POOLS_MAX);
    }
    dora_err err = server->rehearsal == NULL ? dr_master_user_check(server, error)
                                             : DORA_OK; /* makes the log */
    if (err != DORA_OK) {
        return err;
    }
    err = dr_log_new(&server->backend.log, config->log.file, config->log.format == DR_LOG_JSON,
                     config->log.level, error);
    if (err == DORA_OK && config->dev) {
        dr_log_colour(server->backend.log);
    }
    server->backend.places.log = server->backend.log;
    err = err == DORA_OK ? make_spans(server, error) : err;
    if (err == DORA_OK) {
        bound_buffers(server);
    }
    if (err == DORA_OK && server->rehearsal == NULL) {
        raise_files(server);
    }
    for (uint32_t i = 0; i < server->backend.lane_count && err == DORA_OK; i++) {
        err = dr_reactor_thread_init(server, i, error);
    }
    if (err == DORA_OK &&
        dr_rows_init(&server->backend.rows, server->backend.lane_count) != DORA_OK) {
        err = dora_error_set(error, DORA_ENOMEM, "out of memory");
    }
    err = err == DORA_OK ? make_pools(server, error) : err;
    err = err == DORA_OK ? make_kept(server, error) : err;
    if (err == DORA_OK) {
        server->has_loop = uv_loop_init(&server->loop) == 0;
        err = server->has_loop ? DORA_OK
                               : dora_error_set(error, DORA_EIO, "cannot make an event loop");
    }
    return err;
}

static void unmake(dr_server *server)
{
    for (uint32_t i = 0; server->threads != NULL && i < server->backend.lane_count; i++) {
        dr_reactor_thread_fini(&server->threads[i]);
    }
    for (uint32_t i = 0; server->backend.pools != NULL && i < server->backend.pool_count; i++) {
        dr_pool_fini(&server->backend.pools[i]);
    }
    dr_discovery_free(server->backend.discovery);
    dr_reply_cache_free(server->backend.reply_cache);
    dr_routes_free(atomic_load(&server->backend.routes));
    dr_rows_fini(&server->backend.rows);
    dr_settings_forget(server, UINT32_MAX);
    dr_access_free(atomic_load(&server->backend.access));
    dr_caller_rows_fini(&server->backend.callers);
    dr_guesses_fini(&server->backend.guesses);
    dr_rates_fini(&server->backend.rates);
    dr_places_fini(&server->backend.places);
    dr_reload_queue_fini(&server->asked);
    dr_routes_free(server->watch.routes);
    dr_rollout_fini(&server->watch.told);
    if (server->has_loop) {
        (void)uv_loop_close(&server->loop);
    }
    dr_certificates_fini(server);
    dr_budget_fini(&server->backend.budget);
    dr_spans_free(server->backend.spans);
    dr_log_free(server->backend.log);
    free(server->threads);
    free(server->backend.lanes);
    free(server->backend.pools);
    free(server->crews);
    for (uint32_t i = 0; server->commands != NULL && i < server->backend.pool_count; i++) {
        dr_launch_command_fini(&server->commands[i]);
    }
    free(server->commands);
    free(server->folder);
}

/* open_standard_files: were 0, 1 or 2 closed, sockets would get these numbers and the log would be
 * written to them. */
static void open_standard_files(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) {
        close(fd);
    }
}

static dora_err run(const dr_config *config, const dr_config_source *source, const dora_host *host,
                    const dr_rehearsal *rehearsal, dora_error *error)
{
    int ready_fd = -1;
    dr_notify notify;
    dr_signals signals;
    dr_sockets sockets = {.items = NULL};
    open_standard_files();
    const int link_fd = rehearsal == NULL ? dr_heir_link() : -1;
    dr_signals_survive(&signals);
    dr_notify_open(&notify); /* before a fork: the variables name this process */
    dora_err err = rehearsal == NULL ? dr_sockets_activated(&sockets, error) : DORA_OK;
    if (err == DORA_OK && config->daemonize && link_fd < 0) {
        err = dr_daemon_fork(&ready_fd, error);
    }
    dr_server *server = err == DORA_OK ? calloc(1, sizeof(*server)) : NULL;
    if (server == NULL) {
        dr_signals_restore(&signals);
        dr_notify_close(&notify);
        (void)dr_sockets_fini(&sockets);
        return err != DORA_OK ? err : dora_error_set(error, DORA_ENOMEM, "out of memory");
    }
    server->service.notify = notify;
    server->doors.handed = sockets;
    dr_reload_queue_init(&server->asked);
    dr_rollout_init(&server->watch.told);
    server->backend.rollout = &server->watch.told;
    dr_guesses_init(&server->backend.guesses);
    dr_rates_init(&server->backend.rates);
    dr_places_init(&server->backend.places);
    server->backend.config = config;
    server->source = source;
    server->rehearsal = rehearsal;
    server->host = host;
    server->backend.start_time = (int64_t)time(NULL);
    server->backend.start_ms = dr_clock_ms();
    server->backend.commands = (dr_control_handler){dr_control_command, server};
    server->ready_fd = ready_fd;
    dr_elder_init(server, &signals);
    dr_moved_init(&server->heir.moved, &server->backend);
    dr_title_set("dora: master");
    dr_memory_keep();
    dr_certificates_init(server);
    err = dr_heir_begin(server, link_fd, &server->failure);
    err = err == DORA_OK ? make(server, &server->failure) : err;
    server->outcome = err;
    if (err == DORA_OK) {
        err = dr_supervise(server);
    }
    if (err != DORA_OK && error != NULL) {
        *error = server->failure;
    }
    dr_heir_fini(server, server->failure.msg);
    dr_elder_fini(server);
    dr_doors_fini(server);
    unmake(server);
    dr_notify_close(&server->service.notify);
    free(server);
    dr_signals_restore(&signals);
    return err;
}

dora_err dr_server_run(const dr_config *config, const dr_config_source *source,
                       const dora_host *host, dora_error *error)
{
    return run(config, source, host, NULL, error);
}

dora_err dr_server_rehearse(const dr_config *config, const dora_host *host,
                            const dr_rehearsal *rehearsal, dora_error *error)
{
    return run(config, NULL, host, rehearsal, error);
}
