/* inbox.c: how long the rings are, and whether a worker has emptied its own. */
#include "ipc/inbox.h"

uint32_t dr_ring_entries(uint32_t tasks)
{
    uint32_t entries = DR_RING_ENTRIES_MIN;
    while (entries < tasks * 2) { /* as many again for stale entries */
        entries *= 2;
    }
    return entries;
}

bool dr_inbox_is_empty(const dr_region *region, uint32_t worker)
{
    const dr_shared_worker *shared = &region->workers[worker];
    return atomic_load_explicit(&shared->inbox_head, memory_order_acquire) ==
           atomic_load_explicit(&shared->inbox_tail, memory_order_seq_cst);
}
