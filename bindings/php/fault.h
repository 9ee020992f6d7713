/* fault.h: what went wrong in a handler, as one record of the server's log. */
#ifndef PHP_DORA_FAULT_H
#define PHP_DORA_FAULT_H

#include "php_dora.h"

/* php_dora_fault_init has fatal errors of handlers told by their record alone, in a zygote. */
void php_dora_fault_init(void);

/* php_dora_fault_message is what callers are told of an exception: its class and its text. */
zend_string *php_dora_fault_message(zend_object *exception);

/* These put the record into the log, behind what the handler has printed; `reply` is the error's.
 * php_dora_fault_exception tells of an exception, php_dora_fault_fatal of the fatal error that PHP
 * has met, php_dora_fault_plain of what the reply says. */
void php_dora_fault_exception(const dora_request *request, dora_reply *reply,
                              zend_object *exception);
void php_dora_fault_fatal(const dora_request *request, dora_reply *reply);
void php_dora_fault_plain(const dora_request *request, dora_reply *reply);

#endif
