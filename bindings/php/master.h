/* master.h: a PHP file that becomes the server's master by App::run(). */
#ifndef PHP_DORA_MASTER_H
#define PHP_DORA_MASTER_H

#include "php_dora.h"

/* php_dora_master_run serves the running file until the server stops. `options` may be NULL.
 * Returns: the exit status of `dora serve`; look for a raised exception first. */
int php_dora_master_run(HashTable *options);

#endif
