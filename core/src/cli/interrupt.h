/* interrupt.h: Ctrl-C, for commands that have something to say before they end. */
#ifndef DR_CLI_INTERRUPT_H
#define DR_CLI_INTERRUPT_H

#include <stdbool.h>

#include <dora/error.h>
#include <dora/value.h>

/* dr_interrupt_hold begins: unless Ctrl-C is ignored already, the program ends by it at once with
 * DR_EXIT_INTERRUPTED, until dr_interrupt_came is asked for the first time: an is_interrupted of
 * dora_call_options, which a client asks before it connects. From then on a server may have a call
 * of ours, and a Ctrl-C is only noted: the next answer is true. A second one ends the program, and
 * so does the time. dr_interrupt_release is for when the server has nothing of ours any more.
 * `user` is not looked at. Thread: the program's only one. */
void dr_interrupt_hold(void);
void dr_interrupt_release(void);
bool dr_interrupt_came(void *user);

/* dr_interrupt_print writes to stdout behind what was printed there, for as long as it takes.
 * Errors: DORA_EINTERRUPTED where a Ctrl-C was noted, DORA_EIO. */
dora_err dr_interrupt_print(dora_slice text);

#endif
