/* spread.c: choosing a worker where each runs several tasks at a time on an event loop.
 *
 * A task that waits for something costs its worker nothing, so neither run times nor wake-ups are
 * counted: the worker that holds the fewest gets the next. */
#include "task/spread.h"

#include "base/clock.h"
#include "ipc/inbox.h"
#include "task/dispatch.h"
#include "task/watch.h"

static bool can_take(const dr_pool *pool, uint32_t index, bool is_canary)
{
    const dr_slot *slot = &pool->slots[index];
    return (slot->state == DR_SLOT_IDLE || slot->state == DR_SLOT_BUSY) && !slot->leaving &&
           !slot->slow && slot->is_canary == is_canary && slot->held < pool->limits.concurrency &&
           dr_inbox_has_room(&pool->region, index, slot->inbox_tail);
}

uint32_t dr_spread_least(const dr_pool *pool, bool is_canary)
{
    uint32_t found = DR_NONE;
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        if (can_take(pool, i, is_canary) &&
            (found == DR_NONE || pool->slots[i].held < pool->slots[found].held)) {
            found = i;
        }
    }
    return found;
}

void dr_spread_to(dr_pool *pool, uint32_t slot, uint32_t task, dr_wakes *wakes)
{
    dr_record *record = &pool->records[task];
    record->cost_ns = 0;
    const uint32_t limit_ms = dr_record_limit_ms(pool, record);
    if (limit_ms != 0 && (limit_ms < pool->shortest_limit_ms || pool->shortest_limit_ms == 0)) {
        pool->shortest_limit_ms = limit_ms;
    }
    record->handed_ns = pool->shortest_limit_ms != 0 ? dr_clock_ns() : 0;
    dr_hand_over(pool, slot, task, wakes);
}

bool dr_spread(dr_pool *pool, uint32_t task, dr_wakes *wakes)
{
    const uint32_t found = dr_spread_least(pool, false);
    if (found != DR_NONE) {
        dr_spread_to(pool, found, task, wakes);
    }
    return found != DR_NONE;
}

uint32_t dr_spread_room(const dr_pool *pool)
{
    uint32_t room = 0;
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        room += can_take(pool, i, false) ? pool->limits.concurrency - pool->slots[i].held : 0;
    }
    return room;
}

/* A loop that is blocked, or whose process is stopped, takes nothing out of its inbox. What it has
 * not begun then goes to somebody else; if there is nobody, it may as well stay. */
void dr_spread_watch(dr_pool *pool, uint32_t index)
{
    dr_slot *slot = &pool->slots[index];
    const uint32_t head =
        atomic_load_explicit(&pool->region.workers[index].inbox_head, memory_order_relaxed);
    const bool was_behind = slot->is_behind && slot->inbox_head == head;
    slot->is_behind = !dr_inbox_is_empty(&pool->region, index);
    slot->inbox_head = head;
    if (!slot->is_behind) {
        slot->slow = false;
        return;
    }
    pool->is_behind = true;
    if (was_behind && !slot->slow) {
        slot->slow = true;
        if (dr_spread_least(pool, false) != DR_NONE) {
            dr_relieve(pool, index);
        } else {
            slot->slow = false;
        }
    }
}
