/* switch.c: one generation of workers takes over from another, in one moment under the lock. */
#include "task/switch.h"

#include <string.h>

#include "task/dispatch.h"
#include "task/suspect.h"
#include "task/watch.h"

/* plan is what became of the apis of the old application. */
typedef struct plan {
    const dr_move *moves;
    uint32_t count;
} plan;

/* set_limits gives tasks that new workers will run the limits that these have. One that is being
 * admitted at this moment keeps its old one. */
static void set_limits(dr_pool *pool, const plan *moved)
{
    for (uint32_t task = pool->queue.all.first; task != DR_NONE; task = pool->records[task].next) {
        dr_record *record = &pool->records[task];
        record->own_limit_ms =
            record->api < moved->count ? moved->moves[record->api].own_limit_ms : 0;
    }
}

/* new_place: tasks of an api that is gone share the last place of the costs, which is always there.
 */
static uint32_t new_place(const dr_pool *pool, const plan *moved, uint32_t api)
{
    const uint32_t to = api < moved->count ? moved->moves[api].to : DR_NONE;
    return to < pool->api_count ? to : pool->api_count;
}

static void move_chain(dr_pool *pool, const plan *moved, const dr_chain *chain)
{
    for (uint32_t task = chain->first; task != DR_NONE; task = pool->records[task].next) {
        pool->records[task].api = new_place(pool, moved, pool->records[task].api);
    }
}

/* move_costs keeps what is known of each api under its new number. A task that is being admitted at
 * this moment keeps its old one: a wrong guess of its cost, once. */
static void move_costs(dr_pool *pool, const plan *moved)
{
    dr_api_cost *costs = pool->spare_costs;
    memset(costs, 0, ((size_t)pool->api_count + 1) * sizeof(*costs));
    for (uint32_t api = 0; api < moved->count && api <= pool->api_count; api++) {
        if (moved->moves[api].to < pool->api_count) {
            costs[moved->moves[api].to] = pool->costs[api];
        }
    }
    pool->spare_costs = pool->costs;
    pool->costs = costs;
    move_chain(pool, moved, &pool->queue.all);
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        move_chain(pool, moved, &pool->slots[i].tasks);
    }
}

/* change_workers takes the old ones' places away, with what they have not begun, and gives the new
 * ones theirs. */
static void change_workers(dr_pool *pool, uint32_t crew)
{
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
}

void dr_dispatch_switch(dr_pool *pool, uint32_t crew, const dr_move *moves, uint32_t count)
{
    dr_wakes wakes = {0};
    const plan moved = {moves, count};
    pthread_mutex_lock(&pool->lock);
    pool->generation++;
    pool->crew = crew;
    pool->growers.count = 0; /* apis have other numbers, and other code */
    dr_canary_join(pool);
    dr_canary_empty(pool);
    change_workers(pool, crew);
    pool->unhealthy &= pool->live_count == 0; /* those of a canary were enlisted before */
    set_limits(pool, &moved);
    move_costs(pool, &moved);
    dr_suspect_forget_all(pool); /* what is new may run them */
    pool->is_looping = false;    /* and ends no workers so far */
    pool->held_until_ms = 0;
    dr_assign_waiting(pool, &wakes);
    pthread_mutex_unlock(&pool->lock);
    dr_wake_all(pool, &wakes);
}
