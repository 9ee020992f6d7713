/* rpc_redis.h: the original's lists of Redis, as urls. */
#ifndef PHP_DORA_RPC_REDIS_H
#define PHP_DORA_RPC_REDIS_H

#include "php_dora.h"

/* php_dora_rpc_redis_add appends a url to `list` for each Redis of `report`: lists of Redis, as in
 * the original, Redis, or one: ['ip' => , 'port' => ], and perhaps "password" and "database".
 * One with "tls", which is true or has "ca", "cert", "key" and "name", is spoken to with TLS: what
 * it has goes to `tls`, an array, once for all. `door` names in messages who was given it. Returns:
 * false with an exception raised. */
bool php_dora_rpc_redis_add(zval *list, zval *tls, HashTable *report, const char *door);

#endif
