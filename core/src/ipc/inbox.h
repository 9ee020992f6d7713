/* inbox.h: the two rings of a worker: tasks handed to it, and tasks it has finished. Each has one
 * writer and one reader at a time; the master's side is guarded by the pool's lock. An entry is
 * written before its tail is published, so a death between the two leaves no gap. */
#ifndef DR_IPC_INBOX_H
#define DR_IPC_INBOX_H

#include "base/fetch.h"
#include "ipc/region.h"

/* dr_ring_entries is how long the rings of workers that may hold `tasks` tasks are. */
uint32_t dr_ring_entries(uint32_t tasks);

/* dr_inbox_has_room says whether the master may push; `tail` is its own count of what it has
 * pushed. The worker's head is read once and checked. */
static inline bool dr_inbox_has_room(const dr_region *region, uint32_t worker, uint32_t tail)
{
    const dr_shared_worker *shared = &region->workers[worker];
    return tail - atomic_load_explicit(&shared->inbox_head, memory_order_acquire) <
           region->shape.ring_entries;
}

/* dr_inbox_is_empty says whether the worker has taken out every entry. */
bool dr_inbox_is_empty(const dr_region *region, uint32_t worker);

/* dr_inbox_push publishes a task and moves the master's `*tail`. The caller checked for room. */
static inline void dr_inbox_push(const dr_region *region, uint32_t worker, uint32_t *tail,
                                 uint32_t generation, uint32_t index)
{
    dr_region_inbox(region, worker)[*tail & (region->shape.ring_entries - 1)] =
        ((uint64_t)generation << 32) | index;
    (*tail)++;
    atomic_store_explicit(&region->workers[worker].inbox_tail, *tail, memory_order_seq_cst);
}

/* dr_inbox_pop takes the next task (worker). Returns: false when there is none. */
static inline bool dr_inbox_pop(const dr_region *region, uint32_t worker, uint32_t *generation,
                                uint32_t *index)
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

/* dr_inbox_next looks at the next task and leaves it there (worker). Returns: NULL when there is
 * none. */
static inline const dr_shared_task *dr_inbox_next(const dr_region *region, uint32_t worker)
{
    const dr_shared_worker *shared = &region->workers[worker];
    const uint32_t head = atomic_load_explicit(&shared->inbox_head, memory_order_relaxed);
    if (head == atomic_load_explicit(&shared->inbox_tail, memory_order_acquire)) {
        return NULL;
    }
    const uint64_t entry = dr_region_inbox(region, worker)[head & (region->shape.ring_entries - 1)];
    const uint32_t index = (uint32_t)entry;
    return index < region->shape.tasks ? &region->tasks[index] : NULL;
}

/* dr_outbox_push publishes a finished task (worker). */
static inline void dr_outbox_push(const dr_region *region, uint32_t worker, uint32_t reactor,
                                  uint32_t index)
{
    dr_shared_outbox *outbox = dr_region_outbox(region, worker, reactor);
    const uint32_t tail = atomic_load_explicit(&outbox->tail, memory_order_relaxed);
    outbox->entries[tail & (region->shape.ring_entries - 1)] = index;
    atomic_store_explicit(&outbox->tail, tail + 1, memory_order_release);
}

/* dr_outbox_pop takes a finished task (master) at `*head`, which the caller keeps, from a ring of
 * so many entries. Returns: false when there is none. */
static inline bool dr_outbox_pop(const dr_shared_outbox *outbox, uint32_t entries, uint32_t *head,
                                 uint32_t *index)
{
    if (atomic_load_explicit(&outbox->tail, memory_order_acquire) == *head) {
        return false;
    }
    *index = outbox->entries[*head & (entries - 1)];
    (*head)++;
    return true;
}

/* dr_outbox_fetch asks for the finished task at `head`, if there is one (master). */
static inline void dr_outbox_fetch(const dr_region *region, const dr_shared_outbox *outbox,
                                   uint32_t head)
{
    if (atomic_load_explicit(&outbox->tail, memory_order_acquire) == head) {
        return;
    }
    const uint32_t index = outbox->entries[head & (region->shape.ring_entries - 1)];
    if (index < region->shape.tasks) {
        dr_fetch(&region->tasks[index], sizeof(region->tasks[index]));
    }
}

#endif
