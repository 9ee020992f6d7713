/* stat_callers.c: how much each identity has called, all lanes together. */
#include "server/ops/stat_callers.h"

#include "server/call/lane.h"

static dr_callers_told told_of(const dr_backend *backend, uint32_t row, const char *name)
{
    dr_callers_told told = {.name = name};
    for (uint32_t i = 0; i < backend->lane_count; i++) {
        told.calls += dr_count_get(&backend->lanes[i].callers[row].calls);
        told.refused += dr_count_get(&backend->lanes[i].callers[row].refused);
    }
    return told;
}

uint32_t dr_stat_callers(const dr_backend *backend, dr_callers_told *rows)
{
    const uint32_t named = atomic_load(&backend->callers.count);
    uint32_t count = 0;
    for (uint32_t i = 0; i < named; i++) {
        const char *name = i == DR_CALLER_ROW_ANYONE ? DR_ANYONE : backend->callers.names[i];
        rows[count++] = told_of(backend, i, name);
    }
    const dr_callers_told others = told_of(backend, DR_CALLER_ROW_OTHERS, "*");
    if (others.calls > 0) {
        rows[count++] = others;
    }
    return count;
}
