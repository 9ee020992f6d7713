/* invoke.h: one call of a handler, from its request to its reply. */
#ifndef PHP_DORA_INVOKE_H
#define PHP_DORA_INVOKE_H

#include "app.h"

#include <dora/runtime.h>

/* php_dora_invoke calls a handler and makes what it returns or raises the reply. `*raised` is the
 * exception, untouched where there is none, NULL: it is dropped. Ownership: gives it. Returns: what
 * a runtime's `invoke` does. */
dora_err php_dora_invoke(php_dora_app *app, php_dora_handler *handler, const dora_request *request,
                         dora_reply *reply, zend_object **raised);

/* php_dora_reply_fatal answers with the fatal error that PHP has reported last. */
dora_err php_dora_reply_fatal(const dora_request *request, dora_reply *reply);

#endif
