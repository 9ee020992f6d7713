/* switch.c: one generation of workers takes over from another, in one moment under the lock. */
#include "task/switch.h"

#include <string.h>

#include "task/dispatch.h"
#include "task/watch.h"

/* plan is where the apis of the old application are in the new one. */
typedef struct plan {
    const uint32_t *apis;
    uint32_t count;
} plan;

/* new_place: tasks of an api that is gone share the last place of the costs, which is always there.
 */
static uint32_t new_place(const dr_pool *pool, const plan *moves, uint32_t api)
{
    const uint32_t to = api < moves->count ? moves->apis[api] : DR_NONE;
    return to < pool->api_count ? to : pool->api_count;
}

static void move_chain(dr_pool *pool, const plan *moves, const dr_chain *chain)
{
    for (uint32_t task = chain->first; task != DR_NONE; task = pool->records[task].next) {
        pool->records[task].api = new_place(pool, moves, pool->records[task].api);
    }
}

/* move_costs keeps what is known of each api under its new number. A task that is being admitted at
 * this moment keeps its old one: a wrong guess of its cost, once. */
static void move_costs(dr_pool *pool, const plan *moves)
{
    dr_api_cost *costs = pool->spare_costs;
    memset(costs, 0, ((size_t)pool->api_count + 1) * sizeof(*costs));
    for (uint32_t api = 0; api < moves->count && api <= pool->api_count; api++) {
        if (moves->apis[api] < pool->api_count) {
            costs[moves->apis[api]] = pool->costs[api];
        }
    }
    pool->spare_costs = pool->costs;
    pool->costs = costs;
    move_chain(pool, moves, &pool->waiting);
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        move_chain(pool, moves, &pool->slots[i].tasks);
    }
}

void dr_dispatch_switch(dr_pool *pool, uint32_t crew, const uint32_t *apis, uint32_t api_count)
{
    dr_wakes wakes = {0};
    const plan moves = {apis, api_count};
    pthread_mutex_lock(&pool->lock);
    pool->generation++;
    move_costs(pool, &moves);
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        dr_slot *slot = &pool->slots[i];
        if (slot->crew != crew) {
            if (!slot->leaving && slot->state >= DR_SLOT_IDLE) {
                slot->why = DR_RESTART_RELOAD;
            }
            dr_retire(pool, i);
        } else if (slot->state == DR_SLOT_HELD) {
            dr_enlist(pool, i);
        }
    }
    dr_assign_waiting(pool, &wakes);
    pthread_mutex_unlock(&pool->lock);
    dr_wake_all(pool, &wakes);
}
