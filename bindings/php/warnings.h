/* warnings.h: what is wrong with a registry, raised as E_WARNING once a call is over. */
#ifndef PHP_DORA_WARNINGS_H
#define PHP_DORA_WARNINGS_H

#include "php_dora.h"

/* php_dora_warnings_hear keeps one line: a client's on_warning. php_dora_warnings_raise raises what
 * was kept: a handler of the program runs then, which may call and throw, so the call's result must
 * be safe. php_dora_warnings_drop forgets it: the request is over. */
void php_dora_warnings_hear(void *user, const char *text);
void php_dora_warnings_raise(void);
void php_dora_warnings_drop(void);

#endif
