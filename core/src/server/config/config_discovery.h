/* config_discovery.h: where a server registers, in which groups, as what. */
#ifndef DR_SERVER_CONFIG_DISCOVERY_H
#define DR_SERVER_CONFIG_DISCOVERY_H

#include "server/config/config_take.h"
#include "tls/context.h"

/* dr_discovery_add_redis, dr_discovery_add_group and dr_discovery_set_advertise
 * take one value each. Errors: DORA_ENOMEM; DORA_EINVAL, saying what is wrong with it and, of a
 * Redis, not its password. dr_discovery_read gives all Redis of a config as `urls`, which has room
 * for DR_DISCOVERY_REDIS_MAX; dr_discovery_has_tls says whether any is spoken to with TLS.
 * dr_discovery_check adds to `problems` what does not fit together. */
dora_err dr_discovery_add_redis(dr_config *config, const char *text, dora_error *error);
dora_err dr_discovery_add_group(dr_config *config, const char *text, dora_error *error);
dora_err dr_discovery_set_advertise(dr_config *config, const char *text, dora_error *error);
size_t dr_discovery_read(const dr_config *config, dr_redis_url *urls);
bool dr_discovery_has_tls(const dr_config *config);
void dr_discovery_check(const dr_config *config, const char *prefix, dora_error *problems);

/* dr_discovery_tls_open reads the files of `discovery.tls`; without a Redis of TLS `*tls` is NULL.
 * Errors: as dr_tls_context_client, with the key before it. Ownership: gives. */
dora_err dr_discovery_tls_open(const dr_config *config, dr_tls_context **tls, dora_error *error);

/* The dr_take_fn of lists of texts, of an address or null, and of a host's name or null. */
dora_err dr_take_redis(dr_reading *r, const dr_key *key, const json_t *json, void *object);
dora_err dr_take_groups(dr_reading *r, const dr_key *key, const json_t *json, void *object);
dora_err dr_take_advertise(dr_reading *r, const dr_key *key, const json_t *json, void *object);
dora_err dr_take_tls_name(dr_reading *r, const dr_key *key, const json_t *json, void *object);

#endif
