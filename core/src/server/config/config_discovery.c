/* config_discovery.c: where a server registers, in which groups, as what: checked, and taken. */
#include "server/config/config_discovery.h"

#include "base/slice.h"
#include "server/config/config_take.h"

#include <string.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "discovery/entry.h"
#include "server/config/problem.h"
#include "wire/json.h"

/* keep puts a value that is good into its list. */
static dora_err keep(dr_texts *texts, const char *text, dora_error *error)
{
    return dr_texts_add(texts, text) == DORA_OK
               ? DORA_OK
               : dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
}

dora_err dr_discovery_add_redis(dr_config *config, const char *text, dora_error *error)
{
    dr_redis_url url;
    const dora_err err = dr_redis_url_read(dr_slice(text), &url, error);
    if (err != DORA_OK) {
        return err;
    }
    if (config->discovery.redis.count >= DR_DISCOVERY_REDIS_MAX) {
        return dora_error_set(error, DORA_EINVAL, "more than %u Redis", DR_DISCOVERY_REDIS_MAX);
    }
    return keep(&config->discovery.redis, text, error);
}

dora_err dr_discovery_add_group(dr_config *config, const char *text, dora_error *error)
{
    dr_texts *groups = &config->discovery.groups;
    const dora_slice name = dr_slice(text);
    if (name.len == 0 || name.len > DR_ENTRY_GROUP_BYTES_MAX || !dr_utf8_is_valid(name)) {
        return dora_error_set(error, DORA_EINVAL, "a group is UTF-8 text of 1 to %u bytes",
                              DR_ENTRY_GROUP_BYTES_MAX);
    }
    for (size_t i = 0; i < groups->count; i++) {
        if (strcmp(groups->items[i], text) == 0) {
            return dora_error_set(error, DORA_EINVAL, "\"%s\" stands there twice", text);
        }
    }
    if (groups->count >= DR_ENTRY_GROUPS_MAX) {
        return dora_error_set(error, DORA_EINVAL, "more than %u groups", DR_ENTRY_GROUPS_MAX);
    }
    return keep(groups, text, error);
}

dora_err dr_discovery_set_advertise(dr_config *config, const char *text, dora_error *error)
{
    dr_address address;
    if (dr_address_parse(dr_slice(text), address.host, &address.port) != DORA_OK) {
        return dora_error_set(error, DORA_EINVAL,
                              "must be \"IP:PORT\", such as \"10.0.0.5:9567\": what clients "
                              "connect to; port 0 is the one that is listened on");
    }
    if (strcmp(address.host, "0.0.0.0") == 0 || strcmp(address.host, "::") == 0) {
        return dora_error_set(error, DORA_EINVAL, "%s is nothing that clients can connect to",
                              text);
    }
    return dr_text_set(&config->discovery.advertise, text) == DORA_OK
               ? DORA_OK
               : dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
}

size_t dr_discovery_read(const dr_config *config, dr_redis_url *urls)
{
    const dr_texts *redis = &config->discovery.redis;
    for (size_t i = 0; i < redis->count; i++) {
        (void)dr_redis_url_read(dr_slice(redis->items[i]), &urls[i], NULL); /* was read before */
    }
    return redis->count;
}

bool dr_discovery_has_tls(const dr_config *config)
{
    dr_redis_url urls[DR_DISCOVERY_REDIS_MAX];
    const size_t count = dr_discovery_read(config, urls);
    for (size_t i = 0; i < count; i++) {
        if (urls[i].is_tls) {
            return true;
        }
    }
    return false;
}

dora_err dr_discovery_tls_open(const dr_config *config, dr_tls_context **tls, dora_error *error)
{
    dora_error why = {.err = DORA_OK};
    const dr_tls_settings settings = {.cert = config->discovery.tls.cert,
                                      .key = config->discovery.tls.key,
                                      .ca = config->discovery.tls.ca,
                                      .crl = config->discovery.tls.crl};
    *tls = NULL;
    if (!dr_discovery_has_tls(config)) {
        return DORA_OK;
    }
    const dora_err err = dr_tls_context_client(&settings, tls, &why);
    return err == DORA_OK ? DORA_OK : dora_error_set(error, err, "discovery.tls: %s", why.msg);
}

/* check_tls: who has written down whom to trust means TLS, and would get none. */
static void check_tls(const dr_config *config, const char *prefix, dora_error *problems)
{
    const char *const texts[] = {config->discovery.tls.ca, config->discovery.tls.cert,
                                 config->discovery.tls.key, config->discovery.tls.crl,
                                 config->discovery.tls.name};
    bool is_set = false;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        is_set = is_set || texts[i] != NULL;
    }
    if (is_set && !dr_discovery_has_tls(config)) {
        dr_problem_add(problems,
                       "%sdiscovery.tls: is there, and no Redis is spoken to with TLS: write "
                       "rediss:// in \"discovery.redis\"",
                       prefix);
    }
    if ((config->discovery.tls.cert == NULL) != (config->discovery.tls.key == NULL)) {
        dr_problem_add(problems, "%sdiscovery.tls: \"cert\" and \"key\" belong together", prefix);
    }
}

void dr_discovery_check(const dr_config *config, const char *prefix, dora_error *problems)
{
    char text[DR_REDIS_URL_TEXT_MAX];
    dr_redis_url urls[DR_DISCOVERY_REDIS_MAX];
    const size_t count = dr_discovery_read(config, urls);
    if (count > 0 && config->tcp_host == NULL) {
        dr_problem_add(problems,
                       "%sdiscovery.redis: needs \"listen.tcp\": clients that find the server in "
                       "Redis connect by TCP",
                       prefix);
    }
    check_tls(config, prefix, problems);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (urls[i].database == urls[j].database &&
                dr_address_is_same(&urls[i].address, &urls[j].address)) {
                dr_problem_add(problems, "%sdiscovery.redis: %s stands there twice", prefix,
                               dr_redis_url_text(&urls[i], text));
            }
        }
    }
}

dora_err dr_take_redis(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    (void)key;
    dr_config *config = object;
    dr_texts_fini(&config->discovery.redis);
    return dr_take_texts(r, json, config, dr_discovery_add_redis);
}

dora_err dr_take_groups(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    (void)key;
    dr_config *config = object;
    dr_texts_fini(&config->discovery.groups);
    return dr_take_texts(r, json, config, dr_discovery_add_group);
}

dora_err dr_take_advertise(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    (void)key;
    dora_error error;
    dr_config *config = object;
    if (json_is_null(json)) {
        return dr_text_set(&config->discovery.advertise, NULL);
    }
    if (!json_is_string(json)) {
        dr_reading_problem(r, "must be \"IP:PORT\", such as \"10.0.0.5:9567\", or null; port 0 is "
                              "the one that is listened on");
        return DORA_OK;
    }
    const dora_err err = dr_discovery_set_advertise(config, json_string_value(json), &error);
    if (err == DORA_EINVAL) {
        dr_reading_problem(r, "%s", error.msg);
    }
    return err == DORA_ENOMEM ? err : DORA_OK;
}

dora_err dr_take_tls_name(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    const char *text = json_string_value(json);
    if (!json_is_null(json) && (text == NULL || text[0] == '\0' || strlen(text) >= DR_HOST_BYTES ||
                                strpbrk(text, " \t\r\n/:") != NULL)) {
        dr_reading_problem(r, "must be the name of a host, as it stands in a certificate, or null");
        return DORA_OK;
    }
    return dr_text_set((char **)(void *)((char *)object + key->at), text);
}
