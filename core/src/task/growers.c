/* growers.c: in the calls of which apis the workers of a pool have grown. */
#include "task/growers.h"

#include <stdlib.h>
#include <unistd.h>

#include "task/pool.h"

/* ram_bytes is more than anything can grow by in one call. */
static int64_t ram_bytes(void)
{
    return (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
}

/* read_believed takes an entry of a worker that can be true. Returns: false: there is none. */
static bool read_believed(const dr_pool *pool, uint32_t index, uint32_t entry, int64_t ram,
                          dr_grower *grower)
{
    const dr_slot *slot = &pool->slots[index];
    return dr_grown_read(&pool->region.workers[index], entry, grower) &&
           grower->api <= DR_APP_APIS_MAX && grower->looks <= slot->finished + slot->held &&
           llabs(grower->bytes) / grower->looks <= ram;
}

/* is_of_now: the numbers of its apis are those of the generation that serves. */
static bool is_of_now(const dr_pool *pool, const dr_slot *slot)
{
    return !slot->is_canary && (pool->crew == 0 || slot->crew == pool->crew);
}

static void add(dr_growers *growers, const dr_grower *grower)
{
    uint32_t least = 0;
    for (uint32_t i = 0; i < growers->count; i++) {
        dr_grower *known = &growers->items[i];
        if (known->api == grower->api) {
            known->looks += grower->looks;
            known->bytes += grower->bytes;
            return;
        }
        least = known->bytes < growers->items[least].bytes ? i : least;
    }
    if (growers->count < DR_GROWERS_MAX) {
        growers->items[growers->count++] = *grower;
    } else if (grower->bytes > growers->items[least].bytes) {
        growers->items[least] = *grower;
    }
}

static void add_worker(const dr_pool *pool, uint32_t index, int64_t ram, dr_growers *growers)
{
    dr_grower grower;
    for (uint32_t i = 0; i < DR_GROWN_APIS && is_of_now(pool, &pool->slots[index]); i++) {
        if (read_believed(pool, index, i, ram, &grower)) {
            add(growers, &grower);
        }
    }
}

static int by_growth(const void *a, const void *b)
{
    const dr_grower *one = a;
    const dr_grower *other = b;
    return one->bytes != other->bytes ? (one->bytes < other->bytes ? 1 : -1)
                                      : (one->api > other->api) - (one->api < other->api);
}

void dr_growers_list(dr_pool *pool, dr_growers *growers)
{
    const int64_t ram = ram_bytes();
    pthread_mutex_lock(&pool->lock);
    *growers = pool->growers;
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        if (pool->slots[i].state != DR_SLOT_EMPTY && pool->slots[i].state != DR_SLOT_DEAD) {
            add_worker(pool, i, ram, growers);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    qsort(growers->items, growers->count, sizeof(*growers->items), by_growth);
}

bool dr_growers_most(const dr_pool *pool, uint32_t index, dr_grower *most)
{
    const int64_t ram = ram_bytes();
    dr_grower grower;
    *most = (dr_grower){.bytes = 0};
    for (uint32_t i = 0; i < DR_GROWN_APIS; i++) {
        if (read_believed(pool, index, i, ram, &grower) && grower.bytes > most->bytes) {
            *most = grower;
        }
    }
    return most->bytes > 0;
}

void dr_growers_keep(dr_pool *pool, uint32_t index)
{
    add_worker(pool, index, ram_bytes(), &pool->growers);
}
