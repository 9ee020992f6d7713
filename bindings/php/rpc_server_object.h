/* rpc_server_object.h: DoraRPC\RunningServer, the `$server` of the hooks. */
#ifndef PHP_DORA_RPC_SERVER_OBJECT_H
#define PHP_DORA_RPC_SERVER_OBJECT_H

#include "php_dora.h"

extern zend_class_entry *php_dora_running_ce;

/* php_dora_running_init_class sets the class's handlers, once, when the module starts. */
void php_dora_running_init_class(void);

/* php_dora_running_make builds the object. Ownership: gives it. */
void php_dora_running_make(zval *value);

/* php_dora_running_set_setting gives it the settings. Ownership: copies the array. */
void php_dora_running_set_setting(zval *value, zval *setting);

/* php_dora_running_set_worker fills in what is known in a worker. */
void php_dora_running_set_worker(zval *value, zend_long worker_id, zend_long master_pid);

#endif
