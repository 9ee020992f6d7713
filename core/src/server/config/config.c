/* config.c: the life of a dr_config, its defaults, and what must hold among its pools. */
#include "server/config/config.h"
#include "server/config/config_tls.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/machine.h"
#include "base/mem.h"
#include "base/slice.h"
#include "server/config/config_discovery.h"
#include "server/config/problem.h"
#include "wire/sign.h"

dora_err dr_text_set(char **place, const char *text)
{
    char *copy = NULL;
    if (text != NULL) {
        copy = dr_text_copy(text);
        if (copy == NULL) {
            return DORA_ENOMEM;
        }
    }
    dr_free(*place);
    *place = copy;
    return DORA_OK;
}

void dr_texts_fini(dr_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++) {
        dr_free(texts->items[i]);
    }
    dr_free(texts->items);
    texts->items = NULL;
    texts->count = 0;
}

dora_err dr_texts_add(dr_texts *texts, const char *text)
{
    char *copy = dr_text_copy(text);
    char **items = dr_realloc(texts->items, (texts->count + 1) * sizeof *items);
    if (items != NULL) {
        texts->items = items;
    }
    if (copy == NULL || items == NULL) {
        dr_free(copy);
        return DORA_ENOMEM;
    }
    texts->items[texts->count++] = copy;
    return DORA_OK;
}

static uint32_t workers_default(void)
{
    const uint32_t cpus = dr_machine_cpus("");
    return cpus < DR_POOL_WORKERS_MAX / 2 ? cpus * 2 : DR_POOL_WORKERS_MAX;
}

static const dr_rights_config RIGHTS_UNSET = {.umask = DR_UMASK_UNSET,
                                              .core_mb_max = DR_CORE_MB_UNSET};

static void rights_fini(dr_rights_config *rights)
{
    dr_free(rights->user);
    dr_free(rights->group);
}

static void pool_fini(dr_pool_config *pool)
{
    dr_free(pool->name);
    dr_free(pool->app);
    dr_free(pool->interpreter);
    dr_texts_fini(&pool->interpreter_args);
    dr_free(pool->extension);
    dr_texts_fini(&pool->ini);
    dr_texts_fini(&pool->env);
    dr_free(pool->env_file);
    dr_free(pool->cwd);
    rights_fini(&pool->rights);
    dr_texts_fini(&pool->apis);
}

dora_err dr_config_init(dr_config *config)
{
    *config = (dr_config){
        .tcp_port = 9567,
        .unix_mode = DR_UNIX_MODE_DEFAULT,
        .backlog = 3000,
        .frame_bytes_max = DR_FRAME_BYTES_MAX_DEFAULT,
        .linger_ms = 1000,
        .stop_timeout_ms = DR_STOP_TIMEOUT_MS_DEFAULT,
        .upgrade_timeout_ms = DR_UPGRADE_TIMEOUT_MS_DEFAULT,
        .hung_ms = DR_HUNG_MS_DEFAULT,
        .connection_mb_max = DR_CONNECTION_MB_MAX_DEFAULT,
        .stall_ms = DR_STALL_MS_DEFAULT,
        .connection_calls_max = DR_CONN_CALLS_MAX_DEFAULT,
        .tls = {.handshake_ms = DR_TLS_HANDSHAKE_MS_DEFAULT},
        .log = {.format = DR_LOG_TEXT, .level = 4, .slow_ms = DR_LOG_SLOW_MS_DEFAULT},
        .control = {.loopback = true, .local = true},
        .rights = RIGHTS_UNSET,
        .reload = {.watch_s = 30, .max_error_ratio = 1.5, .max_time_ratio = 2},
    };
    config->tcp_host = dr_text_copy(DR_HOST_DEFAULT);
    config->salt = dr_text_copy(DR_SALT_DEFAULT);
    config->trace.service = dr_text_copy(DR_SERVICE_DEFAULT);
    return config->tcp_host != NULL && config->salt != NULL && config->trace.service != NULL
               ? DORA_OK
               : DORA_ENOMEM;
}

void dr_config_fini(dr_config *config)
{
    for (size_t i = 0; i < config->pool_count; i++) {
        pool_fini(&config->pools[i]);
    }
    dr_free(config->pools);
    dr_free(config->tcp_host);
    dr_free(config->tls_host);
    dr_free(config->tls.cert);
    dr_free(config->tls.key);
    dr_free(config->tls.ca);
    dr_free(config->tls.crl);
    dr_free(config->http_host);
    dr_free(config->unix_path);
    dr_free(config->unix_owner);
    dr_free(config->unix_group);
    dr_free(config->admin_host);
    dr_free(config->salt);
    dr_free(config->pid_file);
    rights_fini(&config->rights);
    dr_free(config->master_user);
    dr_free(config->log.file);
    dr_access_free(config->access);
    dr_texts_fini(&config->http.hosts);
    dr_texts_fini(&config->discovery.redis);
    dr_texts_fini(&config->discovery.groups);
    dr_free(config->discovery.advertise);
    dr_free(config->discovery.tls.ca);
    dr_free(config->discovery.tls.cert);
    dr_free(config->discovery.tls.key);
    dr_free(config->discovery.tls.crl);
    dr_free(config->discovery.tls.name);
    dr_free(config->file);
    dr_free(config->text);
    dr_free(config->trace.endpoint);
    dr_free(config->trace.service);
    dr_texts_fini(&config->trace.headers);
    *config = (dr_config){0};
}

dr_pool_config *dr_config_pool_add(dr_config *config, const char *name, dr_runtime_kind runtime,
                                   const char *app)
{
    dr_pool_config pool = {
        .runtime = runtime,
        .workers = workers_default(),
        .concurrency = 1,
        .threads = 1,
        .queue_tasks_max = 16384,
        .queue_mb_max = 64,
        .max_requests = DR_MAX_REQUESTS_AUTO,
        .time_limit_ms = DR_TIME_LIMIT_MS_DEFAULT,
        .kill_after_ms = DR_KILL_AFTER_MS_DEFAULT,
        .stream_idle_ms = DR_STREAM_IDLE_MS_DEFAULT,
        .newest_first_ms = DR_NEWEST_FIRST_MS,
        .hung_ms = DR_HUNG_UNSET,
        .poison_s = DR_POISON_S_DEFAULT,
        .restarts_per_minute = DR_RESTARTS_MINUTE,
        .preload = true,
        .dedupe = true,
        .rights = RIGHTS_UNSET,
    };
    pool.name = dr_text_copy(name);
    pool.app = dr_text_copy(app);
    size_t size = (config->pool_count + 1) * sizeof *config->pools;
    dr_pool_config *pools = dr_realloc(config->pools, size);
    if (pools != NULL) {
        config->pools = pools;
    }
    if (pool.name == NULL || pool.app == NULL || pools == NULL) {
        pool_fini(&pool);
        return NULL;
    }
    config->pools[config->pool_count] = pool;
    return &config->pools[config->pool_count++];
}

bool dr_app_is_module(dr_runtime_kind runtime, const char *app)
{
    size_t len = strlen(app);
    bool is_file = len > 3 && strcmp(app + len - 3, ".py") == 0;
    return dr_runtime_of(runtime)->has_modules && !is_file && strchr(app, ':') != NULL;
}

static void check_app(const dr_pool_config *pool, const char *prefix, dora_error *problems)
{
    struct stat status;
    if (dr_app_is_module(pool->runtime, pool->app)) {
        return;
    }
    if (stat(pool->app, &status) != 0 || access(pool->app, R_OK) != 0) {
        dr_problem_add(problems, "%spools.%s.app: %s: %s", prefix, pool->name, pool->app,
                       strerror(errno));
    } else if (!S_ISREG(status.st_mode)) {
        dr_problem_add(problems, "%spools.%s.app: %s: not a file", prefix, pool->name, pool->app);
    }
}

static void check_two(const dr_pool_config *one, const dr_pool_config *other, const char *prefix,
                      dora_error *problems)
{
    if (strcmp(one->name, other->name) == 0) {
        dr_problem_add(problems, "%spools.%s: two pools have this name", prefix, one->name);
    }
    for (size_t i = 0; i < one->apis.count; i++) {
        for (size_t j = 0; j < other->apis.count; j++) {
            if (strcmp(one->apis.items[i], other->apis.items[j]) == 0) {
                dr_problem_add(problems,
                               "%spools.%s.apis: \"%s\" stands in pools.%s.apis too; "
                               "a name belongs to one pool",
                               prefix, other->name, one->apis.items[i], one->name);
            }
        }
    }
}

dora_err dr_config_check(const dr_config *config, const char *where, dora_error *error)
{
    dora_error local;
    dora_error *problems = error != NULL ? error : &local;
    char prefix[1024] = "";
    if (where != NULL) {
        size_t len = strnlen(where, sizeof prefix - 3);
        memcpy(prefix, where, len);
        memcpy(prefix + len, ": ", 3);
    }
    dr_problem_clear(problems);
    if (config->tcp_host == NULL && config->tls_host == NULL && config->unix_path == NULL &&
        !config->has_http) {
        dr_problem_add(problems, "%slisten: neither tcp, tls nor unix is set; nobody could call",
                       prefix);
    }
    if (config->pool_count > DR_POOLS_MAX) {
        dr_problem_add(problems, "%spools: %zu pools; at most %d are possible", prefix,
                       config->pool_count, DR_POOLS_MAX);
    }
    if (config->daemonize && config->log.file == NULL) {
        dr_problem_add(problems,
                       "%sdaemonize: needs \"log.file\": a daemon has no terminal to write its log "
                       "to",
                       prefix);
    }
    if (config->daemonize && config->dev) {
        dr_problem_add(problems, "%sdaemonize: not with \"dev\", which is for a terminal", prefix);
    }
    dr_config_tls_check(config, prefix, problems);
    dr_discovery_check(config, prefix, problems);
    for (size_t i = 0; i < config->pool_count; i++) {
        check_app(&config->pools[i], prefix, problems);
        for (size_t j = 0; j < i; j++) {
            check_two(&config->pools[j], &config->pools[i], prefix, problems);
        }
    }
    return problems->err;
}

void dr_config_settle_dev(dr_config *config)
{
    if (!config->dev) {
        return;
    }
    for (size_t i = 0; i < config->pool_count; i++) {
        config->pools[i].workers = 1;
        config->pools[i].time_limit_ms = 0;
    }
    config->stop_timeout_ms = DR_DEV_STOP_MS;
    config->reload.canary_percent = 0;
}

dora_frame_options dr_config_frame_options(const dr_config *config)
{
    dora_frame_options options = {
        .size = sizeof options,
        .sign = config->sign,
        .gzip = config->gzip,
        .salt = dr_slice(config->salt),
        .bytes_max = config->frame_bytes_max,
    };
    return options;
}

uint64_t dr_config_stop_ms_max(const dr_config *config)
{
    const uint64_t ends_ms = (uint64_t)config->linger_ms + DR_STOP_ANSWER_MS; /* of the lanes */
    const uint64_t leaves_ms = DR_ZYGOTE_GRACE_MS * 2;                        /* of the crews */
    uint32_t grace_ms = 0;
    for (size_t i = 0; i < config->pool_count; i++) {
        const uint32_t ms = config->pools[i].kill_after_ms;
        grace_ms = ms > grace_ms ? ms : grace_ms;
    }
    return config->stop_timeout_ms == 0 ? 0
                                        : config->drain_ms + (uint64_t)config->stop_timeout_ms +
                                              grace_ms + ends_ms + leaves_ms;
}
