/* rpc_log.h: DoraRPC\LogAgent. */
#ifndef PHP_DORA_RPC_LOG_H
#define PHP_DORA_RPC_LOG_H

#include "php_dora.h"

extern zend_class_entry *php_dora_log_agent_ce;

/* php_dora_log_level_set makes LogAgent drop records above `level`. */
void php_dora_log_level_set(zend_long level);

#endif
