/* canary.c: a part of the calls goes to the workers of a new generation, and what becomes of them
 * is counted beside what becomes of the others. */
#include "task/canary.h"

#include <stdlib.h>
#include <sys/random.h>

#include "ipc/inbox.h"
#include "task/dispatch.h"
#include "task/spread.h"
#include "task/watch.h"

/* ---- who ---- */

/* begin_block makes blocks of 100 / percent calls, the rest of which is carried on. */
static void begin_block(dr_canary_turns *turns)
{
    turns->carried += 100;
    turns->left = turns->carried / turns->percent;
    turns->carried -= turns->left * turns->percent;
    turns->random = turns->random * 1103515245u + 12345u;
    turns->chosen = (turns->random >> 8) % turns->left;
}

bool dr_canary_chooses(dr_pool *pool)
{
    dr_canary_turns *turns = &pool->canary.turns;
    if (turns->left == 0) {
        begin_block(turns);
    }
    turns->left--;
    turns->is_due |= turns->left == turns->chosen;
    return turns->is_due;
}

/* api_of is what is known of a task's api, NULL: it came by other routes. */
static const dr_canary_api *api_of(const dr_pool *pool, const dr_record *record)
{
    return record->api < pool->canary.api_count ? &pool->canary.apis[record->api] : NULL;
}

/* free_worker is one that runs nothing; DR_NONE: there is none. */
static uint32_t free_worker(dr_pool *pool)
{
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        dr_slot *slot = &pool->slots[i];
        if (!slot->is_canary || slot->state != DR_SLOT_IDLE) {
            continue;
        }
        if (dr_inbox_has_room(&pool->region, i, slot->inbox_tail)) {
            return i;
        }
        slot->state = DR_SLOT_SUSPECT; /* as dr_assign does */
    }
    return DR_NONE;
}

/* hand gives a task to a new worker. Returns: false where none is free. */
static bool hand(dr_pool *pool, uint32_t task, const dr_canary_api *api, dr_wakes *wakes)
{
    dr_record *record = &pool->records[task];
    const uint32_t favourite = pool->favourite; /* of the old ones, and stays it */
    const bool has_loop = pool->limits.concurrency > 1;
    const uint32_t found = has_loop ? dr_spread_least(pool, true) : free_worker(pool);
    if (found == DR_NONE) {
        return false;
    }
    record->own_limit_ms = api->own_limit_ms;
    record->is_charged = false; /* the other queue does not give back what it never took */
    pool->region.tasks[task].api = api->to;
    if (has_loop) {
        dr_spread_to(pool, found, task, wakes);
    } else {
        record->cost_ns = DR_WAKE_PRICE_NS; /* it is woken at once */
        dr_hand_over(pool, found, task, wakes);
    }
    pool->favourite = favourite;
    return true;
}

bool dr_canary_enter(dr_pool *pool, uint32_t task, bool is_chosen, dr_wakes *wakes)
{
    dr_record *record = &pool->records[task];
    const dr_canary_api *api = api_of(pool, record);
    if (api == NULL || api->to == DR_NONE || (!is_chosen && !api->is_new)) {
        return false;
    }
    if (api->is_new) {
        if (pool->canary.queue.count > 0 || !hand(pool, task, api, wakes)) {
            record->state = DR_RECORD_WAITING;
            record->is_bound = true;
            dr_queue_add(pool, task);
        }
        return true;
    }
    if (!hand(pool, task, api, wakes)) {
        return false;
    }
    pool->canary.turns.is_due = false;
    return true;
}

void dr_canary_assign(dr_pool *pool, dr_wakes *wakes, uint64_t now_ns)
{
    uint32_t task;
    while ((task = dr_queue_take_of(pool, &pool->canary.queue, now_ns)) != DR_NONE) {
        if (!hand(pool, task, api_of(pool, &pool->records[task]), wakes)) {
            pool->records[task].is_bound = true;
            dr_queue_put_back(pool, task);
            return;
        }
    }
}

void dr_canary_give_back(dr_pool *pool, uint32_t task)
{
    dr_record *record = &pool->records[task];
    const dr_canary_api *api = api_of(pool, record);
    if (api == NULL) {
        return;
    }
    pool->canary.turns.is_due |= !api->is_new; /* another call has its turn */
    record->is_bound = api->is_new;
    record->own_limit_ms = api->is_new ? api->own_limit_ms : api->old_limit_ms;
    pool->region.tasks[task].api = record->api;
}

/* ---- what is seen ---- */

/* seen_of is where a worker's doings are counted; NULL: nowhere, it is of an older generation. */
static dr_seen *seen_of(dr_pool *pool, const dr_slot *slot)
{
    dr_canary *canary = &pool->canary;
    return slot->is_canary                 ? &canary->seen[DR_CANARY_NEW]
           : slot->crew == canary->serving ? &canary->seen[DR_CANARY_OLD]
                                           : NULL;
}

/* own_ns is what a task took of itself: of a stream without the time in which its worker waited for
 * whoever reads it. */
static uint64_t own_ns(const dr_pool *pool, uint32_t task, uint64_t run_ns)
{
    if (pool->records[task].type != DR_TYPE_ST_S) {
        return run_ns;
    }
    const uint64_t waited_ns = *(const volatile uint64_t *)&pool->region.tasks[task].waited_ns;
    return run_ns > waited_ns ? run_ns - waited_ns : 0;
}

void dr_canary_count(dr_pool *pool, uint32_t task, int64_t code, uint64_t run_ns)
{
    const dr_record *record = &pool->records[task];
    const dr_slot *slot = &pool->slots[record->slot];
    const dr_canary_api *api = api_of(pool, record);
    dr_seen *seen = seen_of(pool, slot);
    const bool is_in_both = api != NULL && api->to != DR_NONE && !api->is_new;
    /* A parameter that a new version takes no more is an error of it, although nothing ran. */
    const bool has_run = code == 0 || code == DORA_CODE_WRONG_SHAPE || !dora_code_is_not_run(code);
    if (seen == NULL || !is_in_both || !has_run) {
        return;
    }
    seen->calls++;
    seen->errors += code != 0;
    if (code == 0 && slot->finished > 0) { /* the first one of a worker fills its caches */
        dr_seen_time(seen, own_ns(pool, task, run_ns));
    }
}

void dr_canary_count_death(dr_pool *pool, uint32_t slot)
{
    dr_seen *seen = seen_of(pool, &pool->slots[slot]);
    if (seen != NULL) {
        seen->deaths++;
    }
}

bool dr_canary_look(dr_pool *pool, dr_seen seen[DR_CANARY_SIDES])
{
    pthread_mutex_lock(&pool->lock);
    const bool is_there = pool->canary.crew != 0;
    seen[DR_CANARY_OLD] = pool->canary.seen[DR_CANARY_OLD];
    seen[DR_CANARY_NEW] = pool->canary.seen[DR_CANARY_NEW];
    pthread_mutex_unlock(&pool->lock);
    return is_there;
}

/* ---- begin and end ---- */

dora_err dr_canary_begin(dr_pool *pool, uint32_t crew, uint32_t serving, uint32_t percent,
                         dr_canary_api *apis, uint32_t api_count)
{
    dr_canary canary = {.crew = crew,
                        .serving = serving,
                        .api_count = api_count,
                        .apis = apis,
                        .turns = {.percent = percent}};
    if (dr_queue_init(&canary.queue, pool->region.shape.tasks) != DORA_OK) {
        dr_queue_fini(&canary.queue);
        free(apis);
        return DORA_ENOMEM;
    }
    (void)!getrandom(&canary.turns.random, sizeof(canary.turns.random), GRND_NONBLOCK);
    pthread_mutex_lock(&pool->lock);
    pool->canary = canary;
    pool->crew = serving; /* what the new one sees of itself is not mixed in when it goes back */
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        if (pool->slots[i].crew == crew && pool->slots[i].state == DR_SLOT_HELD) {
            dr_enlist(pool, i);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return DORA_OK;
}

void dr_canary_join(dr_pool *pool)
{
    pool->canary.crew = 0;
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        dr_slot *slot = &pool->slots[i];
        if (!slot->is_canary) {
            continue;
        }
        slot->is_canary = false;
        if (slot->state == DR_SLOT_IDLE) {
            dr_slot_set_idle(pool, i);
        }
        pool->live_count += dr_slot_is_live(slot);
    }
}

void dr_canary_empty(dr_pool *pool)
{
    dr_canary *canary = &pool->canary;
    while (canary->queue.count > 0) {
        const uint32_t task = canary->queue.all.first;
        dr_queue_remove(pool, task);
        dr_queue_add(pool, task);
    }
    dr_queue_fini(&canary->queue);
    free(canary->apis);
    *canary = (dr_canary){0};
}

void dr_canary_end(dr_pool *pool)
{
    dr_wakes wakes = {0};
    pthread_mutex_lock(&pool->lock);
    const uint32_t crew = pool->canary.crew;
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        if (pool->slots[i].is_canary && pool->slots[i].state != DR_SLOT_DEAD) {
            (void)dr_requeue_unstarted(pool, i);
        }
    }
    dr_canary_join(pool);
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        dr_slot *slot = &pool->slots[i];
        if (crew != 0 && slot->crew == crew) {
            slot->why = dr_slot_is_live(slot) ? DR_RESTART_RELOAD : slot->why;
            dr_retire(pool, i);
        }
    }
    dr_canary_empty(pool);
    dr_assign_waiting(pool, &wakes);
    pthread_mutex_unlock(&pool->lock);
    dr_wake_all(pool, &wakes);
}
