/* output.h: what the application prints, line by line, each with its task. */
#ifndef PHP_DORA_OUTPUT_H
#define PHP_DORA_OUTPUT_H

#include "php_dora.h"

/* php_dora_output_init takes over php://stdout and php://stderr as the module of a zygote starts,
 * php_dora_output_begin what is echoed, when its request does. STDOUT and STDERR come with the
 * first php_dora_output_flush. */
void php_dora_output_init(void);
void php_dora_output_begin(void);

/* php_dora_output_task says whose the lines are from now on, until the next one. What is printed
 * between php_dora_output_apart(true) and (false) is of no task. */
void php_dora_output_task(const dora_request *request);
void php_dora_output_apart(bool is_apart);

/* php_dora_output_record is for a text that is a record by itself, with its place. Returns: false
 * where no task runs that it could be of, or where a person reads along. */
bool php_dora_output_record(const char *file, uint32_t line, const char *text, size_t len);

/* php_dora_output_flush ends the line that has no end yet: when a task is over, or loading. It also
 * puts a new STDOUT or STDERR in the place of one that was closed. */
void php_dora_output_flush(void);

#endif
