/* rpc_server_pids.h: the pid files of a server in the original's form. */
#ifndef PHP_DORA_RPC_SERVER_PIDS_H
#define PHP_DORA_RPC_SERVER_PIDS_H

#include "rpc_server_config.h"

/* php_dora_rpc_pids_add adds the pid files to a configuration: those of the settings in `folder`,
 * and for DoraRPC\Server those that older releases wrote. Those that the program did not name are
 * left out where they cannot be had: the original's servers wrote over each other's. */
void php_dora_rpc_pids_add(php_dora_rpc_config *config, const php_dora_rpc_server *server,
                           const php_dora_rpc_section *sections, const char *folder);

#endif
