/* memory.h: how much freed memory the master keeps. */
#ifndef DR_SERVER_MEMORY_H
#define DR_SERVER_MEMORY_H

#include <stdint.h>

struct dr_server;

/* dr_memory is what the supervisor has last seen. */
typedef struct dr_memory {
    uint64_t seen; /* requests and tasks */
    uint32_t quiet_looks;
} dr_memory;

/* dr_memory_keep makes freed memory stay with the process for the next large frame. Call it before
 * threads start. */
void dr_memory_keep(void);

/* dr_memory_look gives freed memory back to the kernel once no request has come for
 * DR_MEMORY_QUIET_LOOKS looks. Thread: the supervisor's. */
void dr_memory_look(struct dr_server *server);

#endif
