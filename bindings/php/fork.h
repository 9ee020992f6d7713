/* fork.h: what a worker does not share with its zygote, from which it was forked with all that the
 * application has made while loading. */
#ifndef PHP_DORA_FORK_H
#define PHP_DORA_FORK_H

#include "php_dora.h"

/* php_dora_loaded is what the application has made: to be drawn from, or to be ended, once. */
typedef struct php_dora_loaded {
    bool is_known;
    HashTable ends;        /* objects that are destructed, as long as they live */
    zend_object **engines; /* random generators */
    uint32_t engine_count;
    zend_long resources; /* with a lower number are the zygote's */
} php_dora_loaded;

/* php_dora_fork_prepare stands before each fork of a worker: the first one looks what there is.
 * php_dora_fork_begin, in the worker: random numbers are its own, shutdown functions the zygote's.
 * php_dora_fork_end, in both at their end: what a worker has of the zygote's objects is freed and
 * not destructed, and of its files nothing is removed.
 * php_dora_fork_free frees the shutdown functions when no code of the application runs any more. */
void php_dora_fork_prepare(php_dora_loaded *loaded);
void php_dora_fork_begin(php_dora_loaded *loaded);
void php_dora_fork_end(php_dora_loaded *loaded);
void php_dora_fork_free(void);

#endif
