/* interrupt.h: Ctrl-C, for commands that have something to say before they end. */
#ifndef DR_CLI_INTERRUPT_H
#define DR_CLI_INTERRUPT_H

#include <stdbool.h>

/* dr_interrupt_hold keeps a Ctrl-C from ending the program, unless it is ignored already;
 * dr_interrupt_came says whether one came. It is an is_interrupted of dora_call_options; `user` is
 * not looked at. Thread: the program's only one. */
void dr_interrupt_hold(void);
bool dr_interrupt_came(void *user);

#endif
