/* config_access.h: who there is, and what they may do: the key `access`. */
#ifndef DR_SERVER_CONFIG_ACCESS_H
#define DR_SERVER_CONFIG_ACCESS_H

#include "server/config/config_take.h"

/* The dr_take_fn of `access`, which reads identities before rules wherever they stand. */
dora_err dr_take_access(dr_reading *r, const dr_key *key, const json_t *json, void *object);

/* dr_config_access_keys is what stands below `access`. */
extern const dr_key dr_config_access_keys[];

/* dr_config_access_commands are the names that `control` may have, NULL behind the last. */
const char *const *dr_config_access_commands(void);

/* dr_config_each_idle tells each identity that no rule names: it may do what anyone may. */
void dr_config_each_idle(const dr_config *config, void (*tell)(const char *name));

#endif
