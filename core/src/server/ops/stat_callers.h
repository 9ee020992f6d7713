/* stat_callers.h: how much each identity has called, all lanes together. Thread: any. */
#ifndef DR_SERVER_STAT_CALLERS_H
#define DR_SERVER_STAT_CALLERS_H

#include "server/call/backend.h"

typedef struct dr_callers_told {
    const char *name; /* an identity, DR_ANYONE for callers without one, "*" for all others */
    uint64_t calls;
    uint64_t refused;
} dr_callers_told;

/* dr_stat_callers tells each row that there is; none where there never were rules. `rows` has room
 * for DR_CALLER_ROWS_MAX. Returns: how many. */
uint32_t dr_stat_callers(const dr_backend *backend, dr_callers_told *rows);

#endif
