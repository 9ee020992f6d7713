/* capability.h: the single rights that root is made of (capabilities(7)), of the calling thread. */
#ifndef DR_BASE_CAPABILITY_H
#define DR_BASE_CAPABILITY_H

#include <stdbool.h>
#include <stdint.h>

/* dr_capability is the bit of one of them. */
#define DR_CAPABILITY(number) ((uint64_t)1 << (number))

/* dr_capabilities_have says whether the thread may use all of these now. */
bool dr_capabilities_have(uint64_t wanted);

/* dr_capabilities_hold_back has programs that the thread starts not inherit these (the ambient
 * set). dr_capabilities_keep leaves the thread no more than these, and nothing to hand on to a
 * program that it starts. dr_capabilities_bound leaves no program that it or its children start a
 * way to more than these; without the right to do so (CAP_SETPCAP) all is as it was.
 * Returns: 0, or errno. All are fine between fork and exec. */
void dr_capabilities_hold_back(uint64_t held);
int dr_capabilities_keep(uint64_t kept);
int dr_capabilities_bound(uint64_t kept);

#endif
