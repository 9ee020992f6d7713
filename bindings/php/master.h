/* master.h: a PHP file that becomes the server's master by App::run(). */
#ifndef PHP_DORA_MASTER_H
#define PHP_DORA_MASTER_H

#include "php_dora.h"

/* php_dora_program is what a file gives the server that it becomes. All is borrowed. */
typedef struct php_dora_program {
    const char *door;             /* the method that starts it, for messages */
    HashTable *options;           /* of the command line; NULL: none */
    const char *config;           /* JSON text with all pools; NULL: the file itself is the pool */
    const char *config_name;      /* what messages call it */
    const char *const *pid_files; /* ends with NULL; NULL: none */
} php_dora_program;

/* php_dora_master_enter prepares a process for the core, which does not come back for long. PHP's
 * working directory becomes that of the process, which is all that the core knows: a thread-safe
 * PHP has one for itself. A time limit that the program has set stands still.
 * php_dora_master_leave lets it begin anew, in a daemon, too. */
void php_dora_master_enter(void);
void php_dora_master_leave(void);

/* php_dora_master_file names the file that this process runs, which becomes the application, and
 * enters PHP's working directory. Returns: NULL with an exception raised where there is no such
 * file, not the command line, or no process may be started. */
const char *php_dora_master_file(const char *door);

/* php_dora_master_run serves the running file until the server stops.
 * Returns: the exit status of `dora serve`; look for a raised exception first. */
int php_dora_master_run(const php_dora_program *program);

#endif
