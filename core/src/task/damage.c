/* damage.c: noticing that a worker has written where it should not.
 *
 * Nothing here costs a call anything: every tenth of a second the region is compared with what the
 * master knows by itself. A worker that only takes long, or is stopped, never looks like damage: it
 * has begun its task, or has said nothing since it took it. */
#include "task/damage.h"

#include "base/clock.h"
#include "ipc/wake.h"
#include "task/collect.h"
#include "task/dispatch.h"

void dr_damage_note(dr_pool *pool, const char *whose, uint32_t number, const char *what)
{
    if (pool->damage.what == NULL) {
        pool->damage = (dr_damage){what, whose, number};
    }
}

/* view is what a worker says of itself, read once, before its tasks. */
typedef struct view {
    uint32_t head;
    uint32_t asleep;
    uint32_t big;
} view;

static view view_of(const dr_shared_worker *shared)
{
    return (view){atomic_load(&shared->inbox_head), atomic_load(&shared->asleep),
                  atomic_load(&shared->big)};
}

/* look_at_words looks at what has few values, and at counts that only the master moves or that
 * never run ahead of it. */
static void look_at_words(dr_pool *pool, uint32_t index, const view *now)
{
    const dr_slot *slot = &pool->slots[index];
    const dr_shared_worker *shared = &pool->region.workers[index];
    const uint32_t entries = pool->region.shape.ring_entries;
    const uint32_t before = slot->stand.head;
    if (atomic_load(&shared->inbox_tail) != slot->inbox_tail) {
        dr_damage_note(pool, "worker", index, "its inbox has another end");
    } else if (slot->inbox_tail - now->head > entries ||
               now->head - before > slot->inbox_tail - before) {
        dr_damage_note(pool, "worker", index, "its inbox has another beginning");
    } else if (now->asleep > DR_ASLEEP_FOR_ROOM || now->big > DR_BIG_FULL ||
               atomic_load(&shared->stop) > 1) {
        dr_damage_note(pool, "worker", index, "it says of itself what none can");
    }
    for (uint32_t r = 0; r < pool->limits.reactors; r++) {
        const uint32_t tail = atomic_load(&dr_region_outbox(&pool->region, index, r)->tail);
        if (tail - slot->outbox_heads[r] > entries) {
            dr_damage_note(pool, "worker", index, "its outbox has another end");
        }
    }
}

typedef enum verdict {
    WELL,
    ODD,       /* it cannot stay so */
    IMPOSSIBLE /* it can never be so */
} verdict;

/* judge_queued: a worker takes its entries in their order and begins each before it takes the next
 * or goes to sleep. */
static verdict judge_queued(const dr_record *record, const view *worker)
{
    const int32_t past = (int32_t)(worker->head - record->entry);
    if (past <= 0) {
        return WELL;
    }
    return past > 1 ? IMPOSSIBLE : worker->asleep != DR_AWAKE ? ODD : WELL;
}

/* judge looks at a task that a worker holds. */
static verdict judge(const dr_pool *pool, uint32_t task, const view *worker)
{
    const dr_record *record = &pool->records[task];
    const uint64_t word = atomic_load(&pool->region.tasks[task].word);
    const uint32_t state = (uint32_t)(word >> 24) & 0xff;
    if (word != dr_task_word(record->generation, state, record->slot) ||
        !dr_is_intact(pool, task) || pool->region.tasks[task].reactor != record->reactor) {
        return IMPOSSIBLE;
    }
    switch (state) {
    case DR_TASK_QUEUED:
        return judge_queued(record, worker);
    case DR_TASK_RUNNING:
        return worker->asleep == DR_ASLEEP ? ODD : WELL;
    case DR_TASK_DONE: /* its reactor has been told before its worker went on */
        return worker->asleep != DR_AWAKE || (int32_t)(worker->head - record->entry) > 1 ? ODD
                                                                                         : WELL;
    default:
        return IMPOSSIBLE;
    }
}

/* look_at_stand counts the looks at which the same task stood still. Meanwhile whoever may have
 * missed a wake-up gets another one. */
static void look_at_stand(dr_pool *pool, uint32_t index, uint32_t odd)
{
    dr_slot *slot = &pool->slots[index];
    dr_stand *stand = &slot->stand;
    if (odd == DR_NONE) {
        stand->looks = 0;
        return;
    }
    const dr_record *record = &pool->records[odd];
    const bool is_same =
        stand->looks > 0 && stand->task == odd && stand->generation == record->generation;
    stand->task = odd;
    stand->generation = record->generation;
    stand->looks = is_same ? stand->looks + 1 : 1;
    if (is_same) {
        dr_wake_reactor(&pool->region.reactors[record->reactor], index,
                        pool->event_fds[record->reactor]);
    }
    if (stand->looks >= DR_DAMAGE_LOOKS) {
        dr_damage_note(pool, "task", odd, "it was handed over and stands still");
    }
}

/* look_at_big: a worker that waits for its big area while no reply stands there waits for ever. */
static void look_at_big(dr_pool *pool, uint32_t index, const view *worker, bool is_taken)
{
    dr_stand *stand = &pool->slots[index].stand;
    const bool is_odd = worker->big == DR_BIG_FULL && worker->asleep != DR_AWAKE && !is_taken;
    stand->big_looks = is_odd ? stand->big_looks + 1 : 0;
    if (stand->big_looks >= DR_DAMAGE_LOOKS) {
        dr_damage_note(pool, "worker", index, "its large reply is nobody's");
    }
}

/* look_at_worker. Returns: how many tasks it has looked at. */
static uint32_t look_at_worker(dr_pool *pool, uint32_t index)
{
    dr_slot *slot = &pool->slots[index];
    const view now = view_of(&pool->region.workers[index]);
    uint32_t odd = DR_NONE;
    bool is_taken = false; /* the big area, perhaps */
    look_at_words(pool, index, &now);
    for (uint32_t task = slot->tasks.first; task != DR_NONE; task = pool->records[task].next) {
        const verdict found = judge(pool, task, &now);
        if (found == IMPOSSIBLE) {
            dr_damage_note(pool, "task", task, "its state cannot be");
        }
        odd = found == ODD && odd == DR_NONE ? task : odd;
        is_taken = is_taken || dr_is_done(pool, task);
    }
    look_at_stand(pool, index, odd);
    look_at_big(pool, index, &now, is_taken);
    if (now.head == slot->stand.head && now.head != slot->inbox_tail) {
        dr_wake_worker_surely(&pool->region.workers[index], pool->loop_fds[index]);
    }
    slot->stand.head = now.head;
    return slot->held;
}

bool dr_damage_look(dr_pool *pool, uint64_t now_ns)
{
    const uint32_t slots = pool->region.shape.workers;
    uint32_t tasks = 0;
    if (now_ns - pool->looked_ns < DR_DAMAGE_LOOK_MS * 1000000u) {
        return false;
    }
    pool->looked_ns = now_ns;
    if (!dr_region_is_intact(&pool->region)) {
        dr_damage_note(pool, NULL, 0, "its header differs");
    }
    for (uint32_t i = 0; i < slots && tasks < DR_DAMAGE_TASKS; i++) {
        const uint32_t at = pool->look_slot;
        pool->look_slot = (at + 1) % slots;
        if (pool->slots[at].state >= DR_SLOT_STARTING && pool->slots[at].state < DR_SLOT_DEAD) {
            tasks += look_at_worker(pool, at);
        }
    }
    return pool->damage.what != NULL;
}

bool dr_dispatch_is_damaged(dr_pool *pool, dr_damage *seen)
{
    const uint64_t now_ns = dr_clock_ns();
    pthread_mutex_lock(&pool->lock);
    if (!dr_region_is_intact(&pool->region)) { /* a new zygote would not take it */
        dr_damage_note(pool, NULL, 0, "its header differs");
    }
    (void)dr_damage_look(pool, now_ns);
    *seen = pool->damage;
    pthread_mutex_unlock(&pool->lock);
    return seen->what != NULL;
}
