/* config_reach.h: whether the users that processes run as can reach the files of a configuration.
 * For a process that can become these users. */
#ifndef DR_SERVER_CONFIG_REACH_H
#define DR_SERVER_CONFIG_REACH_H

#include "base/rights.h"
#include "server/config/config.h"

/* dr_reach_pool asks for what a pool's processes open: its application `app`, its folder.
 * Errors: DORA_ECONFIG names the key, the file and the user. */
dora_err dr_reach_pool(const dr_pool_config *pool, const char *app, const dr_rights *rights,
                       dora_error *error);

/* dr_reach_master asks for what the master opens once it is another user: at a reload the files of
 * variables, those of TLS and the configuration itself; when a log is moved away the log; and at
 * the end the folders of the files that it removes. At the start a log that is not there is made,
 * and is that user's. `pid_files` are more of these, NULL-ended; NULL: none. Errors: as above. */
dora_err dr_reach_master(const dr_config *config, const char *const *pid_files,
                         const dr_account *master, bool is_start, dora_error *error);

#endif
