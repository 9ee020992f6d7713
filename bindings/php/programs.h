/* programs.h: programs that PHP's functions start, and signals that a worker ignores. */
#ifndef PHP_DORA_PROGRAMS_H
#define PHP_DORA_PROGRAMS_H

#include "php_dora.h"

/* php_dora_program_call calls `own`, one of PHP's functions that start a program by the C library's
 * popen(): which hooks of forks do not hear of. Signals do in it what they do by default. */
void php_dora_program_call(zif_handler own, zend_execute_data *execute_data, zval *return_value);

#endif
