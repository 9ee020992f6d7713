/* config_launch.h: the keys of a pool that say how its processes are started. */
#ifndef DR_SERVER_CONFIG_LAUNCH_H
#define DR_SERVER_CONFIG_LAUNCH_H

#include "server/config/config_take.h"

/* The dr_take_fn of `interpreter` (a program, or a list of it and its arguments), `env` and `ini`
 * (objects of names and values). `object` is a dr_pool_config. */
dora_err dr_take_interpreter(dr_reading *r, const dr_key *key, const json_t *json, void *object);
dora_err dr_take_env(dr_reading *r, const dr_key *key, const json_t *json, void *object);
dora_err dr_take_ini(dr_reading *r, const dr_key *key, const json_t *json, void *object);

/* dr_pool_settle adds what the members of a pool must be to each other to the problems. */
void dr_pool_settle(dr_reading *r, const dr_pool_config *pool);

#endif
