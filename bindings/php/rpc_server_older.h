/* rpc_server_older.h: DoraRPC\Server, the server class of releases 0.4.6 to 0.4.15. Most of it is
 * BackEndServer; here is what those releases had otherwise. */
#ifndef PHP_DORA_RPC_SERVER_OLDER_H
#define PHP_DORA_RPC_SERVER_OLDER_H

#include "rpc_server.h"

extern zend_class_entry *php_dora_rpc_older_ce;

/* php_dora_rpc_is_older says whether an object is of that class. */
bool php_dora_rpc_is_older(const php_dora_rpc_server *self);

/* php_dora_rpc_older_settings adds $externalHttpConfig and $externalConfig to the http settings,
 * for objects of the class. Returns: false with a \TypeError raised where one is no array. */
bool php_dora_rpc_older_settings(php_dora_rpc_server *self);

/* php_dora_rpc_older_discovery takes the constructor's fourth and fifth argument: ['list' =>
 * groups] and a list of Redis; NULL where they are missing. */
void php_dora_rpc_older_discovery(php_dora_rpc_server *self, zval *groups, zval *report);

/* php_dora_rpc_caller_starts says whether the program calls start() after it has made the object
 * that is under construction; else an older constructor is the start. */
bool php_dora_rpc_caller_starts(void);

#endif
