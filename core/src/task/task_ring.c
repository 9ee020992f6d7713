/* task_ring.c: a stream's ring as the master finds it, and tasks that are to end early. */
#include "task/task_ring.h"

#include "ipc/wake.h"
#include "task/interrupt.h"

dr_part_ring *dr_task_ring(const dr_pool *pool, uint32_t task)
{
    const dr_record *record = &pool->records[task];
    char *end = pool->region.slab + record->offset + record->capacity;
    return (dr_part_ring *)(void *)(end - DR_STREAM_BYTES);
}

bool dr_task_ring_hear(dr_pool *pool, uint32_t task, const void *owner)
{
    pthread_mutex_lock(&pool->lock);
    const dr_record *record = &pool->records[task];
    const bool is_its = record->state == DR_RECORD_HANDED && record->type == DR_TYPE_ST_S &&
                        record->owner == owner && !record->is_answered;
    if (is_its) {
        dr_part_ring_seen(dr_task_ring(pool, task));
    }
    pthread_mutex_unlock(&pool->lock);
    return is_its;
}

void dr_task_ring_wake(dr_pool *pool, uint32_t task)
{
    pthread_mutex_lock(&pool->lock);
    const dr_record *record = &pool->records[task];
    if (record->state == DR_RECORD_HANDED) {
        dr_slot_wake(pool, record->slot);
    }
    pthread_mutex_unlock(&pool->lock);
}

void dr_task_stop(dr_pool *pool, uint32_t task)
{
    if (pool->records[task].type == DR_TYPE_ST_S) {
        atomic_store_explicit(&dr_task_ring(pool, task)->is_over, 1, memory_order_seq_cst);
        dr_task_ring_wake(pool, task);
    }
    (void)dr_interrupt_task(pool, task, DR_INTERRUPT_CANCELLED);
}
