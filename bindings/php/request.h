/* request.h: Dora\Request. */
#ifndef PHP_DORA_REQUEST_H
#define PHP_DORA_REQUEST_H

#include "php_dora.h"

extern zend_class_entry *php_dora_request_ce;

/* php_dora_request_init_class sets the class's handlers, once, when the module starts. */
void php_dora_request_init_class(void);

/* php_dora_request_make builds the object for a handler, whose progress goes to `reply`. Ownership:
 * gives it, for php_dora_request_end; copies `param`. */
void php_dora_request_make(zval *object, const dora_request *request, dora_reply *reply,
                           zval *param);

/* php_dora_request_end: its call has ended; the handler may have kept it. Ownership: takes it. */
void php_dora_request_end(zval *object);

/* php_dora_request_fill does so with an object that is there. Errors: an \Error where it has been
 * filled. Ownership: copies `param`. */
void php_dora_request_fill(zend_object *object, const dora_request *request, zval *param);

/* php_dora_request_describe replaces `*param` by the array that the original's doWork() gets: type,
 * guid, fd, protocol and api, which holds name and param. */
void php_dora_request_describe(zval *param, const dora_request *request);

#endif
