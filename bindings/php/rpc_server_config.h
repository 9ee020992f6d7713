/* rpc_server_config.h: the original's settings, to the configuration of a Dora server. */
#ifndef PHP_DORA_RPC_SERVER_CONFIG_H
#define PHP_DORA_RPC_SERVER_CONFIG_H

#include "rpc_server.h"

#define PHP_DORA_RPC_PIDS 4 /* pid files: two names of today, two of older releases */

/* php_dora_rpc_config is what the core is told. */
typedef struct php_dora_rpc_config {
    zend_string *json;
    zend_string *pids[PHP_DORA_RPC_PIDS];
    const char *pid_files[PHP_DORA_RPC_PIDS + 1];
} php_dora_rpc_config;

/* php_dora_rpc_config_make makes it from a server's address and its checked settings, and the log's
 * folder where it is missing. `file` is the application. Returns: false with an exception raised.
 * php_dora_rpc_config_fini frees it. */
bool php_dora_rpc_config_make(php_dora_rpc_config *config, php_dora_rpc_server *server,
                              const php_dora_rpc_section *sections, const char *file);
void php_dora_rpc_config_fini(php_dora_rpc_config *config);

/* php_dora_rpc_path_join gives the path of a file in a folder. */
zend_string *php_dora_rpc_path_join(const char *folder, const char *name);

#endif
