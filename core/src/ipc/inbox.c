/* inbox.c: rings with one writer and one reader; a slot is written before its tail is published, so
 * a death between the two leaves no gap. */
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

bool dr_inbox_pop(const dr_region *region, uint32_t worker, uint32_t *generation, uint32_t *index)
{
    dr_shared_worker *shared = &region->workers[worker];
    const uint32_t head = atomic_load_explicit(&shared->inbox_head, memory_order_relaxed);
    if (head == atomic_load_explicit(&shared->inbox_tail, memory_order_acquire)) {
        return false;
    }
    const uint64_t entry = dr_region_inbox(region, worker)[head & (region->shape.ring_entries - 1)];
    atomic_store_explicit(&shared->inbox_head, head + 1, memory_order_release);
    *generation = (uint32_t)(entry >> 32);
    *index = (uint32_t)entry;
    return true;
}

void dr_outbox_push(const dr_region *region, uint32_t worker, uint32_t reactor, uint32_t index)
{
    dr_shared_outbox *outbox = dr_region_outbox(region, worker, reactor);
    const uint32_t tail = atomic_load_explicit(&outbox->tail, memory_order_relaxed);
    outbox->entries[tail & (region->shape.ring_entries - 1)] = index;
    atomic_store_explicit(&outbox->tail, tail + 1, memory_order_release);
}

bool dr_outbox_pop(const dr_shared_outbox *outbox, uint32_t entries, uint32_t *head,
                   uint32_t *index)
{
    if (atomic_load_explicit(&outbox->tail, memory_order_acquire) == *head) {
        return false;
    }
    *index = outbox->entries[*head & (entries - 1)];
    (*head)++;
    return true;
}
