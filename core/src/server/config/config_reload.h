/* config_reload.h: the keys of `reload`: new generations that are watched before they take over. */
#ifndef DR_SERVER_CONFIG_RELOAD_H
#define DR_SERVER_CONFIG_RELOAD_H

#include "server/config/config_take.h"

extern const dr_key dr_config_reload_keys[];

#endif
