/* heed.h: a worker heeds what its master asks of a running task: by a signal, which the language
 * makes of what its handlers know. */
#ifndef DR_TASK_HEED_H
#define DR_TASK_HEED_H

#include "task/interrupt.h"

/* dr_heed_begin has this process heed the signal from now on; nothing where the runtime cannot.
 * Thread: that which runs handlers, or their loop. Ownership: borrows for the process's life. */
void dr_heed_begin(dr_worker *worker);

/* dr_heed_stack is what this worker has said last of where it was. */
dora_slice dr_heed_stack(const dr_worker *worker);

/* dr_interrupt_text writes what the caller of an interrupted task is told; `at` is where that was,
 * empty: nobody knows. Returns: the length. dr_interrupt_reply makes it the task's reply. */
size_t dr_interrupt_text(dora_slice name, uint32_t own_limit_ms, dr_interrupt why, dora_slice at,
                         char *text, size_t size);
void dr_interrupt_reply(dora_reply *reply, dora_slice name, uint32_t own_limit_ms, dr_interrupt why,
                        dora_slice at);

#endif
