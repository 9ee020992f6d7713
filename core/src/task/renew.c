/* renew.c: another region for a pool, in the place of a damaged one.
 *
 * It has the same shape and the same address, so books and pointers stay right, and a reactor that
 * writes or reads there without the lock at this moment needs no telling. What may still be read,
 * results of calls that wait for their other items, is carried over. The old memory goes with the
 * last process that has it. */
#include "task/renew.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "task/dispatch.h"
#include "task/watch.h"

static void carry_part(const dr_region *from, const dr_region *to, const char *part, size_t len)
{
    memcpy(to->base + (part - from->base), part, len);
}

/* carry copies what reactors have been given and may still read. */
static void carry(const dr_pool *pool, const dr_region *to)
{
    const dr_region *from = &pool->region;
    for (uint32_t i = 0; i < from->shape.tasks; i++) {
        const dr_record *record = &pool->records[i];
        if (record->state == DR_RECORD_FINISHED) {
            carry_part(from, to, from->slab + record->offset, record->capacity);
        }
        if (record->state == DR_RECORD_FINISHED && record->is_big) {
            carry_part(from, to, dr_region_big(from, record->slot), from->shape.big_bytes);
        }
    }
}

/* lose gives up what no worker has had: the queue now, and what is being filled when it enters. */
static void lose(dr_pool *pool)
{
    dr_queue *const queues[] = {&pool->queue, &pool->canary.queue};
    for (size_t i = 0; i < sizeof(queues) / sizeof(queues[0]); i++) {
        while (queues[i]->count > 0) {
            const uint32_t task = queues[i]->all.first;
            dr_queue_remove(pool, task);
            dr_record_lose(pool, task, DORA_CODE_OVERLOADED);
        }
    }
    for (uint32_t i = 0; i < pool->region.shape.tasks; i++) {
        if (pool->records[i].state == DR_RECORD_FILLING) {
            pool->records[i].state = DR_RECORD_LOST;
            pool->records[i].refusal = DORA_CODE_OVERLOADED;
        }
    }
}

/* end_worker kills a worker that knows the old memory; nothing that it writes is read any more. */
static void end_worker(dr_pool *pool, uint32_t index)
{
    dr_slot *slot = &pool->slots[index];
    memset(slot->outbox_heads, 0, sizeof(slot->outbox_heads));
    if (slot->state == DR_SLOT_EMPTY || slot->state == DR_SLOT_DEAD) {
        return;
    }
    if (slot->pidfd >= 0) {
        (void)syscall(SYS_pidfd_send_signal, slot->pidfd, SIGKILL, NULL, 0);
    }
    slot->pidfd = -1; /* its crew closes it when it has ended */
    slot->pid = 0;
    slot->killed_for_limit = false;
    dr_bury(pool, index, DR_RESTART_DAMAGED);
}

dora_err dr_dispatch_renew(dr_pool *pool, dora_error *error)
{
    dr_region other;
    dora_err err = dr_region_create(&other, &pool->region.shape, error);
    if (err != DORA_OK) {
        return err;
    }
    pthread_mutex_lock(&pool->lock);
    carry(pool, &other);
    err = dr_region_replace(&pool->region, &other, error);
    if (err == DORA_OK) {
        lose(pool);
        for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
            end_worker(pool, i);
        }
        pool->favourite = DR_NONE;
        pool->damage = (dr_damage){NULL, NULL, 0};
        pool->looked_ns = dr_clock_ns();
    }
    pthread_mutex_unlock(&pool->lock);
    return err;
}
