/* dispatch.c: admitting a task and choosing its worker.
 *
 * A worker that is awake is filled first, as long as its backlog costs less time than waking
 * another; only then is a sleeping one woken, the most recently idle first. */
#include "task/dispatch.h"

#include <string.h>

#include "base/clock.h"
#include "ipc/inbox.h"
#include "task/cost.h"
#include "task/spread.h"
#include "task/suspect.h"
#include "task/task_ring.h"
#include "task/watch.h"

/* A handler's small reply fits behind its request; larger ones go to the worker's big area. */
#define REPLY_ROOM 512u
_Static_assert(DR_STREAM_BYTES + REPLY_ROOM > DR_STREAM_BLOCK / 2 &&
                   DR_STREAM_BYTES + REPLY_ROOM < DR_STREAM_BLOCK,
               "a stream with a small request takes a block of those that stand side by side");

void dr_wake_all(dr_pool *pool, dr_wakes *wakes)
{
    for (uint32_t i = 0; i < wakes->count; i++) {
        dr_slot_wake(pool, wakes->slots[i]);
    }
    wakes->count = wakes->tasks = 0;
    wakes->cost_ns = 0;
}

static void wake_later(dr_pool *pool, dr_wakes *wakes, uint32_t slot, uint64_t cost_ns)
{
    wakes->tasks++;
    wakes->cost_ns += cost_ns;
    for (uint32_t i = 0; i < wakes->count; i++) {
        if (wakes->slots[i] == slot) {
            return;
        }
    }
    if (wakes->count == sizeof(wakes->slots) / sizeof(wakes->slots[0])) {
        dr_wake_all(pool, wakes);
    }
    wakes->slots[wakes->count++] = slot;
}

/* can_hand_ahead says whether an awake worker should get a task behind those it holds. */
static bool can_hand_ahead(dr_pool *pool, uint32_t index, uint64_t cost_ns)
{
    const dr_slot *slot = &pool->slots[index];
    return slot->state == DR_SLOT_BUSY && !slot->leaving && !slot->slow && !slot->is_canary &&
           slot->held < DR_HANDED_MAX && slot->backlog_ns + cost_ns <= DR_WAKE_PRICE_NS &&
           dr_inbox_has_room(&pool->region, index, slot->inbox_tail);
}

void dr_hand_over(dr_pool *pool, uint32_t slot, uint32_t task, dr_wakes *wakes)
{
    dr_record *record = &pool->records[task];
    dr_slot *worker = &pool->slots[slot];
    if (worker->held == 0) {
        worker->since_ns = dr_clock_ns();
    }
    dr_slot_take(pool, slot, task);
    record->generation++;
    record->entry = worker->inbox_tail;
    atomic_store_explicit(&pool->region.tasks[task].word,
                          dr_task_word(record->generation, DR_TASK_QUEUED, slot),
                          memory_order_relaxed);
    dr_inbox_push(&pool->region, slot, &worker->inbox_tail, record->generation, task);
    wake_later(pool, wakes, slot, record->cost_ns);
    pool->favourite = slot;
}

bool dr_assign(dr_pool *pool, uint32_t task, dr_wakes *wakes)
{
    if (pool->limits.concurrency > 1) {
        return dr_spread(pool, task, wakes);
    }
    dr_record *record = &pool->records[task];
    const uint64_t known = pool->costs[record->api].run_ns;
    record->cost_ns = known != 0 ? known : DR_WAKE_PRICE_NS;
    if (pool->favourite != DR_NONE && can_hand_ahead(pool, pool->favourite, record->cost_ns)) {
        dr_hand_over(pool, pool->favourite, task, wakes);
        return true;
    }
    if (pool->busy_count > 0 && record->cost_ns < DR_WAKE_PRICE_NS) {
        for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
            if (can_hand_ahead(pool, i, record->cost_ns)) {
                dr_hand_over(pool, i, task, wakes);
                return true;
            }
        }
    }
    while (pool->idle.first != DR_NONE) {
        const uint32_t first = pool->idle.first;
        if (dr_inbox_has_room(&pool->region, first, pool->slots[first].inbox_tail)) {
            dr_hand_over(pool, first, task, wakes);
            return true;
        }
        /* Idle and yet full: it does not take its stale entries out. The tick looks after it. */
        dr_slot_leave_idle(pool, first);
        pool->slots[first].state = DR_SLOT_SUSPECT;
    }
    return false;
}

/* is_short says whether there is less room than for a task that was taken and all that wait. */
static bool is_short(const dr_pool *pool)
{
    uint32_t left = pool->queue.count + 1;
    if (pool->limits.concurrency > 1) {
        return dr_spread_room(pool) < left;
    }
    for (uint32_t i = pool->idle.first; i != DR_NONE && left > 0; i = pool->slots[i].next) {
        left--;
    }
    return left > 0;
}

void dr_assign_waiting(dr_pool *pool, dr_wakes *wakes)
{
    if (pool->queue.count + pool->canary.queue.count == 0 || pool->is_ending) {
        return;
    }
    const uint64_t now_ns = dr_clock_ns();
    if (pool->canary.queue.count > 0) {
        dr_canary_assign(pool, wakes, now_ns);
    }
    uint32_t task;
    while ((task = dr_queue_take(pool, now_ns)) != DR_NONE) {
        const dr_record *record = &pool->records[task];
        if (pool->costs[record->api].is_suspect && dr_suspect_waits_in_vain(pool, task, now_ns)) {
            dr_queue_forgo(pool, task);
            dr_record_lose(pool, task, DORA_CODE_POISON);
            continue;
        }
        /* The last ones are given a chance: their workers would have nothing else to do. */
        if (pool->queue.count > 0 &&
            dr_cost_is_hopeless(pool, record->api, record->deadline_ns, now_ns) && is_short(pool)) {
            dr_queue_forgo(pool, task);
            dr_record_lose(pool, task, DORA_CODE_EXPIRED);
            continue;
        }
        if (!dr_assign(pool, task, wakes)) {
            dr_queue_put_back(pool, task);
            return;
        }
    }
}

/* is_full says whether one more task would wait in a queue that has reached its limit. Each idle
 * worker has room for one more. Of low priority none comes into the second half, so that a flood of
 * it leaves room. */
static bool is_full(const dr_pool *pool, uint8_t priority)
{
    const uint32_t not_running =
        pool->queue.count + pool->canary.queue.count + pool->ahead_count + pool->reserved_count;
    const uint32_t limit = pool->limits.queue_tasks_max;
    const uint32_t most = priority == DORA_PRIORITY_LOW ? limit - limit / 2 : limit;
    if (not_running < most) {
        return false;
    }
    uint32_t over = not_running - most + 1;
    if (pool->limits.concurrency > 1) {
        return dr_spread_room(pool) < over;
    }
    for (uint32_t i = pool->idle.first; i != DR_NONE && over > 0; i = pool->slots[i].next) {
        over--;
    }
    return over > 0;
}

/* are_streams_many: streams stay for long, so one more may have its place only where half of all is
 * left to other calls; but the first may be large. */
static bool are_streams_many(const dr_pool *pool, uint64_t bytes)
{
    return pool->streams > 0 && (pool->streams >= pool->region.shape.tasks / 2 ||
                                 dr_stream_slab_is_full(&pool->stream_slab, bytes));
}

/* take_room takes a record and a block. Returns: DR_NONE when the pool is full. */
static uint32_t take_room(dr_pool *pool, const dr_task_input *input, uint64_t bytes,
                          uint8_t priority)
{
    const uint32_t task = pool->free_records.first;
    if (task == DR_NONE || is_full(pool, priority) || (pool->unhealthy && pool->live_count == 0)) {
        return DR_NONE;
    }
    const bool is_stream = input->type == DR_TYPE_ST_S;
    dr_record *record = &pool->records[task];
    if (is_stream && are_streams_many(pool, bytes)) {
        return DR_NONE;
    }
    const dora_err err =
        is_stream
            ? dr_stream_slab_alloc(&pool->stream_slab, bytes, &record->offset, &record->capacity)
            : dr_slab_alloc(&pool->slab, bytes, &record->offset, &record->capacity);
    if (err != DORA_OK) {
        return DR_NONE;
    }
    dr_record_pop(pool, &pool->free_records);
    record->state = DR_RECORD_FILLING;
    record->type = input->type;
    if (is_stream) {
        pool->streams++;
    }
    pool->reserved_count++;
    return task;
}

static void fill(dr_pool *pool, uint32_t task, const dr_task_input *input)
{
    const dr_record *record = &pool->records[task];
    dr_shared_task *shared = &pool->region.tasks[task];
    char *block = pool->region.slab + record->offset;
    memcpy(block, input->name.data, input->name.len);
    memcpy(block + input->name.len, input->param.data, input->param.len);
    char *more = block + input->name.len + input->param.len;
    if (input->trace.len > 0) {
        memcpy(more + input->caller.len, input->trace.data, input->trace.len);
    }
    shared->caller_len = (uint8_t)input->caller.len;
    if (input->caller.len > 0) {
        memcpy(more, input->caller.data, input->caller.len);
    }
    atomic_store_explicit(&shared->offset, record->offset, memory_order_relaxed);
    shared->capacity = record->capacity;
    shared->api = input->api;
    shared->name_len = (uint32_t)input->name.len;
    shared->param_len = (uint32_t)input->param.len;
    shared->trace_len = (uint32_t)input->trace.len;
    shared->reactor = (uint16_t)input->reactor;
    shared->type = input->type;
    shared->protocol = (uint8_t)input->protocol;
    shared->priority = record->priority;
    shared->is_whole = input->is_whole;
    shared->connection = input->connection;
    shared->deadline_ns = input->deadline_ns;
    atomic_store_explicit(&shared->start_ns, input->submitted_ns, memory_order_relaxed);
    memcpy(shared->guid, input->guid, DR_GUID_LEN);
    if (input->type == DR_TYPE_ST_S) {
        dr_part_ring_init(dr_task_ring(pool, task), input->window);
    }
}

/* why_refused says why there is no room, naming the limits. */
static const char *why_refused(const dr_pool *pool, const dr_task_input *input, uint64_t bytes)
{
    if (pool->unhealthy && pool->live_count == 0) {
        return "no worker of the pool starts (the server's log says why)";
    }
    return input->type == DR_TYPE_ST_S && are_streams_many(pool, bytes) ? pool->full_of_streams
                                                                        : pool->full;
}

static const char hopeless_text[] =
    "calls wait, and even a quick one of this api would not end in the time that is left";

/* is_hopeless_now: calls of lower priority are no reason to refuse one: it is soon its turn. */
static bool is_hopeless_now(const dr_pool *pool, const dr_task_input *input, uint32_t api,
                            uint8_t priority)
{
    return dr_queue_is_before(&pool->queue, priority) &&
           dr_cost_is_hopeless(pool, api, input->deadline_ns, input->submitted_ns);
}

int64_t dr_dispatch_reserve(dr_pool *pool, const dr_task_input *input, uint32_t *task,
                            const char **why)
{
    const uint32_t input_len =
        (uint32_t)(input->name.len + input->param.len + input->caller.len + input->trace.len);
    const uint64_t bytes =
        (uint64_t)input_len + REPLY_ROOM + (input->type == DR_TYPE_ST_S ? DR_STREAM_BYTES : 0);
    const uint8_t priority =
        (uint8_t)(input->priority != DORA_PRIORITY_DEFAULT ? input->priority
                                                           : DORA_PRIORITY_NORMAL);
    const uint32_t api = input->api < pool->api_count ? input->api : pool->api_count;
    pthread_mutex_lock(&pool->lock);
    if (pool->costs[api].is_suspect && dr_suspect_is_refused(pool, input)) {
        pthread_mutex_unlock(&pool->lock);
        *why = dora_code_text(DORA_CODE_POISON);
        return DORA_CODE_POISON;
    }
    const bool is_hopeless = pool->queue.count > 0 && is_hopeless_now(pool, input, api, priority);
    const uint32_t index = is_hopeless ? DR_NONE : take_room(pool, input, bytes, priority);
    if (index == DR_NONE) {
        pool->refused++;
        *why = is_hopeless ? hopeless_text : why_refused(pool, input, bytes);
    }
    pthread_mutex_unlock(&pool->lock);
    if (index == DR_NONE) {
        return DORA_CODE_OVERLOADED;
    }
    dr_record *record = &pool->records[index];
    record->api = api;
    record->reactor = input->reactor;
    record->owner = input->owner;
    record->item = input->item;
    record->priority = priority;
    record->is_charged = false;
    record->turn_key = input->turn_key;
    record->submitted_ns = input->submitted_ns;
    record->deadline_ns = input->deadline_ns;
    record->own_limit_ms = input->own_limit_ms;
    record->input_len = input_len;
    fill(pool, index, input);
    *task = index;
    return 0;
}

/* is_wanted: a task that is filled may be lost meanwhile. */
static inline bool is_wanted(dr_pool *pool, uint32_t task)
{
    pool->reserved_count--;
    if (pool->records[task].state == DR_RECORD_LOST) {
        dr_record_append(pool, &pool->lost, task); /* answered at the end of the turn */
        return false;
    }
    return true;
}

/* enter lets workers have a task that is filled: it is handed to one, or waits. */
static inline void enter(dr_pool *pool, uint32_t task, dr_wakes *owed)
{
    /* Nobody overtakes the queue, but by taking turns there. */
    if (pool->queue.count > 0 || !dr_assign(pool, task, owed)) {
        pool->records[task].state = DR_RECORD_WAITING;
        dr_queue_add(pool, task);
    }
}

/* enter_watched is the same beside a new generation that gets a part of the calls. */
static void enter_watched(dr_pool *pool, const uint32_t *tasks, uint32_t count, dr_wakes *owed)
{
    const bool is_chosen = dr_canary_chooses(pool);
    for (uint32_t i = 0; i < count; i++) {
        if (is_wanted(pool, tasks[i]) && !dr_canary_enter(pool, tasks[i], is_chosen, owed)) {
            enter(pool, tasks[i], owed);
        }
    }
}

void dr_dispatch_commit(dr_pool *pool, const uint32_t *tasks, uint32_t count)
{
    dr_wakes *owed = &pool->owed[pool->records[tasks[0]].reactor];
    pthread_mutex_lock(&pool->lock);
    if (pool->canary.crew != 0) {
        enter_watched(pool, tasks, count, owed);
    } else {
        for (uint32_t i = 0; i < count; i++) {
            if (is_wanted(pool, tasks[i])) {
                enter(pool, tasks[i], owed);
            }
        }
    }
    pthread_mutex_unlock(&pool->lock);
    if (owed->tasks >= DR_OWED_TASKS_MAX || owed->cost_ns >= DR_WAKE_PRICE_NS) {
        dr_wake_all(pool, owed);
    }
}

void dr_dispatch_unreserve(dr_pool *pool, const uint32_t *tasks, uint32_t count)
{
    pthread_mutex_lock(&pool->lock);
    for (uint32_t i = 0; i < count; i++) {
        pool->reserved_count--;
        dr_record_free(pool, tasks[i]);
    }
    pthread_mutex_unlock(&pool->lock);
}

void dr_dispatch_release(dr_pool *pool, const uint32_t *tasks, uint32_t count)
{
    pthread_mutex_lock(&pool->lock);
    for (uint32_t i = 0; i < count; i++) {
        dr_record_free(pool, tasks[i]);
    }
    pthread_mutex_unlock(&pool->lock);
}

bool dr_dispatch_cancel(dr_pool *pool, uint32_t task)
{
    bool cancelled = false;
    pthread_mutex_lock(&pool->lock);
    dr_record *record = &pool->records[task];
    if (record->state == DR_RECORD_WAITING) {
        dr_queue_remove(pool, task);
        cancelled = true;
    } else if (record->state == DR_RECORD_LOST) {
        dr_record_remove(pool, &pool->lost, task);
        cancelled = true;
    } else if (record->state == DR_RECORD_HANDED) {
        cancelled = dr_task_take_back(pool, task);
        if (cancelled) {
            dr_slot *slot = &pool->slots[record->slot];
            dr_queue_forgo(pool, task);
            dr_slot_drop(pool, record->slot, task);
            if (slot->held == 0 && slot->state == DR_SLOT_BUSY) {
                /* Its inbox holds a stale entry; the tick returns it to work when that is gone. */
                slot->state = DR_SLOT_SUSPECT;
            }
        }
    }
    if (cancelled) {
        dr_record_free(pool, task);
    }
    pthread_mutex_unlock(&pool->lock);
    return cancelled;
}

bool dr_dispatch_has_begun(dr_pool *pool, uint32_t task)
{
    pthread_mutex_lock(&pool->lock);
    const dr_record *record = &pool->records[task];
    const bool has_begun = record->state == DR_RECORD_HANDED &&
                           atomic_load(&pool->region.tasks[task].word) !=
                               dr_task_word(record->generation, DR_TASK_QUEUED, record->slot);
    pthread_mutex_unlock(&pool->lock);
    return has_begun;
}
