/* watch.c: workers that start, stall, overrun, leave or die. */
#include "task/watch.h"

#include "base/clock.h"
#include "ipc/inbox.h"
#include "task/collect.h"
#include "task/damage.h"
#include "task/interrupt.h"
#include "task/look.h"
#include "task/spread.h"

bool dr_task_take_back(dr_pool *pool, uint32_t task)
{
    const dr_record *record = &pool->records[task];
    uint64_t queued = dr_task_word(record->generation, DR_TASK_QUEUED, record->slot);
    if (record->interrupt != DR_INTERRUPT_NONE) {
        if (atomic_load(&pool->region.tasks[task].word) == queued) {
            dr_damage_note(pool, "task", task, "it had begun and has not");
        }
        return false;
    }
    return atomic_compare_exchange_strong(
        &pool->region.tasks[task].word, &queued,
        dr_task_word(record->generation, DR_TASK_CANCELLED, record->slot));
}

uint32_t dr_requeue_unstarted(dr_pool *pool, uint32_t index)
{
    uint32_t count = 0;
    dr_slot *slot = &pool->slots[index];
    uint32_t task = slot->tasks.last; /* backwards: the queue's front then keeps their order */
    while (task != DR_NONE) {
        dr_record *record = &pool->records[task];
        const uint32_t before = record->prev;
        if (dr_task_take_back(pool, task)) {
            dr_slot_drop(pool, index, task);
            record->state = DR_RECORD_WAITING;
            if (slot->is_canary) {
                dr_canary_give_back(pool, task);
            }
            dr_queue_add_first(pool, task);
            count++;
        }
        task = before;
    }
    return count;
}

void dr_relieve(dr_pool *pool, uint32_t index)
{
    dr_slot *slot = &pool->slots[index];
    slot->slow = true;
    (void)dr_requeue_unstarted(pool, index);
    if (slot->held == 0) {
        slot->state = DR_SLOT_SUSPECT; /* stopped, or far from a processor */
    }
}

/* is_over says whether a worker runs a task past its time limit, and was not asked to end it. */
static bool is_over(const dr_pool *pool, const dr_slot *slot, uint32_t task, uint64_t now_ns)
{
    const uint64_t limit_ms = dr_record_limit_ms(pool, &pool->records[task]);
    const uint64_t since_ns = dr_task_since_ns(pool, slot, task);
    return limit_ms != 0 && now_ns > since_ns && now_ns - since_ns > limit_ms * 1000000u &&
           pool->records[task].interrupt == DR_INTERRUPT_NONE;
}

/* overrun_of is a task that a worker runs past its time limit, DR_NONE if there is none. Where one
 * runs after the other it is the first or none: those behind it have not begun. */
static uint32_t overrun_of(const dr_pool *pool, const dr_slot *slot, uint64_t now_ns)
{
    if (slot->killed_for_limit || slot->held == 0) {
        return DR_NONE;
    }
    uint32_t task = slot->tasks.first;
    if (pool->limits.concurrency == 1) {
        return is_over(pool, slot, task, now_ns) ? task : DR_NONE;
    }
    const uint64_t least_ns = (uint64_t)pool->shortest_limit_ms * 1000000u;
    while (task != DR_NONE && !is_over(pool, slot, task, now_ns)) {
        const dr_record *record = &pool->records[task];
        /* Those behind it were handed over later. */
        const bool is_early = least_ns == 0 || now_ns < record->handed_ns + least_ns;
        task = is_early ? DR_NONE : record->next;
    }
    return task;
}

/* watch_suspect gives a worker that reacts again back its place. */
static void watch_suspect(dr_pool *pool, uint32_t index)
{
    dr_slot *slot = &pool->slots[index];
    if (dr_inbox_is_empty(&pool->region, index)) {
        if (slot->leaving) {
            slot->state = DR_SLOT_BUSY;
            dr_slot_stop(pool, index);
        } else {
            dr_slot_set_idle(pool, index);
        }
    }
}

/* ask_overrun asks a worker to end what it runs past its time limit. */
static void ask_overrun(dr_pool *pool, uint32_t index, uint64_t now_ns)
{
    dr_slot *slot = &pool->slots[index];
    uint32_t task = overrun_of(pool, slot, now_ns);
    if (pool->limits.concurrency == 1) {
        (void)dr_requeue_unstarted(pool, index);
        if (slot->held == 0) {
            slot->state = DR_SLOT_SUSPECT; /* it has begun none: the tick gives it its place back */
            return;
        }
    }
    /* Not when it has just finished and its reactor has yet to see that. */
    while (task != DR_NONE && dr_interrupt_ask(pool, task, DR_INTERRUPT_TIME_LIMIT, now_ns)) {
        task = overrun_of(pool, slot, now_ns);
    }
}

static void watch(dr_pool *pool, uint32_t index, uint64_t now_ns)
{
    dr_slot *slot = &pool->slots[index];
    if (slot->state == DR_SLOT_SUSPECT) {
        watch_suspect(pool, index);
        return;
    }
    if (slot->state != DR_SLOT_BUSY || slot->held == 0) {
        return;
    }
    const bool is_stalled = slot->finished == slot->finished_at_tick && now_ns > slot->since_ns &&
                            now_ns - slot->since_ns >= DR_STALL_NS;
    slot->finished_at_tick = slot->finished;
    if (overrun_of(pool, slot, now_ns) != DR_NONE) {
        ask_overrun(pool, index, now_ns);
    }
    if (slot->interrupted > 0) {
        dr_interrupt_watch(pool, index, now_ns);
    }
    if (slot->held == 0) {
        return;
    }
    if (pool->limits.concurrency > 1) {
        dr_spread_watch(pool, index);
    } else if (is_stalled && (slot->held > 1 || pool->idle.first != DR_NONE)) {
        dr_relieve(pool, index);
    }
}

uint32_t dr_dispatch_tick(dr_pool *pool, uint64_t now_ns)
{
    dr_wakes wakes = {0};
    uint32_t next_ms = 0;
    pthread_mutex_lock(&pool->lock);
    if (now_ns > pool->ticked_ns && now_ns - pool->ticked_ns > 1000000u) {
        pool->ticked_ns = now_ns;
        pool->is_behind = false;
        for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
            watch(pool, i, now_ns);
        }
        dr_assign_waiting(pool, &wakes);
    }
    const bool is_damaged = dr_damage_look(pool, now_ns);
    if (pool->ahead_count > 0 || pool->is_behind) {
        next_ms = DR_TICK_AHEAD_MS;
    } else if (pool->handed_count > 0 || pool->queue.count + pool->canary.queue.count > 0) {
        next_ms = DR_TICK_MS;
    }
    for (uint32_t i = 0; next_ms == 0 && i < pool->region.shape.workers; i++) {
        next_ms = pool->slots[i].state == DR_SLOT_SUSPECT ? DR_TICK_MS : 0;
    }
    pthread_mutex_unlock(&pool->lock);
    dr_wake_all(pool, &wakes);
    if (is_damaged) {
        pool->on_attention(pool, pool->user);
    }
    return next_ms;
}

void dr_dispatch_worker_ready(dr_pool *pool, uint32_t index)
{
    dr_wakes wakes = {0};
    pthread_mutex_lock(&pool->lock);
    dr_slot *slot = &pool->slots[index];
    if (slot->state == DR_SLOT_STARTING) {
        slot->ready_ns = dr_clock_ns();
        if (slot->leaving) { /* its generation was replaced while it started */
            slot->state = DR_SLOT_BUSY;
            dr_slot_stop(pool, index);
        } else {
            dr_enlist(pool, index);
            dr_assign_waiting(pool, &wakes);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    dr_wake_all(pool, &wakes);
}

void dr_dispatch_worker_hold(dr_pool *pool, uint32_t index)
{
    pthread_mutex_lock(&pool->lock);
    dr_slot *slot = &pool->slots[index];
    if (slot->state == DR_SLOT_STARTING) {
        slot->ready_ns = dr_clock_ns();
        slot->state = DR_SLOT_HELD;
    }
    pthread_mutex_unlock(&pool->lock);
}

void dr_dispatch_worker_retire(dr_pool *pool, uint32_t index)
{
    dr_wakes wakes = {0};
    pthread_mutex_lock(&pool->lock);
    dr_retire(pool, index);
    dr_assign_waiting(pool, &wakes);
    pthread_mutex_unlock(&pool->lock);
    dr_wake_all(pool, &wakes);
}

void dr_enlist(dr_pool *pool, uint32_t index)
{
    dr_slot *slot = &pool->slots[index];
    slot->is_canary = pool->canary.crew != 0 && slot->crew == pool->canary.crew;
    dr_slot_set_idle(pool, index);
    if (!slot->is_canary) {
        pool->live_count++;
        pool->unhealthy = false;
    }
}

void dr_retire(dr_pool *pool, uint32_t index)
{
    dr_slot *slot = &pool->slots[index];
    if (slot->leaving || slot->state == DR_SLOT_EMPTY || slot->state == DR_SLOT_DEAD) {
        return;
    }
    slot->leaving = true;
    if (slot->state == DR_SLOT_STARTING || slot->state == DR_SLOT_HELD) {
        return; /* it had no task yet */
    }
    pool->live_count -= !slot->is_canary;
    if (slot->state == DR_SLOT_IDLE) {
        dr_slot_leave_idle(pool, index);
        slot->state = DR_SLOT_BUSY;
    }
    (void)dr_requeue_unstarted(pool, index);
    if (slot->held == 0) {
        dr_slot_stop(pool, index);
    }
}

static uint64_t all_reactors(const dr_pool *pool)
{
    return pool->limits.reactors >= 64 ? UINT64_MAX : (UINT64_C(1) << pool->limits.reactors) - 1;
}

/* empty_if_settled frees a dead worker's slot that no reactor has to look at any more. */
static void empty_if_settled(dr_pool *pool, dr_slot *slot)
{
    if (slot->unsettled == 0) {
        slot->state = DR_SLOT_EMPTY;
        pool->dead_count--;
    }
}

static dr_restart restart_of(const dr_pool *pool, uint32_t index)
{
    const dr_slot *slot = &pool->slots[index];
    if (slot->leaving) {
        return slot->why;
    }
    if (slot->killed_for_limit) {
        return slot->killed_why > DR_INTERRUPT_TIME_LIMIT ? DR_RESTART_CANCELLED
                                                          : DR_RESTART_TIME_LIMIT;
    }
    const dr_shared_worker *shared = &pool->region.workers[index];
    return atomic_load_explicit(&shared->has_left, memory_order_relaxed) == 1 ? DR_RESTART_LEFT
                                                                              : DR_RESTART_DIED;
}

void dr_bury(dr_pool *pool, uint32_t index, dr_restart why)
{
    dr_slot *slot = &pool->slots[index];
    if (slot->state == DR_SLOT_IDLE) {
        dr_slot_leave_idle(pool, index);
    }
    if (slot->state != DR_SLOT_STARTING && slot->state != DR_SLOT_HELD && !slot->leaving) {
        pool->live_count -= !slot->is_canary;
    }
    if (pool->canary.crew != 0 && (why == DR_RESTART_DIED || why == DR_RESTART_TIME_LIMIT)) {
        dr_canary_count_death(pool, index);
    }
    dr_growers_keep(pool, index);
    pool->restarts[why]++;
    slot->state = DR_SLOT_DEAD;
    slot->unsettled = all_reactors(pool) & ~pool->reactors_gone;
    pool->dead_count++;
    empty_if_settled(pool, slot);
}

/* note_spoiled: a worker may have ended since it could not run what it was handed. */
static void note_spoiled(dr_pool *pool, const dr_slot *slot)
{
    for (uint32_t task = slot->tasks.first; task != DR_NONE; task = pool->records[task].next) {
        if (!dr_is_intact(pool, task)) {
            dr_damage_note(pool, "task", task, "it is not what was handed over");
        }
    }
}

void dr_dispatch_worker_died(dr_pool *pool, uint32_t index)
{
    dr_wakes wakes = {0};
    pthread_mutex_lock(&pool->lock);
    dr_slot *slot = &pool->slots[index];
    if (slot->state != DR_SLOT_EMPTY && slot->state != DR_SLOT_DEAD) {
        note_spoiled(pool, slot);
        dr_bury(pool, index, restart_of(pool, index));
        (void)dr_requeue_unstarted(pool, index);
        dr_assign_waiting(pool, &wakes);
    }
    pthread_mutex_unlock(&pool->lock);
    dr_wake_all(pool, &wakes);
}

void dr_dispatch_worker_missing(dr_pool *pool, uint32_t index)
{
    pthread_mutex_lock(&pool->lock);
    pool->slots[index].leaving = true; /* for no reason that is counted */
    pthread_mutex_unlock(&pool->lock);
    dr_dispatch_worker_died(pool, index);
}

void dr_dispatch_end(dr_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->is_ending = true;
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        const dr_slot *slot = &pool->slots[i];
        if (slot->state != DR_SLOT_EMPTY && slot->state != DR_SLOT_DEAD) {
            dr_retire(pool, i);
            (void)dr_slot_signal(slot, SIGKILL); /* one without a descriptor ends with its zygote */
        }
    }
    pthread_mutex_unlock(&pool->lock);
}

void dr_dispatch_reactor_gone(dr_pool *pool, uint32_t reactor)
{
    const uint64_t bit = UINT64_C(1) << reactor;
    pthread_mutex_lock(&pool->lock);
    pool->reactors_gone |= bit;
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        if (pool->slots[i].state == DR_SLOT_DEAD) {
            pool->slots[i].unsettled &= ~bit;
            empty_if_settled(pool, &pool->slots[i]);
        }
    }
    pthread_mutex_unlock(&pool->lock);
}
