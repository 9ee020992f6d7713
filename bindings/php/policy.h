/* policy.h: what php.ini forbids programs. The core opens files by itself: PHP is asked first. */
#ifndef PHP_DORA_POLICY_H
#define PHP_DORA_POLICY_H

#include "php_dora.h"

/* php_dora_policy_file asks open_basedir whether a program may use `path`, which need not exist.
 * Sockets are not asked for: PHP's own functions do not, either.
 * Errors: DORA_EINVAL, naming the file and what is allowed. */
dora_err php_dora_policy_file(const char *path, dora_error *error);

/* php_dora_policy_programs says whether a program may start others, which is what a server does:
 * whether it could by proc_open(). Returns: false with an exception raised, in which `door` is the
 * method that was called. */
bool php_dora_policy_programs(const char *door);

#endif
