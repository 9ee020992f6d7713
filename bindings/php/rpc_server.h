/* rpc_server.h: DoraRPC\BackEndServer, the original's form of an application. */
#ifndef PHP_DORA_RPC_SERVER_H
#define PHP_DORA_RPC_SERVER_H

#include "rpc_server_settings.h"

extern zend_class_entry *php_dora_rpc_server_ce;

/* php_dora_rpc_server is the object behind a DoraRPC\BackEndServer. */
typedef struct php_dora_rpc_server {
    zend_string *ip; /* NULL: the constructor did not run */
    uint16_t port;
    uint16_t http_port;                /* 0: none */
    bool is_guest;                     /* `dora serve` loaded its file */
    bool is_started_by_constructor;    /* as servers of older releases are */
    zval given[PHP_DORA_RPC_SECTIONS]; /* settings that the program gave */
    zval unknown;                      /* names of unknown sections of configure() */
    zval discovery; /* [groups, report] of discovery(); undefined: it was not called */
    zval running;   /* the DoraRPC\RunningServer that the hooks get */
    zend_object std;
} php_dora_rpc_server;

/* php_dora_rpc_init registers the server's classes and LogAgent, once, when the module starts. */
void php_dora_rpc_init(void);

/* php_dora_rpc_server_of gives what is behind an object of the class. */
php_dora_rpc_server *php_dora_rpc_server_of(zend_object *object);

/* php_dora_rpc_server_start is start(). Look for an exception afterwards.
 * php_dora_rpc_server_discover is discovery(): arrays of groups and of Redis.
 * php_dora_rpc_server_merge merges an array into another one; later values count. */
void php_dora_rpc_server_start(php_dora_rpc_server *self);
void php_dora_rpc_server_discover(php_dora_rpc_server *self, zval *groups, zval *report);
void php_dora_rpc_server_merge(zval *into, zval *from);

/* php_dora_rpc_server_loaded writes to the log what of the program has no effect here. It runs in
 * the zygote, once it has loaded the program. */
void php_dora_rpc_server_loaded(zend_object *object);

/* php_dora_rpc_server_init_task calls initTask() in a new worker. May raise an exception. */
void php_dora_rpc_server_init_task(zend_object *object, uint32_t worker);

#endif
