/* config_discovery.h: where a server registers, in which groups, as what. */
#ifndef DR_SERVER_CONFIG_DISCOVERY_H
#define DR_SERVER_CONFIG_DISCOVERY_H

#include "server/config/config_take.h"

/* dr_discovery_add_redis, dr_discovery_add_group and dr_discovery_set_advertise
 * take one value each. Errors: DORA_ENOMEM; DORA_EINVAL, saying what is wrong with it and, of a
 * Redis, not its password. dr_discovery_read gives all Redis of a config as `urls`, which has room
 * for DR_DISCOVERY_REDIS_MAX. dr_discovery_check adds to `problems` what does not fit together. */
dora_err dr_discovery_add_redis(dr_config *config, const char *text, dora_error *error);
dora_err dr_discovery_add_group(dr_config *config, const char *text, dora_error *error);
dora_err dr_discovery_set_advertise(dr_config *config, const char *text, dora_error *error);
size_t dr_discovery_read(const dr_config *config, dr_redis_url *urls);
void dr_discovery_check(const dr_config *config, const char *prefix, dora_error *problems);

/* The dr_take_fn of lists of texts, and of an address or null. */
dora_err dr_take_redis(dr_reading *r, const dr_key *key, const json_t *json, void *object);
dora_err dr_take_groups(dr_reading *r, const dr_key *key, const json_t *json, void *object);
dora_err dr_take_advertise(dr_reading *r, const dr_key *key, const json_t *json, void *object);

#endif
