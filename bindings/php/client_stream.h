/* client_stream.h: Dora\Stream, what Dora\Client::stream() gives. */
#ifndef PHP_DORA_CLIENT_STREAM_H
#define PHP_DORA_CLIENT_STREAM_H

#include "php_dora.h"

extern zend_class_entry *php_dora_stream_ce;

/* php_dora_stream_init_class sets the class's handlers, once, when the module starts. */
void php_dora_stream_init_class(void);

#endif
