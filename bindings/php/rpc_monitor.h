/* rpc_monitor.h: DoraRPC\Monitor, the original's door to the monitor. */
#ifndef PHP_DORA_RPC_MONITOR_H
#define PHP_DORA_RPC_MONITOR_H

#include "php_dora.h"

/* php_dora_rpc_monitor_init registers the class, once, when the module starts. */
void php_dora_rpc_monitor_init(void);

#endif
