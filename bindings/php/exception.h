/* exception.h: Dora\Exception and its family. */
#ifndef PHP_DORA_EXCEPTION_H
#define PHP_DORA_EXCEPTION_H

#include "php_dora.h"

/* The classes, set when the module starts. */
extern zend_class_entry *php_dora_exception_ce;
extern zend_class_entry *php_dora_timeout_ce;
extern zend_class_entry *php_dora_connection_ce;
extern zend_class_entry *php_dora_handler_ce;
extern zend_class_entry *php_dora_not_run_ce;
extern zend_class_entry *php_dora_misfit_ce;
extern zend_class_entry *php_dora_http_status_ce; /* an interface */

/* php_dora_throw_error raises what a library function said: \ValueError for DORA_EINVAL, else a
 * class of the family with the reply code. */
void php_dora_throw_error(const dora_error *error);

/* php_dora_throw_answer is php_dora_throw_error for a call that has filled `answer`: what that says
 * of a refusal goes with it. */
void php_dora_throw_answer(const dora_error *error, const dora_answer *answer);

/* php_dora_throw_frame raises why no frame was made of `what`, of at most `bytes_max` bytes (0: the
 * protocol's). */
void php_dora_throw_frame(dora_err err, const char *what, size_t bytes_max);

/* php_dora_error_code is the reply code of such an error: its own, else what its kind means. */
int64_t php_dora_error_code(const dora_error *error);

/* php_dora_exception_of builds (does not raise) the exception of one handler's outcome,
 * php_dora_exception_of_error that of a library function. Ownership: they give it in
 * `*exception`. */
void php_dora_exception_of(const dora_result *result, zval *exception);
void php_dora_exception_of_error(const dora_error *error, zval *exception);

/* php_dora_exception_text gives "Class: message in file:line" and the trace, as a zend_string that
 * the caller releases. Ownership: borrows the exception. */
zend_string *php_dora_exception_text(zend_object *exception);

/* php_dora_is_exit says whether an exception is no error but the way out of exit(). Out of memory
 * takes that way, too: php_dora_has_fatal tells them apart. */
bool php_dora_is_exit(const zend_object *exception);

/* php_dora_has_fatal says whether the last error was a fatal one; php_dora_fatal_text gives it as
 * "message in file:line", a zend_string that the caller releases. */
bool php_dora_has_fatal(void);
zend_string *php_dora_fatal_text(void);

#endif
