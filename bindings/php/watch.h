/* watch.h: which of PHP's functions that leave something behind were called. A worker looks at one
 * word after each task, and puts back only what was touched. */
#ifndef PHP_DORA_WATCH_H
#define PHP_DORA_WATCH_H

#include "php_dora.h"

/* What a function touches: one bit each. */
enum {
    PHP_DORA_ALARM = 1u << 0,
    PHP_DORA_ASSERT = 1u << 1,
    PHP_DORA_AUTOLOAD = 1u << 2,
    PHP_DORA_CWD = 1u << 3,
    PHP_DORA_ENVIRONMENT = 1u << 4,
    PHP_DORA_FLUSH = 1u << 5,
    PHP_DORA_FOLDER = 1u << 6, /* what readdir() reads that names no folder */
    PHP_DORA_FOR_GOOD = 1u << 7,
    PHP_DORA_LIBXML = 1u << 8,
    PHP_DORA_MBSTRING = 1u << 9,
    PHP_DORA_NICE = 1u << 10,
    PHP_DORA_PGSQL = 1u << 11,
    PHP_DORA_RANDOM = 1u << 12,
    PHP_DORA_READLINE = 1u << 13,
    PHP_DORA_REWRITE = 1u << 14,
    PHP_DORA_SESSION = 1u << 15,
    PHP_DORA_SIGNALS = 1u << 16,
    PHP_DORA_SNMP = 1u << 17,
    PHP_DORA_SOAP = 1u << 18,
    PHP_DORA_SOCKETS = 1u << 19,
    PHP_DORA_STREAMS = 1u << 20,
    PHP_DORA_SYSLOG = 1u << 21,
    PHP_DORA_TEXTS = 1u << 22, /* of gettext */
    PHP_DORA_TICKS = 1u << 23,
    PHP_DORA_TIMEZONE = 1u << 24,
    PHP_DORA_TITLE = 1u << 25,
    PHP_DORA_OPENSSL = 1u << 26,
    PHP_DORA_BLOCKING = 1u << 27, /* of the standard descriptors */
    PHP_DORA_PROGRAM = 1u << 28   /* leaves nothing: see programs.h */
};

/* php_dora_watch_begin stands before an application is loaded: calls until php_dora_watch_serve
 * are the application's own, and remembered where php_dora_watch_replay may need them. */
void php_dora_watch_begin(void);

/* php_dora_watch_serve ends that. Returns: what was touched until then. */
uint32_t php_dora_watch_serve(void);

/* php_dora_watch_taken gives what was touched since, and forgets it. */
uint32_t php_dora_watch_taken(void);

/* php_dora_watch_task stands before each task. */
void php_dora_watch_task(void);

/* php_dora_watch_replay does again what the application called while it was loaded. */
void php_dora_watch_replay(uint32_t what);

/* php_dora_watch_replay_undone registers the application's own stream wrappers again that a task
 * took away. Their new addresses are put into `protocols`, the table as it should be. */
void php_dora_watch_replay_undone(HashTable *protocols);

/* php_dora_watch_signals gives the signals that the task called pcntl_signal() for, as bits from
 * number 1 up, and forgets them. */
uint64_t php_dora_watch_signals(void);

/* php_dora_watch_texts_restore puts back where gettext's domains had their texts. */
void php_dora_watch_texts_restore(void);

/* php_dora_watch_loaders is the list of autoloaders that included files registered since.
 * Ownership: borrowed. */
zval *php_dora_watch_loaders(void);

/* php_dora_watch_streams is the list of names of wrappers and filters that included files
 * registered since it was emptied. Ownership: borrowed. */
HashTable *php_dora_watch_streams(void);

/* php_dora_watch_culprit names a function that cannot be undone and was called. */
const char *php_dora_watch_culprit(void);

/* php_dora_watch_end stands at the end of a request: PHP's functions only do their own from then
 * on. php_dora_watch_shutdown, at the end of the module, leaves them as they were. */
void php_dora_watch_end(void);
void php_dora_watch_shutdown(void);

/* php_dora_function finds one of PHP's own functions. Returns: NULL where the module is not there,
 * or disable_functions names it. */
zend_function *php_dora_function(const char *name);

/* php_dora_quiet calls one of PHP's own functions; what it warns of or throws is dropped.
 * `function` may be NULL. Returns: whether it was called and returned; `*result` is then the
 * caller's. `result` may be NULL. */
bool php_dora_quiet(zend_function *function, zval *result, uint32_t count, zval *args);

#endif
