/* pool.c: the books of a pool: records, slots and their chains. Callers hold the lock. */
#include "task/pool.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "ipc/inbox.h"
#include "ipc/wake.h"

static uint32_t most(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

dora_err dr_pool_init(dr_pool *pool, const dr_pool_limits *limits, const int *event_fds,
                      dora_error *error)
{
    memset(pool, 0, sizeof(*pool));
    pthread_mutex_init(&pool->lock, NULL);
    pool->limits = *limits;
    pool->limits.concurrency = most(limits->concurrency, 1);
    const uint32_t at_once = DR_POOL_SLOTS(limits->workers) * pool->limits.concurrency;
    memcpy(pool->event_fds, event_fds, limits->reactors * sizeof(*event_fds));
    dr_region_shape shape = {.workers = DR_POOL_SLOTS(limits->workers),
                             .reactors = limits->reactors,
                             .tasks = limits->queue_tasks_max + at_once,
                             .ring_entries =
                                 dr_ring_entries(most(DR_HANDED_MAX, pool->limits.concurrency)),
                             .big_bytes = (limits->big_bytes + 4095u) & ~4095u,
                             .slab_bytes = limits->slab_bytes};
    dr_region_shape_set(&shape);
    dora_err err = dr_region_create(&pool->region, &shape, error);
    if (err == DORA_OK) {
        err = dr_slab_init(&pool->slab, limits->slab_bytes);
    }
    if (err == DORA_OK) {
        err = dr_stream_slab_init(&pool->stream_slab, &pool->slab, limits->slab_bytes);
    }
    if (err == DORA_OK) {
        err = dr_queue_init(&pool->queue, shape.tasks);
    }
    if (err == DORA_OK) {
        err = dr_poison_init(&pool->poison, limits->poison_s);
    }
    pool->records = calloc(shape.tasks, sizeof(*pool->records));
    pool->slots = calloc(shape.workers, sizeof(*pool->slots));
    pool->loop_fds = malloc(shape.workers * sizeof(*pool->loop_fds));
    for (uint32_t i = 0; pool->loop_fds != NULL && i < shape.workers; i++) {
        pool->loop_fds[i] = -1;
    }
    if (err == DORA_OK &&
        (pool->records == NULL || pool->slots == NULL || pool->loop_fds == NULL)) {
        err = DORA_ENOMEM;
    }
    if (err != DORA_OK) {
        dr_pool_fini(pool);
        return err;
    }
    pool->free_records = pool->lost = pool->idle = (dr_chain){DR_NONE, DR_NONE};
    pool->favourite = DR_NONE;
    pool->generation = 1;
    for (uint32_t i = 0; i < shape.tasks; i++) {
        dr_record_append(pool, &pool->free_records, i);
    }
    for (uint32_t i = 0; i < shape.workers; i++) {
        pool->slots[i].tasks = (dr_chain){DR_NONE, DR_NONE};
        pool->slots[i].pidfd = -1;
    }
    return dr_pool_set_apis(pool, 0);
}

void dr_pool_fini(dr_pool *pool)
{
    for (uint32_t i = 0; pool->loop_fds != NULL && i < DR_POOL_SLOTS(pool->limits.workers); i++) {
        if (pool->loop_fds[i] >= 0) {
            close(pool->loop_fds[i]);
        }
    }
    free(pool->loop_fds);
    if (pool->region.base != NULL) {
        dr_region_close(&pool->region);
        pthread_mutex_destroy(&pool->lock);
    }
    dr_stream_slab_fini(&pool->stream_slab);
    dr_slab_fini(&pool->slab);
    dr_queue_fini(&pool->queue);
    dr_poison_fini(&pool->poison);
    dr_queue_fini(&pool->canary.queue);
    free(pool->canary.apis);
    free(pool->records);
    free(pool->slots);
    free(pool->costs);
    free(pool->spare_costs);
    memset(pool, 0, sizeof(*pool));
}

dora_err dr_pool_set_apis(dr_pool *pool, uint32_t api_count)
{
    dr_api_cost *costs = calloc((size_t)api_count + 1, sizeof(*costs));
    dr_api_cost *spare = calloc((size_t)api_count + 1, sizeof(*costs));
    if (costs == NULL || spare == NULL) {
        free(costs);
        free(spare);
        return DORA_ENOMEM;
    }
    free(pool->costs);
    free(pool->spare_costs);
    pool->costs = costs;
    pool->spare_costs = spare;
    pool->api_count = api_count;
    return DORA_OK;
}

void dr_record_append(dr_pool *pool, dr_chain *chain, uint32_t index)
{
    dr_record *record = &pool->records[index];
    record->next = DR_NONE;
    record->prev = chain->last;
    if (chain->last == DR_NONE) {
        chain->first = index;
    } else {
        pool->records[chain->last].next = index;
    }
    chain->last = index;
}

void dr_record_prepend(dr_pool *pool, dr_chain *chain, uint32_t index)
{
    dr_record *record = &pool->records[index];
    record->prev = DR_NONE;
    record->next = chain->first;
    if (chain->first == DR_NONE) {
        chain->last = index;
    } else {
        pool->records[chain->first].prev = index;
    }
    chain->first = index;
}

void dr_record_remove(dr_pool *pool, dr_chain *chain, uint32_t index)
{
    const dr_record *record = &pool->records[index];
    if (record->prev == DR_NONE) {
        chain->first = record->next;
    } else {
        pool->records[record->prev].next = record->next;
    }
    if (record->next == DR_NONE) {
        chain->last = record->prev;
    } else {
        pool->records[record->next].prev = record->prev;
    }
}

void dr_record_free(dr_pool *pool, uint32_t index)
{
    dr_record *record = &pool->records[index];
    if (record->capacity > 0) {
        if (record->type == DR_TYPE_ST_S) {
            dr_stream_slab_free(&pool->stream_slab, record->offset, record->capacity);
            pool->streams--;
        } else {
            dr_slab_free(&pool->slab, record->offset, record->capacity);
        }
        record->capacity = 0;
    }
    record->state = DR_RECORD_FREE;
    record->is_big = false;
    record->interrupt = 0;
    record->is_answered = false;
    record->is_told = false;
    record->owner = NULL;
    /* First, so that the next task finds the same, still cached, memory. */
    dr_record_prepend(pool, &pool->free_records, index);
}

void dr_record_lose(dr_pool *pool, uint32_t index, int32_t code)
{
    dr_record *record = &pool->records[index];
    record->state = DR_RECORD_LOST;
    record->refusal = code;
    dr_record_append(pool, &pool->lost, index);
}

void dr_slot_set_idle(dr_pool *pool, uint32_t index)
{
    dr_slot *slot = &pool->slots[index];
    slot->state = DR_SLOT_IDLE;
    slot->slow = false;
    if (slot->is_canary) {
        return;
    }
    slot->prev = DR_NONE;
    slot->next = pool->idle.first;
    if (pool->idle.first == DR_NONE) {
        pool->idle.last = index;
    } else {
        pool->slots[pool->idle.first].prev = index;
    }
    pool->idle.first = index;
}

void dr_slot_leave_idle(dr_pool *pool, uint32_t index)
{
    const dr_slot *slot = &pool->slots[index];
    if (slot->is_canary) {
        return;
    }
    if (slot->prev == DR_NONE) {
        pool->idle.first = slot->next;
    } else {
        pool->slots[slot->prev].next = slot->next;
    }
    if (slot->next == DR_NONE) {
        pool->idle.last = slot->prev;
    } else {
        pool->slots[slot->next].prev = slot->prev;
    }
}

void dr_slot_take(dr_pool *pool, uint32_t index, uint32_t task)
{
    dr_slot *slot = &pool->slots[index];
    dr_record *record = &pool->records[task];
    if (slot->state == DR_SLOT_IDLE) {
        dr_slot_leave_idle(pool, index);
        slot->state = DR_SLOT_BUSY;
    }
    if (slot->held == 0) {
        pool->busy_count++;
    }
    if (slot->held >= pool->limits.concurrency) {
        pool->ahead_count++;
    }
    record->state = DR_RECORD_HANDED;
    record->slot = index;
    slot->held++;
    slot->backlog_ns += record->cost_ns;
    pool->handed_count++;
    dr_record_append(pool, &slot->tasks, task);
}

void dr_slot_drop(dr_pool *pool, uint32_t index, uint32_t task)
{
    dr_slot *slot = &pool->slots[index];
    dr_record_remove(pool, &slot->tasks, task);
    slot->held--;
    slot->backlog_ns -= pool->records[task].cost_ns;
    pool->handed_count--;
    if (slot->held == 0) {
        pool->busy_count--;
    }
    if (slot->held >= pool->limits.concurrency) {
        pool->ahead_count--;
    }
}

uint32_t dr_slot_reserve(dr_pool *pool)
{
    const uint32_t count = pool->region.shape.workers;
    uint32_t index = 0;
    while (index < count && pool->slots[index].state != DR_SLOT_EMPTY) {
        index++;
    }
    if (index == count) {
        return DR_NONE;
    }
    dr_shared_worker *shared = &pool->region.workers[index];
    memset(shared, 0, sizeof(*shared));
    for (uint32_t r = 0; r < pool->limits.reactors; r++) {
        atomic_store(&dr_region_outbox(&pool->region, index, r)->tail, 0);
    }
    dr_slot *slot = &pool->slots[index];
    pool->handled += slot->finished; /* of the slot's last worker */
    memset(slot, 0, sizeof(*slot));
    slot->state = DR_SLOT_STARTING;
    slot->tasks = (dr_chain){DR_NONE, DR_NONE};
    slot->pidfd = -1;
    return index;
}

int dr_slot_loop_fd(dr_pool *pool, uint32_t index)
{
    int ends[2];
    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) {
        return -1;
    }
    if (pool->loop_fds[index] < 0) {
        pool->loop_fds[index] = ends[1];
    } else { /* under the same number: a reactor may be about to write there */
        (void)dup3(ends[1], pool->loop_fds[index], O_CLOEXEC);
        close(ends[1]);
    }
    return ends[0];
}

void dr_slot_wake(dr_pool *pool, uint32_t index)
{
    (void)dr_wake_worker(&pool->region.workers[index], pool->loop_fds[index]);
}

bool dr_slot_signal(const dr_slot *slot, int number)
{
    return slot->pidfd >= 0 && syscall(SYS_pidfd_send_signal, slot->pidfd, number, NULL, 0) == 0;
}

void dr_slot_stop(dr_pool *pool, uint32_t index)
{
    dr_shared_worker *shared = &pool->region.workers[index];
    pool->slots[index].stopped_ns = dr_clock_ns();
    atomic_store_explicit(&shared->stop, 1, memory_order_seq_cst);
    dr_slot_wake(pool, index);
}
