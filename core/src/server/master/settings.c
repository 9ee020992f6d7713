/* settings.c: the settings that change with a reload; all others want a restart. */
#include "server/master/settings.h"

#include <stdio.h>
#include <string.h>

#include "server/config/config_changes.h"
#include "server/config/config_effect.h"
#include "server/config/config_trace.h"
#include "server/master/master.h"
#include "server/ops/discovery.h"

#define LIST_BYTES_MAX 512 /* of keys; what does not fit is not named */

typedef struct list {
    char text[LIST_BYTES_MAX];
    size_t len;
} list;

/* take_access puts rules in force. Those that they replace are kept until no lane reads them. */
static void take_access(dr_server *server, const dr_config *config)
{
    dr_backend *backend = &server->backend;
    const dr_routes *routes = atomic_load(&backend->routes);
    dr_access *old = atomic_load(&backend->access);
    dr_access *access = dr_access_hold(config->access);
    if (access != NULL) {
        dr_caller_rows_fill(&backend->callers, access);
        access->number = ++server->access_number;
    }
    atomic_store(&backend->access, access);
    if (old != NULL) {
        old->retired_at = routes != NULL ? routes->number : 0;
        old->older = server->retired;
        server->retired = old;
    }
}

void dr_settings_forget(dr_server *server, uint32_t seen)
{
    dr_access **at = &server->retired;
    while (*at != NULL) {
        dr_access *access = *at;
        if (access->retired_at < seen) {
            *at = access->older;
            dr_access_free(access);
        } else {
            at = &access->older;
        }
    }
}

static void note_idle(const char *place, const char *key, const char *why, void *user)
{
    const dr_server *server = user;
    dr_log_write(server->backend.log, DR_LOG_NOTICE, "master", "%s: %s: has no effect %s", place,
                 key, why);
}

dora_err dr_settings_take(dr_server *server, const dr_config *config, dora_error *error)
{
    dr_backend *backend = &server->backend;
    const dr_spans_target target = dr_trace_target(config);
    const dora_err err = dr_spans_aim(backend->spans, &target, error);
    if (err != DORA_OK) {
        char why[sizeof(error->msg) - sizeof("trace.endpoint: ")];
        (void)snprintf(why, sizeof(why), "%.*s", (int)sizeof(why) - 1, error->msg);
        return dora_error_set(error, err, "trace.endpoint: %s", why);
    }
    atomic_store(&backend->spans_are_wanted, target.url != NULL);
    atomic_store(&backend->trace_sample, (uint32_t)(config->trace.sample * UINT32_MAX));
    atomic_store(&backend->log_slow_ms, config->log.slow_ms);
    atomic_store(&backend->log_requests, config->log.requests);
    dr_places_limit(&backend->places, config->connections_max, config->connections_per_address_max);
    dr_rates_limit(&backend->rates, config->http.rate_per_address, config->http.burst_per_address);
    take_access(server, config);
    if (!config->dev && server->rehearsal == NULL) { /* who develops starts often */
        dr_config_each_idle_key(config, note_idle, server);
    }
    return DORA_OK;
}

/* add_if_late takes a key that wants a restart. */
static void add_if_late(const char *key, void *user)
{
    list *self = user;
    if (strcmp(key, "log.slow_ms") == 0 || strcmp(key, "log.requests") == 0 ||
        strcmp(key, "connections_max") == 0 || strcmp(key, "connections_per_address_max") == 0 ||
        strcmp(key, "http.rate_per_address") == 0 || strcmp(key, "http.burst_per_address") == 0 ||
        strncmp(key, "trace", strlen("trace")) == 0 ||
        strncmp(key, "discovery.tls", strlen("discovery.tls")) == 0 ||
        strncmp(key, "access", strlen("access")) == 0 ||
        (strncmp(key, "tls", strlen("tls")) == 0 && strcmp(key, "tls.handshake_ms") != 0)) {
        return;
    }
    const int len = snprintf(self->text + self->len, sizeof(self->text) - self->len, "%s%s",
                             self->len > 0 ? ", " : "", key);
    const bool has_room = len > 0 && (size_t)len < sizeof(self->text) - self->len;
    self->len += has_room ? (size_t)len : 0;
    self->text[self->len] = '\0';
}

/* say_late writes what stands in the file by now and is not in force. */
static void say_late(const dr_server *server, const dr_config *now)
{
    list late = {.len = 0};
    dr_config_each_change(server->backend.config, now, add_if_late, &late);
    if (late.len > 0) {
        dr_log_write(server->backend.log, DR_LOG_NOTICE, "master",
                     "%s: changed and not in force before the server is restarted: %s", now->file,
                     late.text);
    }
}

void dr_settings_reload(dr_server *server)
{
    dr_config config = {0};
    dora_error error = {0};
    dora_err err = server->source->read(&config, server->source->user, &error);
    err = err == DORA_OK ? dr_settings_take(server, &config, &error) : err;
    if (err == DORA_OK) {
        if (dr_discovery_take_tls(&server->backend, &config, &error) != DORA_OK) {
            dr_log_write_lines(server->backend.log, DR_LOG_ERROR, "master",
                               "what discovery.tls was before stays in force: %s", error.msg);
        }
        say_late(server, &config);
    } else {
        dr_log_write_lines(server->backend.log, DR_LOG_ERROR, "master",
                           "the configuration is wrong by now, its settings stay as they were: %s",
                           error.msg);
    }
    dr_config_fini(&config);
}
