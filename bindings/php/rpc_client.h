/* rpc_client.h: DoraRPC\Client: which servers an object of it asks. */
#ifndef PHP_DORA_RPC_CLIENT_H
#define PHP_DORA_RPC_CLIENT_H

#include "clients.h"

typedef enum php_dora_rpc_mode {
    PHP_DORA_RPC_NONE = 0, /* no changeMode() yet */
    PHP_DORA_RPC_GROUP = 1,
    PHP_DORA_RPC_FIXED = 2
} php_dora_rpc_mode;

typedef struct php_dora_rpc_client {
    php_dora_shared *shared; /* NULL until constructed */
    HashTable *groups;       /* name => null, or why the group has no server */
    php_dora_rpc_mode mode;
    zend_string *group; /* of a GROUP, else NULL */
    zend_string *node;  /* of FIXED, "ip:port", else NULL */
    zval ip;            /* of FIXED, as given, else "" */
    zval port;
    zend_object std;
} php_dora_rpc_client;

extern zend_class_entry *php_dora_rpc_client_ce;

/* php_dora_rpc_client_init_class sets the class's handlers, once, when the module starts. */
void php_dora_rpc_client_init_class(void);

/* php_dora_rpc_client_of is an object's own memory. */
php_dora_rpc_client *php_dora_rpc_client_of(zend_object *object);

#endif
