/* deadline.h: until when the caller of the running handler waits. A client that is used inside a
 * handler waits no longer than that. */
#ifndef DR_BASE_DEADLINE_H
#define DR_BASE_DEADLINE_H

#include <stdint.h>

/* dr_deadline_set says it for this thread, in nanoseconds of dr_clock_ns; 0: for as long as it
 * takes. dr_deadline_get is what was set last, 0 in the beginning.
 * Thread: any; each has its own, so threads that a handler starts have none. */
void dr_deadline_set(uint64_t deadline_ns);
uint64_t dr_deadline_get(void);

#endif
