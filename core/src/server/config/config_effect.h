/* config_effect.h: keys of a configuration file that have no effect beside the others. */
#ifndef DR_SERVER_CONFIG_EFFECT_H
#define DR_SERVER_CONFIG_EFFECT_H

#include "server/config/config.h"

/* dr_config_each_idle_key tells each key of the file that has no effect, since another is not set
 * or says otherwise: no mistake, for that one may come by a flag or a later change. `place` is
 * "FILE:LINE:COLUMN"; `why` follows on "has no effect ". Of a configuration without a file nothing
 * is told. */
void dr_config_each_idle_key(const dr_config *config,
                             void (*tell)(const char *place, const char *key, const char *why,
                                          void *user),
                             void *user);

#endif
