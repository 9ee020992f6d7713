/* config_changes.h: which keys of a configuration file have changed. */
#ifndef DR_SERVER_CONFIG_CHANGES_H
#define DR_SERVER_CONFIG_CHANGES_H

#include "server/config/config.h"

/* dr_config_each_change tells each key whose value is not the same in the files of both, such as
 * "pools.users.env"; a pool that has come or gone by its own name. Of those without a file nothing
 * is told. */
void dr_config_each_change(const dr_config *before, const dr_config *now,
                           void (*tell)(const char *key, void *user), void *user);

#endif
