/* reset.h: what belongs to one task and must not reach the next. */
#ifndef PHP_DORA_RESET_H
#define PHP_DORA_RESET_H

#include "php_dora.h"

#define PHP_DORA_SUPERGLOBALS 8

/* php_dora_superglobal is one of $_GET, $_POST, ... as it was when the worker started. */
typedef struct php_dora_superglobal {
    zend_string *name;
    zval value;  /* undefined: it did not exist */
    uint32_t at; /* where it was last found in the symbol table */
} php_dora_superglobal;

/* php_dora_handlers is the state of set_error_handler() or set_exception_handler(). */
typedef struct php_dora_handlers {
    zval current;
    zval *stack; /* copies of those below */
    int *levels; /* error handlers: the mask of each below; else NULL */
    int count;
    int level; /* error handlers: the mask of the current one */
} php_dora_handlers;

/* php_dora_ini is one setting that was changed before the first task. */
typedef struct php_dora_ini {
    zend_ini_entry *entry;
    zend_string *value;
} php_dora_ini;

/* php_dora_snapshot is the worker before its first task. */
typedef struct php_dora_snapshot {
    bool is_taken;
    php_dora_handlers error_handlers;
    php_dora_handlers exception_handlers;
    php_dora_ini *ini;
    uint32_t ini_count;
    zend_long timeout_seconds;
    php_dora_superglobal superglobals[PHP_DORA_SUPERGLOBALS];
    HashTable *shutdown_functions; /* the application's own, for the end of the worker */
    uint32_t shutdown_next;        /* the task's first one that has not been called */
    char *locale;
    int response_code;
    char cwd[MAXPATHLEN];
} php_dora_snapshot;

/* php_dora_snapshot_take remembers the worker's state. Stand in zend_try. */
void php_dora_snapshot_take(php_dora_snapshot *snapshot);

/* php_dora_snapshot_restore undoes what a task changed, and runs its shutdown functions. It costs
 * a few comparisons when nothing was changed. Stand in zend_try.
 * Returns: DORA_EEXIT when a shutdown function called exit(). */
dora_err php_dora_snapshot_restore(php_dora_snapshot *snapshot);

/* php_dora_task_begin stands before each task. Where PHP's time limits go by the clock (thread-safe
 * builds since 8.3) the application's own begins there. */
#ifdef ZEND_MAX_EXECUTION_TIMERS
void php_dora_task_begin(const php_dora_snapshot *snapshot);
#else
#define php_dora_task_begin(snapshot) ((void)(snapshot))
#endif

/* php_dora_snapshot_end runs what the last task left to run, and leaves the application's own
 * shutdown functions to PHP. */
void php_dora_snapshot_end(php_dora_snapshot *snapshot);

/* php_dora_snapshot_free frees what a snapshot holds. Not after a fatal error, when PHP drops all
 * memory by itself. */
void php_dora_snapshot_free(php_dora_snapshot *snapshot);

/* The parts with a state of their own, in reset_ini.c and reset_globals.c. */
void php_dora_ini_take(php_dora_snapshot *snapshot);
void php_dora_ini_restore(php_dora_snapshot *snapshot);
void php_dora_ini_free(php_dora_snapshot *snapshot);
void php_dora_superglobals_take(php_dora_snapshot *snapshot);
void php_dora_superglobals_restore(php_dora_snapshot *snapshot);
void php_dora_superglobals_free(php_dora_snapshot *snapshot);

#endif
