/* config_start.h: what would fail when a configuration is started, seen without starting it. */
#ifndef DR_SERVER_CONFIG_START_H
#define DR_SERVER_CONFIG_START_H

#include <dora/server.h>

#include "server/config/config.h"

/* dr_config_check_start looks for what is not there: pools, interpreters, PHP's module, files of
 * variables, folders; and for two pools that serve the same file. `where` starts each message.
 * `host` (may be NULL) has an interpreter of its own for its runtime. Errors: DORA_ECONFIG. */
dora_err dr_config_check_start(const dr_config *config, const char *where, const dora_host *host,
                               dora_error *error);

/* dr_config_each_missing_folder tells of folders of sockets and pid files that are missing, which
 * a process manager may make just before the start. */
void dr_config_each_missing_folder(const dr_config *config,
                                   void (*tell)(const char *key, const char *path,
                                                size_t folder_len, void *user),
                                   void *user);

#endif
