/* config_read.h: dora.json to a dr_config. */
#ifndef DR_SERVER_CONFIG_READ_H
#define DR_SERVER_CONFIG_READ_H

#include "server/config/config_take.h"

/* dr_config_load reads the file `path` over what `config` holds; its pools are added.
 * Relative paths in it count from the file's folder. Errors: DORA_EIO, DORA_ENOMEM, DORA_ECONFIG
 * (msg: one problem per line, each with file, place and key). */
dora_err dr_config_load(dr_config *config, const char *path, dora_error *error);

/* dr_config_parse is dr_config_load for text that is in memory; `path` is its name in messages
 * and the base of relative paths. */
dora_err dr_config_parse(dr_config *config, dora_slice text, const char *path, dora_error *error);

/* dr_config_keys and dr_pool_keys are the tables of what a file may hold: of the whole server, and
 * of one pool. */
const dr_key *dr_config_keys(void);
const dr_key *dr_pool_keys(void);

#endif
