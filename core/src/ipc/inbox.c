/* inbox.c: rings with one writer and one reader; a slot is written before its tail is published, so
 * a death between the two leaves no gap. */
#include "ipc/inbox.h"

static uint32_t inbox_used(dr_shared_worker *worker)
{
    const uint32_t head = atomic_load_explicit(&worker->inbox_head, memory_order_acquire);
    return atomic_load_explicit(&worker->inbox_tail, memory_order_relaxed) - head;
}

bool dr_inbox_has_room(dr_shared_worker *worker)
{
    return inbox_used(worker) < DR_INBOX_ENTRIES;
}

bool dr_inbox_is_empty(dr_shared_worker *worker)
{
    return atomic_load_explicit(&worker->inbox_head, memory_order_acquire) ==
           atomic_load_explicit(&worker->inbox_tail, memory_order_seq_cst);
}

bool dr_inbox_is_broken(dr_shared_worker *worker)
{
    return inbox_used(worker) > DR_INBOX_ENTRIES;
}

void dr_inbox_push(dr_shared_worker *worker, uint32_t generation, uint32_t index)
{
    const uint32_t tail = atomic_load_explicit(&worker->inbox_tail, memory_order_relaxed);
    worker->inbox[tail % DR_INBOX_ENTRIES] = ((uint64_t)generation << 32) | index;
    atomic_store_explicit(&worker->inbox_tail, tail + 1, memory_order_seq_cst);
}

bool dr_inbox_pop(dr_shared_worker *worker, uint32_t *generation, uint32_t *index)
{
    const uint32_t head = atomic_load_explicit(&worker->inbox_head, memory_order_relaxed);
    if (head == atomic_load_explicit(&worker->inbox_tail, memory_order_acquire)) {
        return false;
    }
    const uint64_t entry = worker->inbox[head % DR_INBOX_ENTRIES];
    atomic_store_explicit(&worker->inbox_head, head + 1, memory_order_release);
    *generation = (uint32_t)(entry >> 32);
    *index = (uint32_t)entry;
    return true;
}

void dr_outbox_push(dr_shared_outbox *outbox, uint32_t index)
{
    const uint32_t tail = atomic_load_explicit(&outbox->tail, memory_order_relaxed);
    outbox->entries[tail % DR_OUTBOX_ENTRIES] = index;
    atomic_store_explicit(&outbox->tail, tail + 1, memory_order_release);
}

bool dr_outbox_pop(dr_shared_outbox *outbox, uint32_t *head, uint32_t *index)
{
    if (atomic_load_explicit(&outbox->tail, memory_order_acquire) == *head) {
        return false;
    }
    *index = outbox->entries[*head % DR_OUTBOX_ENTRIES];
    (*head)++;
    return true;
}
