/* interrupt.h: what ends a handler before it has ended by itself: Dora\Interrupted. */
#ifndef PHP_DORA_INTERRUPT_H
#define PHP_DORA_INTERRUPT_H

#include "php_dora.h"

extern zend_class_entry *php_dora_interrupted_ce;

/* php_dora_interrupt_init has PHP ask here between two steps of a program, behind whoever it asked
 * before. Thread: the process's, when the module starts. */
void php_dora_interrupt_init(void);

/* php_dora_interrupt_begin: a handler runs for this request from now on. php_dora_interrupt_end:
 * none does. */
void php_dora_interrupt_begin(const dora_request *request);
void php_dora_interrupt_end(void);

/* php_dora_interrupt has PHP ask soon: the callback of the runtime, within a signal handler. */
void php_dora_interrupt(void *host, bool is_again);

#endif
