/* deadline.c: until when the caller of the running handler waits. */
#include "base/deadline.h"

/* A handler calls a client without telling it for whom: the thread is what both have in common. */
static _Thread_local uint64_t current_ns;

void dr_deadline_set(uint64_t deadline_ns)
{
    current_ns = deadline_ns;
}

uint64_t dr_deadline_get(void)
{
    return current_ns;
}
