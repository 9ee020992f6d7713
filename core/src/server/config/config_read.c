/* config_read.c: dora.json to a dr_config. Every key stands in one of the tables below. */
#include "server/config/config_read.h"

#include "server/config/config_take.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/address.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "server/config/config_access.h"
#include "server/config/config_discovery.h"
#include "server/config/config_http.h"
#include "server/config/config_launch.h"
#include "server/config/config_reload.h"
#include "server/config/config_rights.h"
#include "server/config/config_tls.h"
#include "server/config/config_trace.h"
#include "server/config/problem.h"
#include "wire/json.h"
#include "wire/json_parse.h"

#define CONFIG_BYTES_MAX (4u * 1024 * 1024) /* a file written by hand is far below */
#define POOL_NAME_MAX 64                    /* it is part of process names and log lines */

#define CONFIG(member) offsetof(dr_config, member)
#define POOL(member) offsetof(dr_pool_config, member)

static dora_err take_salt(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    (void)key;
    if (!json_is_string(json)) {
        dr_reading_problem(r, "must be a string");
        return DORA_OK;
    }
    return dr_text_set(&((dr_config *)object)->salt, json_string_value(json));
}

/* take_address reads where to listen; `example` is what is usual. */
static dora_err take_address(dr_reading *r, const json_t *json, char **host, uint16_t *port,
                             const char *example)
{
    char name[DR_HOST_BYTES];
    dora_slice text = {json_string_value(json), json_string_length(json)};
    if (json_is_null(json)) {
        return dr_text_set(host, NULL);
    }
    if (!json_is_string(json) || dr_address_parse(text, name, port) != DORA_OK) {
        dr_reading_problem(
            r, "must be \"HOST:PORT\", such as \"%s\", or null; port 0 picks a free one", example);
        return DORA_OK;
    }
    return dr_text_set(host, name);
}

static dora_err take_tcp(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    (void)key;
    dr_config *config = object;
    return take_address(r, json, &config->tcp_host, &config->tcp_port, "127.0.0.1:9567");
}

static dora_err take_tls(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    (void)key;
    dr_config *config = object;
    return take_address(r, json, &config->tls_host, &config->tls_port, "0.0.0.0:9569");
}

static dora_err take_admin(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    (void)key;
    dr_config *config = object;
    return take_address(r, json, &config->admin_host, &config->admin_port, "127.0.0.1:9568");
}

static dora_err take_http(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    (void)key;
    dr_config *config = object;
    char host[DR_HOST_BYTES];
    dora_slice text = {json_string_value(json), json_string_length(json)};
    const json_int_t port = json_integer_value(json);
    config->has_http = !json_is_null(json);
    if (json_is_null(json) || (json_is_integer(json) && port >= 0 && port <= UINT16_MAX)) {
        config->http_port = (uint16_t)port;
        return dr_text_set(&config->http_host, NULL);
    }
    if (!json_is_string(json) || dr_address_parse(text, host, &config->http_port) != DORA_OK) {
        dr_reading_problem(
            r, "must be a port, \"HOST:PORT\", such as \"127.0.0.1:9566\", or null; port 0 "
               "picks a free one");
        return DORA_OK;
    }
    return dr_text_set(&config->http_host, host);
}

static dora_err take_requests(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    static const char *const names[] = {"none", "errors", "slow", "all"};
    const char *text = json_is_string(json) ? json_string_value(json) : "";
    dr_config *config = object;
    (void)key;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) == 0) {
            config->log.requests = (dr_log_requests)i;
            return DORA_OK;
        }
    }
    dr_reading_problem(r, "must be \"none\", \"errors\", \"slow\" or \"all\"");
    return DORA_OK;
}

static dora_err take_format(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    (void)key;
    const char *text = json_is_string(json) ? json_string_value(json) : "";
    dr_config *config = object;
    if (strcmp(text, "text") == 0) {
        config->log.format = DR_LOG_TEXT;
    } else if (strcmp(text, "json") == 0) {
        config->log.format = DR_LOG_JSON;
    } else {
        dr_reading_problem(r, "must be \"text\" or \"json\"");
    }
    return DORA_OK;
}

static dora_err take_runtime(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    (void)key;
    dr_pool_config *pool = object;
    const dr_runtime_kind kind =
        dr_runtime_find(json_is_string(json) ? json_string_value(json) : "");
    if (kind == DR_RUNTIME_COUNT) {
        dr_reading_problem(r, "must be " DR_RUNTIME_NAMES);
    } else {
        pool->runtime = kind;
    }
    return DORA_OK;
}

static dora_err take_app(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    (void)key;
    if (!json_is_string(json) || json_string_length(json) == 0) {
        dr_reading_problem(r, "must be a file, or module:attr for Python");
        return DORA_OK;
    }
    return dr_text_set(&((dr_pool_config *)object)->app, json_string_value(json));
}

static dora_err take_allow(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    (void)key;
    dr_config *config = object;
    bool is_good = json_is_array(json);
    config->control.loopback = false;
    config->control.local = false;
    config->control.any = false;
    for (size_t i = 0; i < json_array_size(json); i++) {
        const json_t *item = json_array_get(json, i);
        const char *text = json_is_string(item) ? json_string_value(item) : "";
        if (strcmp(text, "loopback") == 0) {
            config->control.loopback = true;
        } else if (strcmp(text, "unix") == 0) {
            config->control.local = true;
        } else if (strcmp(text, "any") == 0) {
            config->control.any = true;
        } else {
            is_good = false;
        }
    }
    if (!is_good) {
        dr_reading_problem(r, "must be a list of \"loopback\", \"unix\" and \"any\"");
    }
    return DORA_OK;
}

/* take_time_limit: a limit that was asked for counts for accepted work, too; the default does not:
 * nobody waits for that. */
static dora_err take_time_limit(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    ((dr_pool_config *)object)->limits_accepted = true;
    return dr_take_uint(r, key, json, object);
}

static dora_err take_max_requests(dr_reading *r, const dr_key *key, const json_t *json,
                                  void *object)
{
    const char *text = json_string_value(json);
    if (text != NULL && strcmp(text, "auto") == 0) {
        ((dr_pool_config *)object)->max_requests = DR_MAX_REQUESTS_AUTO;
        return DORA_OK;
    }
    const json_int_t number = json_is_integer(json) ? json_integer_value(json) : -1;
    if (number < 0 || number > key->max) {
        dr_reading_problem(r, "must be \"auto\" or a whole number from 0 to %u", key->max);
        return DORA_OK;
    }
    return dr_take_uint(r, key, json, object);
}

static bool is_api_pattern(const json_t *json)
{
    const char *text = json_string_value(json);
    size_t len = json_string_length(json);
    const char *star = text != NULL ? strchr(text, '*') : NULL;
    bool is_star_last = star == NULL || star[1] == '\0';
    return text != NULL && len > 0 && len <= DR_API_NAME_MAX && is_star_last;
}

static dora_err take_apis(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    (void)key;
    dr_texts *apis = &((dr_pool_config *)object)->apis;
    size_t count = json_array_size(json);
    if (!json_is_array(json)) {
        dr_reading_problem(r, "must be a list of api names");
        return DORA_OK;
    }
    dr_texts_fini(apis);
    apis->items = dr_calloc(count, sizeof *apis->items);
    if (apis->items == NULL) {
        return DORA_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(json, i);
        if (!is_api_pattern(item)) {
            dr_reading_problem(r,
                               "item %zu must be a name of 1 to %d bytes, exact or ending in \"*\"",
                               i + 1, DR_API_NAME_MAX);
            return DORA_OK;
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(apis->items[j], json_string_value(item)) == 0) {
                dr_reading_problem(r, "\"%s\" stands there twice", apis->items[j]);
            }
        }
        apis->items[i] = dr_text_copy(json_string_value(item));
        if (apis->items[i] == NULL) {
            return DORA_ENOMEM;
        }
        apis->count = i + 1;
    }
    return DORA_OK;
}

static dora_err take_object(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    return dr_take_members(r, key->keys, json, object);
}

static bool is_pool_name(const char *name)
{
    size_t len = strnlen(name, POOL_NAME_MAX + 1);
    for (size_t i = 0; i < len; i++) {
        bool is_alnum = (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z') ||
                        (name[i] >= '0' && name[i] <= '9');
        if (!is_alnum && name[i] != '_' && name[i] != '-' && name[i] != '.') {
            return false;
        }
    }
    return len > 0 && len <= POOL_NAME_MAX;
}

/* settle_pool looks for what a pool of a file must have. */
static dora_err settle_pool(dr_reading *r, const json_t *json, dr_pool_config *pool)
{
    const char *app = json_string_value(json_object_get(json, "app"));
    bool has_runtime = json_is_string(json_object_get(json, "runtime"));
    if (json_object_get(json, "runtime") == NULL) {
        dr_reading_problem(r, "has no \"runtime\"; it must be " DR_RUNTIME_NAMES);
    }
    if (json_object_get(json, "app") == NULL) {
        dr_reading_problem(r, "has no \"app\"; it must be a file, or module:attr for Python");
    }
    if (!has_runtime || app == NULL) {
        return DORA_OK;
    }
    dr_pool_settle(r, pool);
    if (dr_app_is_module(pool->runtime, app)) {
        return DORA_OK;
    }
    return dr_reading_set_path(r, &pool->app, app);
}

/* The tables. Order is that of the documentation. */
static const dr_key LISTEN_KEYS[] = {
    {.name = "tcp", .take = take_tcp},
    {.name = "tls", .take = take_tls},
    {.name = "http", .take = take_http},
    {.name = "unix", .take = dr_take_path, .at = CONFIG(unix_path)},
    {.name = "unix_owner", .take = dr_take_user, .at = CONFIG(unix_owner)},
    {.name = "unix_group", .take = dr_take_user, .at = CONFIG(unix_group)},
    {.name = "unix_mode", .take = dr_take_mode, .at = CONFIG(unix_mode)},
    {.name = "admin", .take = take_admin},
    {.name = NULL},
};

static const dr_key LOG_KEYS[] = {
    {.name = "file", .take = dr_take_path, .at = CONFIG(log.file)},
    {.name = "format", .take = take_format},
    {.name = "level", .take = dr_take_uint, .at = CONFIG(log.level), .min = 1, .max = 9},
    {.name = "requests", .take = take_requests},
    {.name = "slow_ms", .take = dr_take_uint, .at = CONFIG(log.slow_ms), .max = 86400000},
    {.name = NULL},
};

static const dr_key CONTROL_KEYS[] = {
    {.name = "allow", .take = take_allow},
    {.name = "http", .take = dr_take_bool, .at = CONFIG(control.http)},
    {.name = NULL},
};

static const dr_key DISCOVERY_TLS_KEYS[] = {
    {.name = "ca", .take = dr_take_path, .at = CONFIG(discovery.tls.ca)},
    {.name = "cert", .take = dr_take_path, .at = CONFIG(discovery.tls.cert)},
    {.name = "key", .take = dr_take_path, .at = CONFIG(discovery.tls.key)},
    {.name = "crl", .take = dr_take_path, .at = CONFIG(discovery.tls.crl)},
    {.name = "name", .take = dr_take_tls_name, .at = CONFIG(discovery.tls.name)},
    {.name = NULL},
};

static const dr_key DISCOVERY_KEYS[] = {
    {.name = "redis", .take = dr_take_redis},
    {.name = "groups", .take = dr_take_groups},
    {.name = "advertise", .take = dr_take_advertise},
    {.name = "tls", .take = take_object, .keys = DISCOVERY_TLS_KEYS},
    {.name = NULL},
};

static const dr_key POOL_KEYS[] = {
    {.name = "runtime", .take = take_runtime},
    {.name = "app", .take = take_app},
    {.name = "interpreter", .take = dr_take_interpreter, .at = POOL(interpreter)},
    {.name = "extension", .take = dr_take_program, .at = POOL(extension)},
    {.name = "ini", .take = dr_take_ini},
    {.name = "env", .take = dr_take_env},
    {.name = "env_file", .take = dr_take_path, .at = POOL(env_file)},
    {.name = "cwd", .take = dr_take_path, .at = POOL(cwd)},
    {.name = "user", .take = dr_take_user, .at = POOL(rights.user)},
    {.name = "group", .take = dr_take_user, .at = POOL(rights.group)},
    {.name = "umask", .take = dr_take_mode, .at = POOL(rights.umask)},
    {.name = "no_new_privs", .take = dr_take_choice, .at = POOL(rights.no_new_privs)},
    {.name = "core_mb_max",
     .take = dr_take_uint,
     .at = POOL(rights.core_mb_max),
     .max = DR_CORE_MB_MAX},
    {.name = "workers",
     .take = dr_take_uint,
     .at = POOL(workers),
     .min = 1,
     .max = DR_POOL_WORKERS_MAX},
    {.name = "concurrency",
     .take = dr_take_uint,
     .at = POOL(concurrency),
     .min = 1,
     .max = DR_CONCURRENCY_MAX},
    {.name = "threads", .take = dr_take_uint, .at = POOL(threads), .min = 1, .max = DR_THREADS_MAX},
    {.name = "apis", .take = take_apis},
    {.name = "queue_tasks_max",
     .take = dr_take_uint,
     .at = POOL(queue_tasks_max),
     .min = 1,
     .max = 1u << 20},
    {.name = "queue_mb_max",
     .take = dr_take_uint,
     .at = POOL(queue_mb_max),
     .min = 1,
     .max = 16384},
    {.name = "max_requests",
     .take = take_max_requests,
     .at = POOL(max_requests),
     .max = 1000000000},
    {.name = "memory_mb_max", .take = dr_take_uint, .at = POOL(memory_mb_max), .max = 1u << 20},
    {.name = "memory_hard_mb", .take = dr_take_uint, .at = POOL(memory_hard_mb), .max = 1u << 20},
    {.name = "time_limit_ms",
     .take = take_time_limit,
     .at = POOL(time_limit_ms),
     .max = DR_TIME_LIMIT_MS_MAX},
    {.name = "kill_after_ms",
     .take = dr_take_uint,
     .at = POOL(kill_after_ms),
     .max = DR_KILL_AFTER_MS_MAX},
    {.name = "stream_idle_ms",
     .take = dr_take_uint,
     .at = POOL(stream_idle_ms),
     .max = DR_STREAM_IDLE_MS_MAX},
    {.name = "newest_first_ms", .take = dr_take_uint, .at = POOL(newest_first_ms), .max = 86400000},
    {.name = "hung_ms", .take = dr_take_uint, .at = POOL(hung_ms), .max = 86400000},
    {.name = "restarts_per_minute",
     .take = dr_take_uint,
     .at = POOL(restarts_per_minute),
     .max = 1000000},
    {.name = "poison_s", .take = dr_take_uint, .at = POOL(poison_s), .max = 86400},
    {.name = "preload", .take = dr_take_bool, .at = POOL(preload)},
    {.name = "dedupe", .take = dr_take_bool, .at = POOL(dedupe)},
    {.name = "cancel", .take = dr_take_bool, .at = POOL(cancel)},
    {.name = NULL},
};

const dr_key *dr_pool_keys(void)
{
    return POOL_KEYS;
}

static dora_err take_pools(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    (void)key;
    const char *name;
    const json_t *value;
    dora_err err = DORA_OK;
    if (!json_is_object(json)) {
        dr_reading_problem(r, "must be an object: {\"NAME\": {...}}");
        return DORA_OK;
    }
    r->depth++;
    json_object_foreach((json_t *)(uintptr_t)json, name, value)
    {
        r->path[r->depth - 1] = name;
        if (!is_pool_name(name)) {
            dr_reading_problem(r, "a pool's name is 1 to %d letters, digits, \"_\", \"-\" or \".\"",
                               POOL_NAME_MAX);
        }
        dr_pool_config *pool = dr_config_pool_add(object, name, DR_RUNTIME_C, "");
        err = pool != NULL ? dr_take_members(r, POOL_KEYS, value, pool) : DORA_ENOMEM;
        if (err == DORA_OK && json_is_object(value)) {
            err = settle_pool(r, value, pool);
        }
        if (err != DORA_OK) {
            break;
        }
    }
    r->depth--;
    return err;
}

static const dr_key CONFIG_KEYS[] = {
    {.name = "listen", .take = take_object, .keys = LISTEN_KEYS},
    {.name = "reactors", .take = dr_take_uint, .at = CONFIG(reactors), .max = DR_REACTORS_MAX},
    {.name = "backlog", .take = dr_take_uint, .at = CONFIG(backlog), .min = 1, .max = 65535},
    {.name = "frame_bytes_max",
     .take = dr_take_uint,
     .at = CONFIG(frame_bytes_max),
     .min = 1024,
     .max = DR_FRAME_BYTES_MAX_MAX},
    {.name = "idle_s", .take = dr_take_uint, .at = CONFIG(idle_s), .max = 86400},
    {.name = "linger_ms", .take = dr_take_uint, .at = CONFIG(linger_ms), .max = 60000},
    {.name = "drain_ms", .take = dr_take_uint, .at = CONFIG(drain_ms), .max = 600000},
    {.name = "stop_timeout_ms",
     .take = dr_take_uint,
     .at = CONFIG(stop_timeout_ms),
     .max = 86400000},
    {.name = "upgrade_timeout_ms",
     .take = dr_take_uint,
     .at = CONFIG(upgrade_timeout_ms),
     .min = 1,
     .max = 3600000},
    {.name = "hung_ms", .take = dr_take_uint, .at = CONFIG(hung_ms), .max = 86400000},
    {.name = "original", .take = dr_take_bool, .at = CONFIG(original)},
    {.name = "connection_mb_max",
     .take = dr_take_uint,
     .at = CONFIG(connection_mb_max),
     .min = 1,
     .max = 1u << 20},
    {.name = "buffers_mb_max", .take = dr_take_uint, .at = CONFIG(buffers_mb_max), .max = 1u << 30},
    {.name = "stall_ms", .take = dr_take_uint, .at = CONFIG(stall_ms), .max = 86400000},
    {.name = "frame_ms", .take = dr_take_uint, .at = CONFIG(frame_ms), .max = 86400000},
    {.name = "connections_max",
     .take = dr_take_uint,
     .at = CONFIG(connections_max),
     .max = DR_CONNECTIONS_MAX_MAX},
    {.name = "connections_per_address_max",
     .take = dr_take_uint,
     .at = CONFIG(connections_per_address_max),
     .max = DR_CONNECTIONS_MAX_MAX},
    {.name = "connection_calls_max",
     .take = dr_take_uint,
     .at = CONFIG(connection_calls_max),
     .min = 1,
     .max = 1u << 20},
    {.name = "sign", .take = dr_take_bool, .at = CONFIG(sign)},
    {.name = "salt", .take = take_salt},
    {.name = "gzip", .take = dr_take_bool, .at = CONFIG(gzip)},
    {.name = "daemonize", .take = dr_take_bool, .at = CONFIG(daemonize)},
    {.name = "pid_file", .take = dr_take_path, .at = CONFIG(pid_file)},
    {.name = "dev", .take = dr_take_bool, .at = CONFIG(dev)},
    {.name = "user", .take = dr_take_user, .at = CONFIG(rights.user)},
    {.name = "group", .take = dr_take_user, .at = CONFIG(rights.group)},
    {.name = "umask", .take = dr_take_mode, .at = CONFIG(rights.umask)},
    {.name = "no_new_privs", .take = dr_take_choice, .at = CONFIG(rights.no_new_privs)},
    {.name = "core_mb_max",
     .take = dr_take_uint,
     .at = CONFIG(rights.core_mb_max),
     .max = DR_CORE_MB_MAX},
    {.name = "master_user", .take = dr_take_user, .at = CONFIG(master_user)},
    {.name = "log", .take = take_object, .keys = LOG_KEYS},
    {.name = "reload", .take = take_object, .keys = dr_config_reload_keys},
    {.name = "trace", .take = take_object, .keys = dr_config_trace_keys},
    {.name = "tls", .take = take_object, .keys = dr_config_tls_keys},
    {.name = "control", .take = take_object, .keys = CONTROL_KEYS},
    {.name = "access", .take = dr_take_access, .keys = dr_config_access_keys},
    {.name = "http", .take = take_object, .keys = dr_config_http_keys},
    {.name = "discovery", .take = take_object, .keys = DISCOVERY_KEYS},
    {.name = "pools", .take = take_pools},
    {.name = NULL},
};

const dr_key *dr_config_keys(void)
{
    return CONFIG_KEYS;
}

dora_err dr_config_parse(dr_config *config, dora_slice text, const char *path, dora_error *error)
{
    dora_error local;
    json_error_t where;
    dr_reading r = {.config = config, .text = text, .file = path, .problems = error};
    if (error == NULL) {
        r.problems = &local;
    }
    dr_problem_clear(r.problems);
    json_t *json;
    if (dr_json_parse(text, DR_SETTINGS_DEPTH_MAX, JSON_REJECT_DUPLICATES, &json, &where) !=
        DORA_OK) {
        return dora_error_set(r.problems, DORA_ECONFIG, "%s:%d:%d: %s", path, where.line,
                              where.column, where.text);
    }
    dora_err err = dr_take_members(&r, CONFIG_KEYS, json, config);
    json_decref(json);
    if (err != DORA_OK) {
        return dora_error_set(r.problems, err, "%s: %s", path, dora_err_text(err));
    }
    return r.problems->err;
}

/* keep_text is for who asks later what has changed: dr_config_each_change. */
static dora_err keep_text(dr_config *config, const char *path, dr_buf *text, dora_error *error)
{
    dora_err err = dr_text_set(&config->file, path);
    err = err == DORA_OK ? dr_buf_append(text, "", 1) : err;
    err = err == DORA_OK ? dr_text_set(&config->text, text->data) : err;
    return err == DORA_OK ? DORA_OK
                          : dora_error_set(error, err, "%s: %s", path, dora_err_text(err));
}

dora_err dr_config_load(dr_config *config, const char *path, dora_error *error)
{
    dr_buf text = {0};
    dora_err err = DORA_OK;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return dora_error_set(error, DORA_EIO, "%s: %s", path, strerror(errno));
    }
    size_t got = 1;
    while (err == DORA_OK && got > 0 && text.len <= CONFIG_BYTES_MAX) {
        err = dr_buf_reserve(&text, 4096);
        if (err == DORA_OK) {
            got = fread(text.data + text.len, 1, 4096, file);
            text.len += got;
        }
    }
    if (err != DORA_OK) {
        dora_error_set(error, err, "%s: %s", path, dora_err_text(err));
    } else if (ferror(file) != 0) {
        err = dora_error_set(error, DORA_EIO, "%s: %s", path, strerror(errno));
    } else if (text.len > CONFIG_BYTES_MAX) {
        err =
            dora_error_set(error, DORA_ECONFIG, "%s: larger than %u bytes", path, CONFIG_BYTES_MAX);
    } else {
        err = dr_config_parse(config, dr_buf_slice(&text), path, error);
        err = err == DORA_OK ? keep_text(config, path, &text, error) : err;
    }
    fclose(file);
    dr_buf_fini(&text);
    return err;
}
