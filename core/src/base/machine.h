/* machine.h: how much memory and how many processors this process can have at most. */
#ifndef DR_BASE_MACHINE_H
#define DR_BASE_MACHINE_H

#include <stdint.h>

/* dr_machine_memory is the smaller of the machine's memory and what the control groups of this
 * process are allowed, v1 and v2, those around them too. `root` stands before /proc and /sys: ""
 * but in tests. Returns: bytes; UINT64_MAX when nothing could be read. */
uint64_t dr_machine_memory(const char *root);

/* dr_machine_cpus is the smaller of how many processors this process may run on and what the quotas
 * of its control groups come to, read as above; a part of one counts as one. Returns: 1 or more. */
uint32_t dr_machine_cpus(const char *root);

#endif
