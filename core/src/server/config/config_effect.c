/* config_effect.c: keys of a configuration file that have no effect beside the others. */
#include "server/config/config_effect.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/slice.h"
#include "server/config/config_take.h"
#include "server/config/json_locate.h"
#include "wire/json_parse.h"

#define KEY_BYTES_MAX 256
#define PLACE_BYTES_MAX 4096
#define KEYS_MAX 8 /* of one need */

/* need is what some keys need to have an effect. */
typedef struct need {
    bool (*is_met)(const dr_config *config);
    const char *why;            /* they have none where it is not, and the mend */
    const char *keys[KEYS_MAX]; /* "*" is each name */
} need;

static bool has_unix(const dr_config *config)
{
    return config->unix_path != NULL;
}

static bool has_http(const dr_config *config)
{
    return config->has_http;
}

static bool has_pages(const dr_config *config)
{
    return config->has_http || config->admin_host != NULL;
}

static bool has_rate(const dr_config *config)
{
    return config->http.rate_per_address > 0;
}

static bool has_tls(const dr_config *config)
{
    return config->tls_host != NULL;
}

static bool wants_certificates(const dr_config *config)
{
    return config->tls.verify != DR_TLS_VERIFY_NONE;
}

static bool sees_certificates(const dr_config *config)
{
    return has_tls(config) && wants_certificates(config);
}

static bool has_no_access(const dr_config *config)
{
    return config->access == NULL;
}

static bool has_sign(const dr_config *config)
{
    return config->sign;
}

static bool logs_slow(const dr_config *config)
{
    return config->log.requests == DR_LOG_REQUESTS_SLOW;
}

static bool has_canary(const dr_config *config)
{
    return config->reload.canary_percent > 0;
}

static bool has_collector(const dr_config *config)
{
    return config->trace.endpoint != NULL;
}

static bool has_redis(const dr_config *config)
{
    return config->discovery.redis.count > 0;
}

static bool is_for_use(const dr_config *config)
{
    return !config->dev;
}

static const need needs[] = {
    {has_unix,
     "without a Unix socket: set \"listen.unix\", or start with --unix",
     {"listen.unix_owner", "listen.unix_group", "listen.unix_mode", "access.identities.*.uid"}},
    {has_sign, "while \"sign\" is false: set that to true, at both ends", {"salt"}},
    {logs_slow, "while \"log.requests\" is not \"slow\": set that to it", {"log.slow_ms"}},
    {has_canary,
     "while \"reload.canary_percent\" is 0: set that, and new generations are watched",
     {"reload.watch_s", "reload.max_error_ratio", "reload.max_time_ratio", "reload.enough_calls"}},
    {has_collector,
     "without \"trace.endpoint\": set that, the URL of a collector",
     {"trace.service", "trace.headers", "trace.sample"}},
    {has_tls,
     "without \"listen.tls\": set that, where TLS is listened for",
     {"tls.cert", "tls.key", "tls.ca", "tls.crl", "tls.verify_client", "tls.min_version",
      "tls.handshake_ms"}},
    {wants_certificates,
     "while \"tls.verify_client\" is \"none\": set that to \"optional\" or \"required\"",
     {"tls.ca"}},
    {sees_certificates,
     "while no client is asked for a certificate: set \"listen.tls\" and \"tls.verify_client\"",
     {"access.identities.*.cert"}},
    {has_no_access,
     "beside \"access\": say who may give commands by \"control\" of its rules",
     {"control.allow", "control.http"}},
    {has_http,
     "without HTTP: set \"listen.http\", or start with --http",
     {"control.http", "http.rate_per_address", "http.burst_per_address"}},
    {has_pages,
     "without HTTP: set \"listen.http\" or \"listen.admin\", or start with --http or --admin",
     {"http.hosts"}},
    {has_rate,
     "without \"http.rate_per_address\": set that, the calls a second",
     {"http.burst_per_address"}},
    {has_redis,
     "without \"discovery.redis\": name the Redis to register in, or start with --redis",
     {"discovery.groups", "discovery.advertise"}},
    {is_for_use,
     "while \"dev\" is true: take that out of the file of a server that others use",
     {"stop_timeout_ms", "upgrade_timeout_ms", "reload.canary_percent", "pools.*.workers",
      "pools.*.time_limit_ms"}},
};

/* search is one need's, for where its keys stand in the file. */
typedef struct search {
    const dr_config *config;
    const char *why;
    void (*tell)(const char *place, const char *key, const char *why, void *user);
    void *user;
    const char *path[DR_CONFIG_DEPTH_MAX];
} search;

static void tell_one(const search *self, size_t depth)
{
    char key[KEY_BYTES_MAX] = "";
    char place[PLACE_BYTES_MAX];
    size_t line;
    size_t column;
    for (size_t i = 0; i < depth; i++) {
        const size_t len = strlen(key);
        (void)snprintf(key + len, sizeof(key) - len, "%s%s", i > 0 ? "." : "", self->path[i]);
    }
    (void)snprintf(place, sizeof(place), "%s", self->config->file);
    if (dr_place_find(dr_slice(self->config->text), self->path, depth, &line, &column)) {
        (void)snprintf(place, sizeof(place), "%.4000s:%zu:%zu", self->config->file, line, column);
    }
    self->tell(place, key, self->why, self->user);
}

/* go_down tells of what is there and not null, from the object `at` on, which is so deep. */
static void go_down(search *self, const json_t *at, const char *key, size_t depth)
{
    const char *name;
    json_t *value;
    const size_t len = strcspn(key, ".");
    json_object_foreach((json_t *)(uintptr_t)at, name, value)
    {
        const bool is_it = key[0] == '*' || (strlen(name) == len && memcmp(name, key, len) == 0);
        if (!is_it || json_is_null(value)) {
            continue;
        }
        self->path[depth] = name;
        if (key[len] == '.') {
            go_down(self, value, key + len + 1, depth + 1);
        } else {
            tell_one(self, depth + 1);
        }
    }
}

void dr_config_each_idle_key(const dr_config *config,
                             void (*tell)(const char *place, const char *key, const char *why,
                                          void *user),
                             void *user)
{
    json_error_t where;
    json_t *json = NULL;
    if (config->text != NULL) {
        const dora_slice text = dr_slice(config->text);
        (void)dr_json_parse(text, DR_SETTINGS_DEPTH_MAX, 0, &json, &where);
    }
    for (size_t i = 0; json != NULL && i < sizeof(needs) / sizeof(needs[0]); i++) {
        search self = {.config = config, .why = needs[i].why, .tell = tell, .user = user};
        const bool is_met = needs[i].is_met(config);
        for (size_t j = 0; !is_met && j < KEYS_MAX && needs[i].keys[j] != NULL; j++) {
            go_down(&self, json, needs[i].keys[j], 0);
        }
    }
    json_decref(json);
}
