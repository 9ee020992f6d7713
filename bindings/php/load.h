/* load.h: an application's file to its Dora\App. */
#ifndef PHP_DORA_LOAD_H
#define PHP_DORA_LOAD_H

#include "php_dora.h"

/* php_dora_load runs the file at global level and chooses the Dora\App that it returned, or whose
 * run() it called. Errors: DORA_ELOAD, with file, line and trace in `error`. May bail out on a
 * fatal error: stand in zend_try; php_dora_load_failed then tells the reason. */
dora_err php_dora_load(const char *file, dora_error *error);

/* php_dora_load_failed turns a fatal error during loading into DORA_ELOAD. */
dora_err php_dora_load_failed(dora_error *error);

/* php_dora_load_raised turns the exception that is raised into DORA_ELOAD. `what` names the file or
 * the hook, for an exit(), which has no place of its own. */
dora_err php_dora_load_raised(const char *what, dora_error *error);

/* php_dora_load_prepare reads the declarations of the chosen application's handlers. Errors:
 * DORA_ELOAD, with file, line and name of the handler. May bail out, as php_dora_load. */
dora_err php_dora_load_prepare(dora_error *error);

/* php_dora_load_register hands the chosen application's handlers to the core. */
dora_err php_dora_load_register(dora_app *app, dora_error *error);

#endif
