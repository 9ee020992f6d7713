/* collect.c: finished tasks back to the reactor that owns their connection, and the answers for
 * workers that died. */
#include "task/collect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fetch.h"
#include "ipc/inbox.h"
#include "task/cost.h"
#include "task/damage.h"
#include "task/heed.h"
#include "task/interrupt.h"
#include "task/look.h"
#include "task/memory_limit.h"
#include "task/suspect.h"
#include "task/task_ring.h"

#define BATCH 64u
#define BATCHES_MAX 16u /* in a turn, which has other things to look at, too */
#define COST_MAX_NS UINT64_C(60000000000)
#define LOOK_NS UINT64_C(500) /* for each task: to look at one takes a small share of that */
#define CLOCK_SLACK_NS UINT64_C(1000000000) /* a batch's time may be older than what it finds */

/* batch is what one turn under the lock found. */
typedef struct batch {
    uint32_t count;
    bool is_attention_due;
    bool is_settling; /* a dead worker's slot may be emptied only after its outcomes were given */
    uint64_t now_ns;
    dr_outcome items[BATCH];
} batch;

/* learn updates what an api is known to cost: quickly upwards, slowly downwards, since handing
 * ahead behind a long task is the dearer mistake. */
static void learn(dr_pool *pool, uint32_t api, uint64_t run_ns)
{
    uint64_t *known = &pool->costs[api].run_ns;
    const uint64_t seen = run_ns == 0 ? 1 : run_ns < COST_MAX_NS ? run_ns : COST_MAX_NS;
    if (*known == 0) {
        *known = seen;
    } else if (seen > *known) {
        *known += (seen - *known) / 4;
    } else {
        *known -= (*known - seen) / 16;
    }
}

/* read_times takes the worker's word for its times, within what is possible. */
static void read_times(dr_pool *pool, uint32_t task, dr_outcome *outcome, uint64_t now_ns)
{
    const dr_record *record = &pool->records[task];
    const dr_shared_task *shared = &pool->region.tasks[task];
    const uint64_t start_ns = atomic_load_explicit(&shared->start_ns, memory_order_relaxed);
    const uint64_t run_ns = *(const volatile uint64_t *)&shared->run_ns;
    const uint64_t queue_ns = start_ns > record->submitted_ns ? start_ns - record->submitted_ns : 0;
    const uint64_t most = now_ns - record->submitted_ns + CLOCK_SLACK_NS;
    outcome->is_timed = outcome->code == 0 || !dora_code_is_not_run(outcome->code);
    outcome->queue_ns = queue_ns < most ? queue_ns : most;
    outcome->run_ns = run_ns < most ? run_ns : most;
    if (record->type == DR_TYPE_ST_S) {
        return; /* how long one takes is up to who reads it */
    }
    if (pool->canary.crew == 0 || !pool->slots[record->slot].is_canary) {
        learn(pool, record->api, outcome->run_ns);
    }
    if (pool->queue.count > 0) {
        dr_cost_learn_fast(&pool->costs[record->api], outcome->run_ns, now_ns);
    }
}

bool dr_is_intact(const dr_pool *pool, uint32_t task)
{
    const dr_record *record = &pool->records[task];
    const volatile dr_shared_task *shared = &pool->region.tasks[task];
    return ((shared->offset ^ record->offset) | (shared->capacity ^ record->capacity) |
            (shared->name_len + shared->param_len + shared->caller_len + shared->trace_len -
             record->input_len)) == 0;
}

/* say_spoiled answers a task whose reply cannot be what its worker wrote. */
static void say_spoiled(dr_pool *pool, uint32_t task, dr_outcome *outcome)
{
    dr_damage_note(pool, "task", task, "it is not what was handed over");
    outcome->code = DORA_CODE_WORKER_DIED;
    outcome->is_big = false;
}

/* reply_room is what of a block lies behind the request, before the ring of a stream. */
static uint32_t reply_room(const dr_record *record)
{
    return record->capacity - record->input_len -
           (record->type == DR_TYPE_ST_S ? DR_STREAM_BYTES : 0);
}

/* read_reply takes the worker's word for what it wrote, once, and checks it against the block. What
 * the task says of its request shows whether its worker had the right one. */
static void read_reply(dr_pool *pool, uint32_t task, dr_outcome *outcome, uint64_t now_ns)
{
    dr_record *record = &pool->records[task];
    const dr_shared_task *shared = &pool->region.tasks[task];
    const uint32_t reply_at = *(const volatile uint32_t *)&shared->reply_at;
    const uint32_t at = reply_at & UINT16_MAX;
    const uint32_t msg_len = *(const volatile uint32_t *)&shared->msg_len;
    const uint32_t data_len = *(const volatile uint32_t *)&shared->data_len;
    const char *area = pool->region.slab + record->offset + record->input_len;
    uint64_t capacity = reply_room(record);
    outcome->code = *(const volatile int64_t *)&shared->code;
    if (at != DR_REPLY_IN_BLOCK) {
        const dr_shared_worker *worker = &pool->region.workers[record->slot];
        area = dr_region_big(&pool->region, record->slot);
        capacity = at == DR_REPLY_IN_BIG && atomic_load(&worker->big) == DR_BIG_FULL
                       ? pool->region.shape.big_bytes
                       : 0;
        outcome->is_big = record->is_big = true;
    }
    if ((uint64_t)msg_len + data_len > capacity || !dr_is_intact(pool, task) ||
        *(const volatile uint32_t *)&shared->seal !=
            dr_reply_seal(record->generation, reply_at, msg_len, data_len, outcome->code)) {
        say_spoiled(pool, task, outcome);
        return;
    }
    outcome->http_status = (uint16_t)(reply_at >> 16);
    outcome->msg = (dora_slice){area, msg_len};
    outcome->data = (dora_slice){area + msg_len, data_len};
    dr_fetch(area, DR_FETCH_BYTES);
    read_times(pool, task, outcome, now_ns);
}

/* say writes a text where the reply would stand: the task's worker has ended. */
static void say(const dr_pool *pool, uint32_t task, const char *text, size_t len,
                dr_outcome *outcome)
{
    const dr_record *record = &pool->records[task];
    const size_t room = reply_room(record);
    outcome->msg = (dora_slice){pool->region.slab + record->offset + record->input_len,
                                len < room ? len : room};
    memcpy((char *)(uintptr_t)outcome->msg.data, text, outcome->msg.len);
}

/* say_interrupted tells which limit a task was past where that is its api's own, and where it was,
 * if its worker has said so. */
static void say_interrupted(const dr_pool *pool, uint32_t task, dr_outcome *outcome)
{
    char text[DORA_INTERRUPT_TEXT_BYTES];
    const size_t len = dr_interrupt_said(pool, task, text, sizeof(text));
    if (len > strlen(dora_code_text(outcome->code))) { /* else the code says it all */
        say(pool, task, text, len, outcome);
    }
}

/* say_starved tells that a task's worker got no more memory, where it has ended for that. */
static void say_starved(const dr_pool *pool, uint32_t task, dr_outcome *outcome)
{
    const uint32_t held_kb = dr_slot_starved_kb(pool, pool->records[task].slot);
    char name[DR_MEMORY_LIMIT_TEXT_MAX];
    char text[sizeof(name) + 64];
    if (held_kb > 0) {
        (void)dr_memory_limit_name(pool->limits.memory_hard_mb, held_kb, name, sizeof(name));
        (void)snprintf(text, sizeof(text), "%s: %s", dora_code_text(DORA_CODE_WORKER_DIED), name);
        say(pool, task, text, strlen(text), outcome);
    }
}

/* is_old: a worker has done as many tasks as it may. One that has not grown may do more. */
static bool is_old(dr_pool *pool, uint32_t index)
{
    dr_slot *slot = &pool->slots[index];
    if (slot->recycle_at == 0 || slot->finished < slot->recycle_at) {
        return false;
    }
    const _Atomic uint32_t *growth = &pool->region.workers[index].growth;
    if (slot->finished >= slot->recycle_last ||
        atomic_load_explicit(growth, memory_order_relaxed) != DR_GROWTH_NONE) {
        return true;
    }
    slot->recycle_at += DR_LIFE_TASKS;
    return false;
}

/* after_task decides what a worker does that has just finished one. */
static void after_task(dr_pool *pool, uint32_t task, batch *found)
{
    const uint32_t index = pool->records[task].slot;
    dr_slot *slot = &pool->slots[index];
    slot->finished++;
    slot->since_ns = found->now_ns;
    slot->slow = false;
    slot->last_type = pool->records[task].type;
    slot->last_own_limit_ms = pool->records[task].own_limit_ms;
    if (pool->records[task].priority != DORA_PRIORITY_NORMAL) {
        *(pool->records[task].priority == DORA_PRIORITY_HIGH ? &pool->urgent : &pool->patient) += 1;
    }
    if (!slot->wants_recycling && is_old(pool, index)) {
        slot->wants_recycling = true;
        slot->why = DR_RESTART_RECYCLED;
        found->is_attention_due = true;
    }
    if (slot->held > 0 || slot->state != DR_SLOT_BUSY) {
        return;
    }
    if (slot->leaving) {
        dr_slot_stop(pool, index);
    } else {
        dr_slot_set_idle(pool, index);
    }
}

/* learn_end takes what the end of a task says of its call: it has ended its worker, which then has
 * said so, or its worker lives. Only the first one ended it: an event loop gives up the others. */
static void learn_end(dr_pool *pool, uint32_t task, const dr_outcome *outcome, batch *found)
{
    if (outcome->code == DORA_CODE_WORKER_DIED) {
        dr_slot *slot = &pool->slots[pool->records[task].slot];
        dr_blame blame;
        dr_suspect_blame(pool, task, &blame);
        blame.is_known = blame.is_known && !slot->has_said_end;
        slot->has_said_end = true;
        found->is_attention_due |=
            dr_suspect_note(pool, &blame, "left by exit() or an error", found->now_ns);
    } else if (pool->costs[pool->records[task].api].is_suspect && outcome->is_timed) {
        dr_suspect_clear(pool, task, found->now_ns);
    }
}

/* drop lets go of a task whose caller has its answer; what its worker says of it is of no use. */
static void drop(dr_pool *pool, uint32_t task, bool is_done, batch *found)
{
    const uint32_t index = pool->records[task].slot;
    dr_shared_worker *worker = &pool->region.workers[index];
    const uint32_t reply_at = *(const volatile uint32_t *)&pool->region.tasks[task].reply_at;
    dr_slot_drop(pool, index, task);
    if (is_done && (reply_at & UINT16_MAX) != DR_REPLY_IN_BLOCK) {
        uint32_t full = DR_BIG_FULL;
        (void)atomic_compare_exchange_strong(&worker->big, &full, DR_BIG_FREE);
        dr_slot_wake(pool, index);
    }
    if (pool->canary.crew != 0) {
        dr_canary_count(pool, task, dr_interrupt_code((dr_interrupt)pool->records[task].interrupt),
                        0);
    }
    if (is_done) {
        if (pool->costs[pool->records[task].api].is_suspect) {
            dr_suspect_clear(pool, task, found->now_ns);
        }
        after_task(pool, task, found);
    }
    dr_record_free(pool, task);
}

/* finish moves one task from its worker to the batch; `code` is 0 where it was run to its end. */
static void finish(dr_pool *pool, uint32_t task, int64_t code, batch *found)
{
    dr_record *record = &pool->records[task];
    if (record->interrupt != DR_INTERRUPT_NONE) {
        dr_interrupt_ended(pool, task);
        if (record->is_answered) {
            drop(pool, task, code == 0, found);
            return;
        }
    }
    dr_outcome *outcome = &found->items[found->count++];
    *outcome = (dr_outcome){.owner = record->owner,
                            .item = record->item,
                            .task = task,
                            .code = code,
                            .slot = record->slot};
    if (code == 0) {
        read_reply(pool, task, outcome, found->now_ns);
        learn_end(pool, task, outcome, found);
    } else if (code == DORA_CODE_TIME_LIMIT || code == DORA_CODE_CANCELLED) {
        say_interrupted(pool, task, outcome);
    } else if (code == DORA_CODE_WORKER_DIED) {
        say_starved(pool, task, outcome);
    }
    if (pool->canary.crew != 0) {
        dr_canary_count(pool, task, outcome->code, outcome->run_ns);
    }
    dr_slot_drop(pool, record->slot, task);
    record->state = DR_RECORD_FINISHED;
    if (code == 0) {
        after_task(pool, task, found);
    }
}

bool dr_is_done(dr_pool *pool, uint32_t task)
{
    const dr_record *record = &pool->records[task];
    return atomic_load_explicit(&pool->region.tasks[task].word, memory_order_acquire) ==
           dr_task_word(record->generation, DR_TASK_DONE, record->slot);
}

/* note_news has the owner of a stream look into it. */
static void note_news(dr_pool *pool, uint32_t task, batch *found)
{
    const dr_record *record = &pool->records[task];
    pool->slots[record->slot].news_ns = found->now_ns;
    found->items[found->count++] =
        (dr_outcome){.owner = record->owner, .item = record->item, .task = task, .is_news = true};
}

/* is_end_possible: an outbox has no more in it than its entries; else all of it is dropped. */
static bool is_end_possible(dr_pool *pool, uint32_t index, uint32_t reactor)
{
    uint32_t *head = &pool->slots[index].outbox_heads[reactor];
    const uint32_t tail = atomic_load(&dr_region_outbox(&pool->region, index, reactor)->tail);
    if (tail - *head <= pool->region.shape.ring_entries) {
        return true;
    }
    dr_damage_note(pool, "worker", index, "its outbox has another end");
    *head = tail;
    return false;
}

/* drain takes a worker's finished tasks. Returns: false when the batch is full and more may come.
 * What is none of this worker and reactor is dropped: a worker can only harm what it holds. */
static bool drain(dr_pool *pool, uint32_t index, uint32_t reactor, batch *found)
{
    dr_slot *slot = &pool->slots[index];
    const dr_shared_outbox *outbox = dr_region_outbox(&pool->region, index, reactor);
    const uint32_t entries = pool->region.shape.ring_entries;
    uint32_t news = 0;
    /* What comes while it looks makes the worker ready again. */
    for (uint32_t seen = 0; seen < entries; seen++) {
        if (found->count == BATCH) {
            return !is_end_possible(pool, index, reactor);
        }
        uint32_t task;
        if (!dr_outbox_pop(outbox, entries, &slot->outbox_heads[reactor], &task)) {
            return true;
        }
        dr_outbox_fetch(&pool->region, outbox, slot->outbox_heads[reactor]);
        const bool is_held =
            task < pool->region.shape.tasks && pool->records[task].state == DR_RECORD_HANDED &&
            pool->records[task].slot == index && pool->records[task].reactor == reactor;
        if (is_held && dr_is_done(pool, task)) {
            finish(pool, task, 0, found);
        } else if (is_held && pool->records[task].type == DR_TYPE_ST_S) {
            news++;
            if (!pool->records[task].is_answered && dr_task_is(pool, task, DR_TASK_RUNNING)) {
                note_news(pool, task, found);
            }
        }
    }
    /* It holds fewer tasks than its ring has entries, and is handed none meanwhile. */
    if (is_end_possible(pool, index, reactor) && news == 0) {
        dr_damage_note(pool, "worker", index, "it ended more tasks than it was handed");
    }
    return true;
}

/* Of several only those that should have ended were the reason. */
int64_t dr_code_of_dead(const dr_pool *pool, const dr_slot *slot, uint32_t task)
{
    const dr_interrupt why = (dr_interrupt)pool->records[task].interrupt;
    const bool is_reason = why == DR_INTERRUPT_TIME_LIMIT || why == DR_INTERRUPT_CANCELLED;
    return slot->killed_for_limit && is_reason ? dr_interrupt_code(why) : DORA_CODE_WORKER_DIED;
}

/* settle answers for a dead worker: what it had finished, then 100200 for what it was running. */
static bool settle(dr_pool *pool, uint32_t index, uint32_t reactor, batch *found)
{
    dr_slot *slot = &pool->slots[index];
    if (!drain(pool, index, reactor, found)) {
        return false;
    }
    uint32_t task = slot->tasks.first;
    while (task != DR_NONE) {
        const uint32_t next = pool->records[task].next;
        if (pool->records[task].reactor == reactor) {
            if (found->count == BATCH) {
                return false;
            }
            const int64_t died = dr_code_of_dead(pool, slot, task);
            finish(pool, task, dr_is_done(pool, task) ? 0 : died, found);
        }
        task = next;
    }
    if (found->count > 0) {
        found->is_settling = true;
        return true;
    }
    slot->unsettled &= ~(UINT64_C(1) << reactor);
    if (slot->unsettled == 0) {
        slot->state = DR_SLOT_EMPTY;
        pool->dead_count--;
        found->is_attention_due = true; /* a replacement may have found no slot */
    }
    return true;
}

/* refusal_of is the code for a task that waits and will not be run, 0 for one that may be. */
static int64_t refusal_of(const dr_pool *pool, const dr_record *record, uint64_t now_ns)
{
    if (pool->is_ending) {
        return DORA_CODE_STOPPING;
    }
    if (pool->unhealthy && pool->live_count == 0) {
        return DORA_CODE_OVERLOADED;
    }
    return record->deadline_ns != 0 && now_ns >= record->deadline_ns ? DORA_CODE_EXPIRED : 0;
}

/* refuse answers a task that no worker has had, and that is in no chain any more. */
static void refuse(dr_pool *pool, uint32_t task, int64_t code, batch *found)
{
    dr_record *record = &pool->records[task];
    record->state = DR_RECORD_FINISHED;
    found->items[found->count++] =
        (dr_outcome){.owner = record->owner, .item = record->item, .task = task, .code = code};
}

/* is_look_due: something that waits may have to be answered. */
static bool is_look_due(const dr_pool *pool, const dr_queue *queue, uint64_t look_ns,
                        uint64_t now_ns)
{
    return queue->count > 0 && now_ns >= look_ns &&
           (now_ns >= queue->expiry_ns || pool->is_ending ||
            (pool->unhealthy && pool->live_count == 0));
}

/* give_up_in answers what waits in vain: its deadline has passed, or the pool has no worker and
 * cannot start one. Looks through the queue once a tick at most, through a long one less often:
 * under lasting overload some deadline passes at any time. */
static void give_up_in(dr_pool *pool, dr_queue *queue, uint64_t *look_ns, uint32_t reactor,
                       batch *found)
{
    if (!is_look_due(pool, queue, *look_ns, found->now_ns)) {
        return;
    }
    uint64_t expiry_ns = UINT64_MAX;
    uint32_t task = queue->all.first;
    while (task != DR_NONE && found->count < BATCH) {
        const dr_record *record = &pool->records[task];
        const uint32_t next = record->next;
        const int64_t code =
            record->reactor == reactor ? refusal_of(pool, record, found->now_ns) : 0;
        if (code != 0) {
            dr_queue_remove(pool, task);
            refuse(pool, task, code, found);
        } else if (record->deadline_ns != 0 && record->deadline_ns < expiry_ns) {
            expiry_ns = record->deadline_ns;
        }
        task = next;
    }
    *look_ns = found->now_ns + DR_TICK_AHEAD_MS * UINT64_C(1000000);
    if (task == DR_NONE) {
        queue->expiry_ns = expiry_ns;
        *look_ns += queue->count * LOOK_NS;
    }
}

static void give_up_waiting(dr_pool *pool, uint32_t reactor, batch *found)
{
    if (pool->queue.count + pool->canary.queue.count > 0) {
        give_up_in(pool, &pool->queue, &pool->look_ns[reactor], reactor, found);
        give_up_in(pool, &pool->canary.queue, &pool->canary.look_ns[reactor], reactor, found);
    }
}

/* give_up_lost answers what no worker will have: it was not run. */
static void give_up_lost(dr_pool *pool, uint32_t reactor, batch *found)
{
    uint32_t task = pool->lost.first;
    while (task != DR_NONE && found->count < BATCH) {
        const uint32_t next = pool->records[task].next;
        if (pool->records[task].reactor == reactor) {
            dr_record_remove(pool, &pool->lost, task);
            refuse(pool, task, pool->records[task].refusal, found);
        }
        task = next;
    }
}

static void gather(dr_pool *pool, uint32_t reactor, batch *found)
{
    dr_shared_reactor *shared = &pool->region.reactors[reactor];
    const uint32_t words = (pool->region.shape.workers + 63) / 64;
    for (uint32_t w = 0; w < words; w++) {
        if (atomic_load_explicit(&shared->ready[w], memory_order_relaxed) == 0) {
            continue;
        }
        uint64_t bits = atomic_exchange_explicit(&shared->ready[w], 0, memory_order_acquire);
        while (bits != 0) {
            const uint32_t bit = (uint32_t)__builtin_ctzll(bits);
            const uint32_t index = w * 64 + bit;
            if (index < pool->region.shape.workers && !drain(pool, index, reactor, found)) {
                atomic_fetch_or(&shared->ready[w], bits);
                return;
            }
            bits &= bits - 1;
        }
    }
    give_up_waiting(pool, reactor, found);
    give_up_lost(pool, reactor, found);
    while (found->count < BATCH &&
           dr_interrupt_due(pool, reactor, found->now_ns, &found->items[found->count])) {
        found->count++;
    }
    if (pool->dead_count == 0) {
        return;
    }
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        if (pool->slots[i].state == DR_SLOT_DEAD &&
            (pool->slots[i].unsettled & (UINT64_C(1) << reactor)) != 0 &&
            !settle(pool, i, reactor, found)) {
            return;
        }
    }
}

bool dr_dispatch_has_ready(dr_pool *pool, uint32_t reactor)
{
    dr_shared_reactor *shared = &pool->region.reactors[reactor];
    const uint32_t words = (pool->region.shape.workers + 63) / 64;
    for (uint32_t w = 0; w < words; w++) {
        if (atomic_load_explicit(&shared->ready[w], memory_order_seq_cst) != 0) {
            return true;
        }
    }
    return false;
}

/* deliver calls `fn` for each outcome; those it did not keep are compacted to the front. */
static uint32_t deliver(dr_pool *pool, batch *found, dr_outcome_fn fn, void *user)
{
    uint32_t freed = 0;
    for (uint32_t i = 0; i < found->count; i++) {
        const dr_outcome *outcome = &found->items[i];
        if (outcome->is_news) {
            if (dr_task_ring_hear(pool, outcome->task, outcome->owner)) {
                (void)fn(outcome, user);
            }
            continue;
        }
        const bool is_kept = fn(outcome, user);
        if (outcome->is_early) {
            free((char *)(uintptr_t)outcome->msg.data);
            continue; /* its worker has its block */
        }
        if (outcome->is_big) {
            dr_shared_worker *worker = &pool->region.workers[outcome->slot];
            atomic_store_explicit(&worker->big, DR_BIG_FREE, memory_order_seq_cst);
            dr_slot_wake(pool, outcome->slot);
        }
        if (!is_kept) {
            found->items[freed++].task = outcome->task;
        }
    }
    return freed;
}

static void free_delivered(dr_pool *pool, const batch *found, uint32_t count)
{
    if (count == 0) {
        return; /* the usual case: each is kept until its call has been answered */
    }
    pthread_mutex_lock(&pool->lock);
    for (uint32_t i = 0; i < count; i++) {
        dr_record_free(pool, found->items[i].task);
    }
    pthread_mutex_unlock(&pool->lock);
}

size_t dr_dispatch_collect(dr_pool *pool, uint32_t reactor, dr_outcome_fn fn, void *user)
{
    size_t total = 0;
    uint32_t left = BATCHES_MAX;
    batch found; /* not zeroed: it is large, and most of it is not used */
    dr_wake_all(pool, &pool->owed[reactor]); /* they work while this one looks */
    do {
        dr_wakes wakes = {0};
        found.count = 0;
        found.is_settling = false;
        found.is_attention_due = false;
        found.now_ns = dr_clock_ns();
        pthread_mutex_lock(&pool->lock);
        gather(pool, reactor, &found);
        dr_assign_waiting(pool, &wakes);
        found.is_attention_due |= pool->damage.what != NULL;
        pthread_mutex_unlock(&pool->lock);
        dr_wake_all(pool, &wakes);
        if (found.is_attention_due) {
            pool->on_attention(pool, pool->user);
        }
        if (found.count == 0) {
            break;
        }
        total += found.count;
        free_delivered(pool, &found, deliver(pool, &found, fn, user));
    } while ((found.count == BATCH || found.is_settling) && --left > 0);
    if (left == 0) { /* it comes back before it sleeps, since some worker is ready */
        atomic_fetch_or(&pool->region.reactors[reactor].ready[0], 1);
    }
    dr_wake_all(pool, &pool->owed[reactor]); /* what `fn` has submitted */
    return total;
}
