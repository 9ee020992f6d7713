/* chain.h: what stands around a handler: middleware, and members of a map as its arguments. */
#ifndef PHP_DORA_CHAIN_H
#define PHP_DORA_CHAIN_H

#include "app.h"

extern zend_class_entry *php_dora_next_ce;

/* php_dora_chain_init_class sets the handlers of Dora\Next, once, when the module starts. */
void php_dora_chain_init_class(void);

/* php_dora_chain_call calls a handler that is wrapped: `args` are its parameter (undefined: the
 * handler's default) and the Dora\Request. `*result` is undefined when an exception was raised. */
void php_dora_chain_call(php_dora_app *app, php_dora_handler *handler, zval *args, zval *result);

#endif
