/* rpc_server_discovery.h: what discovery() was given, to the configuration's "discovery". */
#ifndef PHP_DORA_RPC_SERVER_DISCOVERY_H
#define PHP_DORA_RPC_SERVER_DISCOVERY_H

#include "rpc_server.h"

/* php_dora_rpc_discovery_add adds "discovery" to `config` where discovery() was called; where the
 * program has a getLocalIp() of its own, that is what clients connect to. Returns: false with an
 * exception raised. */
bool php_dora_rpc_discovery_add(zval *config, php_dora_rpc_server *server);

#endif
