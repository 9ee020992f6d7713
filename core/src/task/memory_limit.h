/* memory_limit.h: a pool's memory_hard_mb, beyond which the kernel gives its processes no memory
 * (base/rights.c): what a worker held that it has ended. */
#ifndef DR_TASK_MEMORY_LIMIT_H
#define DR_TASK_MEMORY_LIMIT_H

#include <stddef.h>

#include "ipc/region.h"

#define DR_MEMORY_LIMIT_TEXT_MAX 128u

/* dr_memory_limit_begin says what the limit of this process is; 0: it has none.
 * dr_memory_limit_watch has a worker write down what it holds when it crashes or exits for want of
 * memory, before it ends as it would without; of signals, those that nobody else handles. */
void dr_memory_limit_begin(uint32_t limit_mb);
void dr_memory_limit_watch(dr_shared_worker *shared);

/* dr_memory_limit_name writes which limit it was: "memory_hard_mb (64; it held 63 MiB)". Returns:
 * the length. */
size_t dr_memory_limit_name(uint32_t limit_mb, uint32_t held_kb, char *text, size_t size);

#endif
