/* client.h: Dora\Client. */
#ifndef PHP_DORA_CLIENT_H
#define PHP_DORA_CLIENT_H

#include "php_dora.h"

extern zend_class_entry *php_dora_client_ce;

/* php_dora_client_init_class sets the class's handlers, once, when the module starts. */
void php_dora_client_init_class(void);

#endif
