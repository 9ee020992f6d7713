/* memory.c: freed memory is kept while requests come, and given back when none do.
 *
 * By itself the allocator gives a large buffer back to the kernel when it is freed. The next frame
 * of that size then meets a page fault for every 4 KiB: a quarter of the master's time. */
#include "server/memory.h"

#include <malloc.h>

#include "base/limits.h"
#include "server/lane.h"

void dr_memory_keep(void)
{
#ifdef __GLIBC__
    (void)mallopt(M_MMAP_THRESHOLD, DR_MEMORY_KEPT_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, DR_MEMORY_KEPT_BYTES);
#endif
}

static uint64_t count_requests(const dr_server *server)
{
    uint64_t requests = 0;
    for (uint32_t i = 0; i < server->lane_count; i++) {
        requests += dr_count_get(&server->lanes[i].requests);
    }
    return requests;
}

void dr_memory_look(dr_server *server)
{
    dr_memory *memory = &server->memory;
    const uint64_t requests = count_requests(server);
    if (requests != memory->requests) {
        memory->requests = requests;
        memory->quiet_looks = 0;
        return;
    }
    if (memory->quiet_looks <= DR_MEMORY_QUIET_LOOKS) {
        memory->quiet_looks++;
    }
#ifdef __GLIBC__
    if (memory->quiet_looks == DR_MEMORY_QUIET_LOOKS) {
        (void)malloc_trim(0);
    }
#endif
}
