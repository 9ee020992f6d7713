/* room.c: when a pool that has refused a task is likely to have room again. */
#include "task/room.h"

#include "base/limits.h"

#define NS_PER_MS UINT64_C(1000000)

/* cost_of is what a task that waits is likely to take. */
static uint64_t cost_of(const dr_pool *pool, const dr_record *record, uint64_t now_ns)
{
    const uint64_t known_ns = pool->costs[record->api].run_ns;
    const uint64_t waited_ns = now_ns > record->submitted_ns ? now_ns - record->submitted_ns : 0;
    return known_ns != 0 ? known_ns : waited_ns;
}

static uint64_t mean_cost(const dr_pool *pool, uint64_t now_ns)
{
    uint64_t sum_ns = 0;
    uint32_t looked = 0;
    for (uint32_t i = pool->queue.all.first; i != DR_NONE && looked < DR_RETRY_TASKS_LOOKED;
         i = pool->records[i].next) {
        sum_ns += cost_of(pool, &pool->records[i], now_ns);
        looked++;
    }
    return looked > 0 ? sum_ns / looked : 0;
}

static uint64_t estimate_ns(const dr_pool *pool, uint64_t now_ns)
{
    const uint64_t most = (uint64_t)DR_RETRY_AFTER_MS_MAX * NS_PER_MS;
    const uint64_t waiting = (uint64_t)pool->queue.count + pool->canary.queue.count +
                             pool->ahead_count + pool->reserved_count + 1;
    const uint64_t at_a_time =
        (uint64_t)pool->live_count * (pool->limits.concurrency > 1 ? pool->limits.concurrency : 1);
    const uint64_t cost_ns = mean_cost(pool, now_ns);
    /* Clocks and costs are a worker's word: nothing here may overflow. */
    return waiting * (cost_ns < most ? cost_ns : most) / at_a_time / 2;
}

uint32_t dr_room_ms(dr_pool *pool, uint64_t now_ns)
{
    pthread_mutex_lock(&pool->lock);
    const uint64_t ms =
        pool->live_count == 0 ? DR_RETRY_AFTER_MS_USUAL : estimate_ns(pool, now_ns) / NS_PER_MS;
    pthread_mutex_unlock(&pool->lock);
    if (ms < DR_RETRY_AFTER_MS_MIN) {
        return DR_RETRY_AFTER_MS_MIN;
    }
    return ms < DR_RETRY_AFTER_MS_MAX ? (uint32_t)ms : DR_RETRY_AFTER_MS_MAX;
}
