/* machine.h: how much memory this process can have at most. */
#ifndef DR_BASE_MACHINE_H
#define DR_BASE_MACHINE_H

#include <stdint.h>

/* dr_machine_memory is the smaller of the machine's memory and what the control groups of this
 * process are allowed, v1 and v2, those around them too. `root` stands before /proc and /sys: ""
 * but in tests. Returns: bytes; UINT64_MAX when nothing could be read. */
uint64_t dr_machine_memory(const char *root);

#endif
