/* rpc_common.h: DoraRPC\Common. */
#ifndef PHP_DORA_RPC_COMMON_H
#define PHP_DORA_RPC_COMMON_H

#include "php_dora.h"

/* php_dora_local_ip gives the first private IPv4 address of an interface that is up, "127.0.0.1"
 * where there is none. Ownership: gives a string to the caller, who releases it. */
zend_string *php_dora_local_ip(void);

#endif
