/* reset.h: what belongs to one task and must not reach the next. */
#ifndef PHP_DORA_RESET_H
#define PHP_DORA_RESET_H

#include <signal.h>

#include "php_dora.h"

#define PHP_DORA_SUPERGLOBALS 8
#define PHP_DORA_SIGNALS_MAX 64 /* the kernel's */
#define PHP_DORA_STANDARD_FDS 3
#define PHP_DORA_ENDING 6 /* modules that end a request of their own after each task */

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

/* php_dora_process is the process as the application left it. */
typedef struct php_dora_process {
    char cwd[MAXPATHLEN];
    char *locale;
    zval environment; /* by putenv(): null where it took a variable away */
    struct sigaction actions[PHP_DORA_SIGNALS_MAX + 1]; /* by number; SIG_ERR: not to be had */
    sigset_t mask;
    time_t alarm_at;                  /* by the monotonic clock; 0: none */
    int flags[PHP_DORA_STANDARD_FDS]; /* of standard input, output and error; -1: closed */
    int priority;
} php_dora_process;

/* php_dora_streams is what streams go by. The tables are NULL where PHP's own count. */
typedef struct php_dora_streams {
    HashTable *wrappers;
    HashTable *filters;
    zval options;      /* of the default context */
    zval notification; /* its callback, or null */
    bool is_flushing;
} php_dora_streams;

/* php_dora_standard is what PHP's standard functions keep. */
typedef struct php_dora_standard {
    zval callback; /* of assert() */
    zval loaders;
    zval extensions; /* of spl_autoload() */
    char *domain;    /* of gettext */
} php_dora_standard;

/* php_dora_modules is what is known of modules that may be there. */
typedef struct php_dora_modules {
    zend_module_entry *ending[PHP_DORA_ENDING];
    bool begins[PHP_DORA_ENDING];
    uint32_t ending_count;
    zend_module_entry *session;
    zend_module_entry *date_module;
    void *date;
    int *posix_error;
    zend_function *libxml_clear;
    void *(*libxml_error)(void);          /* the library's last one; NULL: none can be had */
    unsigned long (*openssl_error)(void); /* the library's next one; 0: none */
    zval regex_options;                   /* of mbstring */
    zval empty_context;
    zval mysqli_driver; /* undefined: there is none */
    zend_long mysqli_mode;
} php_dora_modules;

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
    int response_code;
    zval *request_time; /* in $_SERVER; NULL: it has none */
    zval *request_time_float;
    HashTable *request_times; /* the array they are in */
    php_dora_process process;
    php_dora_streams streams;
    php_dora_standard standard;
    php_dora_modules modules;
} php_dora_snapshot;

/* php_dora_snapshot_take remembers the worker's state. Stand in zend_try. */
void php_dora_snapshot_take(php_dora_snapshot *snapshot);

/* php_dora_snapshot_restore undoes what a task changed, and runs its shutdown functions. It costs
 * a few comparisons when nothing was changed. Stand in zend_try.
 * Returns: DORA_EEXIT when a shutdown function called exit(). */
dora_err php_dora_snapshot_restore(php_dora_snapshot *snapshot);

/* php_dora_task_begin stands before each task: its time begins. Where PHP's time limits go by the
 * clock (thread-safe builds since 8.3) the application's own begins there, too. */
void php_dora_task_begin(php_dora_snapshot *snapshot);

/* php_dora_snapshot_end runs what the last task left to run, and leaves the application's own
 * shutdown functions to PHP. */
void php_dora_snapshot_end(php_dora_snapshot *snapshot);

/* php_dora_snapshot_free frees what a snapshot holds. Not after a fatal error, when PHP drops all
 * memory by itself. */
void php_dora_snapshot_free(php_dora_snapshot *snapshot);

/* The parts with a state of their own, each in a file reset_....c. What ends in `_look` runs after
 * each task and compares first; what ends in `_restore` with an argument `touched` runs only where
 * the task called one of the functions that are watched (watch.h). */

/* Returns: what else has to be put back, since it shares its values with ini settings. */
uint32_t php_dora_ini_restore(php_dora_snapshot *snapshot);
void php_dora_ini_take(php_dora_snapshot *snapshot);
void php_dora_ini_free(php_dora_snapshot *snapshot);
void php_dora_ini_set(const char *name, const char *value); /* as php.ini would */
#ifdef ZEND_MAX_EXECUTION_TIMERS
void php_dora_time_limit_begin(const php_dora_snapshot *snapshot);
#else
#define php_dora_time_limit_begin(snapshot) ((void)(snapshot))
#endif
void php_dora_process_take(php_dora_process *kept);
void php_dora_process_look(const php_dora_process *kept);
dora_err php_dora_process_restore(const php_dora_process *kept, uint32_t touched);
void php_dora_process_free(php_dora_process *kept);
void php_dora_streams_take(php_dora_streams *kept);
void php_dora_streams_look(php_dora_streams *kept);
void php_dora_streams_restore(php_dora_streams *kept, uint32_t touched);
void php_dora_streams_free(php_dora_streams *kept);
void php_dora_standard_take(php_dora_standard *kept);
void php_dora_standard_look(void);
void php_dora_standard_restore(const php_dora_standard *kept, uint32_t touched);
void php_dora_standard_free(php_dora_standard *kept);
void php_dora_rewriting_end(void);
void php_dora_modules_take(php_dora_modules *kept);
void php_dora_modules_look(const php_dora_modules *kept);
void php_dora_modules_restore(php_dora_modules *kept, uint32_t touched);
void php_dora_modules_free(php_dora_modules *kept);
void php_dora_session_restore(const php_dora_modules *kept);
void php_dora_request_time_begin(void); /* for the start hooks */
void php_dora_request_time_take(php_dora_snapshot *snapshot);
void php_dora_request_time_set(php_dora_snapshot *snapshot);
void php_dora_superglobals_take(php_dora_snapshot *snapshot);
void php_dora_superglobals_restore(php_dora_snapshot *snapshot);
void php_dora_superglobals_free(php_dora_snapshot *snapshot);

#endif
