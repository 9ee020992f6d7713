/* rpc_server_older.h: DoraRPC\Server, the server class of releases 0.4.6 to 0.4.15. Most of it is
 * BackEndServer; here is what those releases had otherwise. */
#ifndef PHP_DORA_RPC_SERVER_OLDER_H
#define PHP_DORA_RPC_SERVER_OLDER_H

#include "rpc_server.h"

extern zend_class_entry *php_dora_rpc_older_ce;

/* php_dora_rpc_older_settings adds $externalHttpConfig and $externalConfig to the http settings,
 * for objects of the class. Returns: false with a \TypeError raised where one is no array. */
bool php_dora_rpc_older_settings(php_dora_rpc_server *self);

/* php_dora_rpc_older_discovery takes the constructor's fourth and fifth argument: ['list' =>
 * groups] and a list of Redis; NULL where they are missing. */
void php_dora_rpc_older_discovery(php_dora_rpc_server *self, zval *groups, zval *report);

/* php_dora_rpc_older_starts says whether the constructor is the start: for objects of the class, in
 * a program that does not call start() where it makes them.
 * php_dora_rpc_caller_starts says so of any object under construction. */
bool php_dora_rpc_older_starts(const php_dora_rpc_server *self);
bool php_dora_rpc_caller_starts(void);

#endif
