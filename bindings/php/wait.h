/* wait.h: what PHP does while a call of the core waits: handlers of signals run. */
#ifndef PHP_DORA_WAIT_H
#define PHP_DORA_WAIT_H

#include "clients.h"

/* php_dora_wait stands beside one call of the core, from begin to end. */
typedef struct php_dora_wait {
    php_dora_shared *shared; /* kept while the call lasts; NULL: several */
    bool has_bailed_out;     /* a handler ended by a fatal error */
    bool has_timed_out;      /* max_execution_time is over */
} php_dora_wait;

/* php_dora_wait_begin makes the call of `options` ask for interrupts: what pcntl's asynchronous
 * signals, or another extension, would run between two opcodes runs during the wait, and ends it
 * where it raises. */
void php_dora_wait_begin(php_dora_wait *wait, php_dora_shared *shared, dora_call_options *options);

/* php_dora_wait_end says whether the wait ended by itself. Returns: false with the exception raised
 * that ended it, or that was raised while it ended. After a fatal error it does not come back. */
bool php_dora_wait_end(php_dora_wait *wait);

#endif
