/* client.h: Dora\Client: its making and calls in client.c, results in client_results.c. */
#ifndef PHP_DORA_CLIENT_H
#define PHP_DORA_CLIENT_H

#include "clients.h"

extern zend_class_entry *php_dora_client_ce;

/* php_dora_client is the object behind Dora\Client. */
typedef struct php_dora_client {
    php_dora_shared *shared; /* NULL until constructed */
    uint32_t timeout_ms;
    int32_t retry;
    int32_t wait_ms;
    dora_priority priority; /* default: the handler's caller's, else normal */
    zend_string *group;     /* NULL: the first */
    zend_string *file;      /* the node file; NULL: none */
    zval encode;            /* what has no place on the wire to something that has; UNDEF: none */
    zend_object std;
} php_dora_client;

/* php_dora_client_init_class sets the class's handlers, once, when the module starts. */
void php_dora_client_init_class(void);

/* php_dora_client_of gives the client behind an object of the class. */
php_dora_client *php_dora_client_of(zend_object *object);

/* php_dora_client_is_made says whether the constructor has run. Returns: false with an exception
 * raised. */
bool php_dora_client_is_made(const php_dora_client *self);

/* php_dora_client_is_ready says whether it may call, php_dora_client_call_read makes a call of one
 * api and its parameter, NULL: none is given; php_dora_param_done is for call->param. Return: false
 * with an exception raised. */
bool php_dora_client_is_ready(const php_dora_client *self);
bool php_dora_client_call_read(const php_dora_client *self, zend_string *name, zval *param,
                               dora_call *call);

#endif
