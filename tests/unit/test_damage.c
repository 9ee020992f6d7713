/* test_damage.c: a region that a worker has written over: what is noticed, what never is, and what
 * becomes of the pool's tasks when it gets another region. The tests play the worker by hand. */
#include "ipc/inbox.h"
#include "ipc/wake.h"
#include "task/collect.h"
#include "task/damage.h"
#include "task/interrupt.h"
#include "task/renew.h"
#include "task/task_ring.h"
#include "task/watch.h"
#include "unit_pool.h"

enum { LOOKS = DR_DAMAGE_LOOKS + 5 };

typedef struct setting {
    dr_pool pool;
    int event_fd;
    uint32_t slot;
    uint64_t now_ns;
    uint32_t attentions;
    uint32_t outcomes;
    int64_t codes[8];
    uint32_t kept; /* the task whose block is kept */
} setting;

static void on_attention(dr_pool *pool, void *user)
{
    (void)pool;
    ((setting *)user)->attentions++;
}

static void set_up(setting *self, uint32_t concurrency)
{
    const dr_pool_limits limits = {.reactors = 1,
                                   .workers = 1,
                                   .concurrency = concurrency,
                                   .queue_tasks_max = 100,
                                   .slab_bytes = 1u << 20,
                                   .big_bytes = 64u << 10};
    memset(self, 0, sizeof(*self));
    unit_pool_begin(&self->pool, &self->event_fd, &limits);
    self->pool.on_attention = on_attention;
    self->pool.user = self;
    self->pool.costs[0].run_ns = 1000; /* cheap: handed ahead */
    self->now_ns = 1;
    self->slot = unit_pool_worker(&self->pool);
}

static void tear_down(setting *self)
{
    unit_pool_end(&self->pool, &self->event_fd);
}
UNIT_SCENE(setting, tear_down)

static dr_task_input input_of(setting *self)
{
    return (dr_task_input){.name = {"/a", 2}, .param = {"N;", 2}, .guid = UNIT_GUID, .owner = self};
}

static uint32_t submit(setting *self)
{
    const dr_task_input input = input_of(self);
    return unit_pool_submit(&self->pool, &input);
}

static bool on_outcome(const dr_outcome *outcome, void *user)
{
    setting *self = user;
    self->codes[self->outcomes++ % 8] = outcome->code;
    self->kept = outcome->task;
    return outcome->code == 0;
}

static void collect(setting *self)
{
    (void)dr_dispatch_collect(&self->pool, 0, on_outcome, self);
}

/* look lets time pass for so many looks. Returns: whether something was seen. */
static bool look(setting *self, uint32_t times)
{
    for (uint32_t i = 0; i < times; i++) {
        self->now_ns += (DR_DAMAGE_LOOK_MS + 1) * UINT64_C(1000000);
        pthread_mutex_lock(&self->pool.lock);
        (void)dr_damage_look(&self->pool, self->now_ns);
        pthread_mutex_unlock(&self->pool.lock);
    }
    return self->pool.damage.what != NULL;
}

static dr_shared_worker *worker(setting *self)
{
    return &self->pool.region.workers[self->slot];
}

static dr_shared_task *shared(setting *self, uint32_t task)
{
    return &self->pool.region.tasks[task];
}

static void set_state(setting *self, uint32_t task, uint32_t state)
{
    atomic_store(&shared(self, task)->word,
                 dr_task_word(self->pool.records[task].generation, state, self->slot));
}

static uint32_t pop(setting *self)
{
    uint32_t generation;
    uint32_t task = DR_NONE;
    assert_true(dr_inbox_pop(&self->pool.region, self->slot, &generation, &task));
    return task;
}

static uint32_t start(setting *self)
{
    const uint32_t task = pop(self);
    set_state(self, task, DR_TASK_RUNNING);
    return task;
}

static void write_reply(setting *self, uint32_t task)
{
    dr_shared_task *to = shared(self, task);
    memcpy(self->pool.region.slab + to->offset + self->pool.records[task].input_len, "i:7;", 4);
    to->code = 0;
    to->reply_at = DR_REPLY_IN_BLOCK;
    to->msg_len = 0;
    to->data_len = 4;
    to->seal = dr_reply_seal(self->pool.records[task].generation, DR_REPLY_IN_BLOCK, 0, 4, 0);
    set_state(self, task, DR_TASK_DONE);
}

static void publish(setting *self, uint32_t task)
{
    dr_outbox_push(&self->pool.region, self->slot, 0, task);
    dr_wake_reactor(&self->pool.region.reactors[0], self->slot, self->event_fd);
}

/* what_is_well: a worker that takes long, or was stopped at any moment of its round. */
static void what_is_well(void **state)
{
    setting *at = *state;
    set_up(at, 1);
    assert_false(look(at, LOOKS)); /* it has nothing to do */
    (void)submit(at);
    (void)submit(at);
    (void)submit(at);
    assert_false(look(at, LOOKS)); /* it was not awake yet */
    const uint32_t task = pop(at);
    assert_false(look(at, LOOKS)); /* stopped before it began */
    set_state(at, task, DR_TASK_RUNNING);
    assert_false(look(at, LOOKS)); /* a long handler */
    dr_wake_sleep_begin(worker(at), DR_ASLEEP_FOR_BIG);
    assert_false(look(at, LOOKS)); /* waits for its big area */
    dr_wake_sleep_cancel(worker(at));
    write_reply(at, task);
    assert_false(look(at, LOOKS)); /* stopped before it could say so */
    publish(at, task);
    collect(at);
    assert_int_equal(at->codes[0], 0);
    assert_false(look(at, LOOKS));
}

static void what_is_well_on_a_loop(void **state)
{
    setting *at = *state;
    set_up(at, 4);
    for (int i = 0; i < 3; i++) {
        (void)submit(at);
        (void)start(at);
    }
    dr_wake_sleep_begin(worker(at), DR_ASLEEP_IN_LOOP); /* while its tasks wait for something */
    assert_false(look(at, LOOKS));
}

static void a_lost_wake_up_is_made_good(void **state)
{
    setting *at = *state;
    set_up(at, 1);
    (void)submit(at);
    atomic_store(&worker(at)->asleep, DR_ASLEEP_IN_LOOP); /* it sleeps, and says so wrongly */
    assert_false(look(at, 2));
    assert_int_equal(atomic_load(&worker(at)->asleep), DR_AWAKE);
}

/* seen sets a pool up with one task that runs and one behind it, and looks after `spoil`. */
static bool seen(setting *at, void (*spoil)(setting *, uint32_t, uint32_t), uint32_t looks)
{
    set_up(at, 1);
    const uint32_t second = (submit(at), submit(at));
    const uint32_t first = start(at);
    assert_false(look(at, 2));
    spoil(at, first, second);
    const bool was_before = looks > 1 && look(at, 2);
    const bool is_now = look(at, looks);
    tear_down(at);
    return is_now && !was_before;
}

static void header(setting *at, uint32_t first, uint32_t second)
{
    (void)first;
    (void)second;
    at->pool.region.base[17] ^= 1;
}

static void state_of_no_task(setting *at, uint32_t first, uint32_t second)
{
    (void)second;
    atomic_store(&shared(at, first)->word, 0);
}

static void another_generation(setting *at, uint32_t first, uint32_t second)
{
    (void)first;
    atomic_fetch_add(&shared(at, second)->word, UINT64_C(1) << 32);
}

static void another_block(setting *at, uint32_t first, uint32_t second)
{
    (void)first;
    shared(at, second)->offset += 1;
}

static void another_reactor(setting *at, uint32_t first, uint32_t second)
{
    (void)first;
    shared(at, second)->reactor = 9;
}

static void inbox_tail(setting *at, uint32_t first, uint32_t second)
{
    (void)first;
    (void)second;
    atomic_fetch_add(&worker(at)->inbox_tail, 1);
}

static void inbox_head_back(setting *at, uint32_t first, uint32_t second)
{
    (void)first;
    (void)second;
    atomic_fetch_sub(&worker(at)->inbox_head, 1);
}

static void inbox_head_ahead(setting *at, uint32_t first, uint32_t second)
{
    (void)first;
    (void)second;
    atomic_fetch_add(&worker(at)->inbox_head, 2);
}

static void outbox_tail(setting *at, uint32_t first, uint32_t second)
{
    (void)first;
    (void)second;
    atomic_store(&dr_region_outbox(&at->pool.region, at->slot, 0)->tail, 1u << 20);
}

static void sleep_word(setting *at, uint32_t first, uint32_t second)
{
    (void)first;
    (void)second;
    atomic_store(&worker(at)->asleep, 77);
}

static void an_entry_passed_over(setting *at, uint32_t first, uint32_t second)
{
    (void)second;
    write_reply(at, first);
    publish(at, first);
    (void)pop(at); /* and does not begin it */
    (void)submit(at);
    (void)pop(at);
}

static void what_cannot_be_is_seen_at_once(void **state)
{
    setting *at = *state;
    assert_true(seen(at, header, 1));
    assert_true(seen(at, state_of_no_task, 1));
    assert_true(seen(at, another_generation, 1));
    assert_true(seen(at, another_block, 1));
    assert_true(seen(at, another_reactor, 1));
    assert_true(seen(at, inbox_tail, 1));
    assert_true(seen(at, inbox_head_back, 1));
    assert_true(seen(at, inbox_head_ahead, 1));
    assert_true(seen(at, outbox_tail, 1));
    assert_true(seen(at, sleep_word, 1));
    assert_true(seen(at, an_entry_passed_over, 1));
}

static void asleep_though_it_runs(setting *at, uint32_t first, uint32_t second)
{
    (void)first;
    (void)pop(at);
    set_state(at, second, DR_TASK_RUNNING); /* nobody does */
    atomic_store(&worker(at)->asleep, DR_ASLEEP);
}

static void asleep_before_it_began(setting *at, uint32_t first, uint32_t second)
{
    (void)second;
    write_reply(at, first);
    publish(at, first);
    collect(at);
    (void)pop(at);
    atomic_store(&worker(at)->asleep, DR_ASLEEP);
}

static void done_and_never_said(setting *at, uint32_t first, uint32_t second)
{
    (void)second;
    write_reply(at, first);
    (void)pop(at);
    atomic_store(&worker(at)->asleep, DR_ASLEEP);
}

static void a_large_reply_of_nobody(setting *at, uint32_t first, uint32_t second)
{
    (void)first;
    (void)pop(at);
    set_state(at, second, DR_TASK_RUNNING);
    atomic_store(&worker(at)->big, DR_BIG_FULL);
    atomic_store(&worker(at)->asleep, DR_ASLEEP_FOR_BIG);
}

static void what_stands_still_is_seen_in_time(void **state)
{
    setting *at = *state;
    assert_true(seen(at, asleep_though_it_runs, LOOKS));
    assert_true(seen(at, asleep_before_it_began, LOOKS));
    assert_true(seen(at, done_and_never_said, LOOKS));
    assert_true(seen(at, a_large_reply_of_nobody, LOOKS));
}

static void numbers_of_a_reply_are_sealed(void **state)
{
    setting *at = *state;
    set_up(at, 1);
    (void)submit(at);
    const uint32_t task = start(at);
    write_reply(at, task);
    shared(at, task)->data_len = 3; /* fits, and is not what was written */
    publish(at, task);
    collect(at);
    assert_int_equal(at->codes[0], DORA_CODE_WORKER_DIED);
    assert_non_null(at->pool.damage.what);
    assert_int_equal(at->attentions > 0, 1);
}

static void everything_held_is_answered_once(void **state)
{
    setting *at = *state;
    dora_error error = {0};
    uint32_t filling;
    set_up(at, 1);
    (void)submit(at);
    const uint32_t done = start(at);
    write_reply(at, done);
    publish(at, done);
    collect(at); /* its block is kept for a call of many parts */
    assert_int_equal(at->outcomes, 1);
    (void)submit(at);
    (void)start(at);
    at->pool.costs[0].run_ns = DR_WAKE_PRICE_NS * 2; /* nothing is handed ahead */
    (void)submit(at);
    (void)submit(at);
    assert_int_equal(at->pool.queue.count, 2);
    const dr_task_input input = input_of(at);
    const char *why;
    assert_int_equal(dr_dispatch_reserve(&at->pool, &input, &filling, &why), 0);
    at->pool.region.base[0] ^= 1;
    dr_damage seen_now;
    assert_true(dr_dispatch_is_damaged(&at->pool, &seen_now));
    assert_string_equal(seen_now.what, "its header differs");
    assert_int_equal(dr_dispatch_renew(&at->pool, &error), DORA_OK);
    assert_false(dr_dispatch_is_damaged(&at->pool, &seen_now));
    dr_dispatch_commit(&at->pool, &filling, 1);
    collect(at);
    assert_int_equal(at->outcomes, 5);
    uint32_t died = 0;
    uint32_t not_run = 0;
    for (uint32_t i = 1; i < 5; i++) {
        died += at->codes[i] == DORA_CODE_WORKER_DIED;
        not_run += at->codes[i] == DORA_CODE_OVERLOADED;
    }
    assert_int_equal(died, 1);
    assert_int_equal(not_run, 3);
    const dr_record *record = &at->pool.records[done];
    assert_memory_equal(at->pool.region.slab + record->offset + record->input_len, "i:7;", 4);
    assert_int_equal(at->pool.slots[at->slot].state, DR_SLOT_EMPTY);
    assert_int_equal(at->pool.restarts[DR_RESTART_DAMAGED], 1);
    assert_int_equal(at->pool.handed_count + at->pool.queue.count + at->pool.busy_count, 0);
    at->slot = unit_pool_worker(&at->pool);
    (void)submit(at);
    const uint32_t next = start(at);
    write_reply(at, next);
    publish(at, next);
    collect(at);
    assert_int_equal(at->outcomes, 6);
    assert_int_equal(at->codes[5], 0);
}

static void what_was_lost_can_be_cancelled(void **state)
{
    setting *at = *state;
    dora_error error = {0};
    set_up(at, 1);
    at->pool.costs[0].run_ns = DR_WAKE_PRICE_NS * 2;
    (void)submit(at);
    (void)start(at);
    const uint32_t waits = submit(at);
    assert_int_equal(dr_dispatch_renew(&at->pool, &error), DORA_OK);
    assert_false(dr_dispatch_has_begun(&at->pool, waits));
    assert_true(dr_dispatch_cancel(&at->pool, waits));
    collect(at);
    assert_int_equal(at->outcomes, 1);
    assert_int_equal(at->codes[0], DORA_CODE_WORKER_DIED);
}

static uint32_t submit_stream(setting *self)
{
    dr_task_input input = input_of(self);
    input.type = DR_TYPE_ST_S;
    return unit_pool_submit(&self->pool, &input);
}

/* A worker says without end that its stream has sent something. */
static void news_without_end_holds_up_nobody(void **state)
{
    setting *at = *state;
    set_up(at, 4);
    (void)submit_stream(at);
    const uint32_t task = start(at);
    dr_shared_outbox *outbox = dr_region_outbox(&at->pool.region, at->slot, 0);
    for (uint32_t i = 0; i < at->pool.region.shape.ring_entries; i++) {
        outbox->entries[i] = task;
    }
    atomic_store(&outbox->tail, 1u << 31);
    dr_wake_reactor(&at->pool.region.reactors[0], at->slot, at->event_fd);
    collect(at);
    assert_true(at->outcomes <= 2 * at->pool.region.shape.ring_entries);
    assert_string_equal(at->pool.damage.what, "its outbox has another end");
    assert_int_equal(at->pool.slots[at->slot].outbox_heads[0], 1u << 31);
}

/* What the worker of an answered or ended task says of it is for nobody. */
static void news_of_what_has_ended_is_dropped(void **state)
{
    setting *at = *state;
    set_up(at, 4);
    (void)submit_stream(at);
    const uint32_t first = start(at);
    publish(at, first);
    collect(at);
    assert_int_equal(at->outcomes, 1); /* news */
    publish(at, first);
    set_state(at, first, DR_TASK_QUEUED); /* it has begun, and says that it has not */
    collect(at);
    assert_int_equal(at->outcomes, 1);
    set_state(at, first, DR_TASK_RUNNING);
    at->pool.records[first].is_answered = true;
    publish(at, first);
    collect(at);
    assert_int_equal(at->outcomes, 1);
    assert_false(dr_task_ring_hear(&at->pool, first, at));
    at->pool.records[first].is_answered = false;
    assert_false(dr_task_ring_hear(&at->pool, first, NULL));
    assert_true(dr_task_ring_hear(&at->pool, first, at));
}

/* A worker says no more of a stream until its reactor has taken the last word of it. */
static void news_is_heard_where_it_is_told(void **state)
{
    setting *at = *state;
    set_up(at, 4);
    (void)submit_stream(at);
    const uint32_t task = start(at);
    dr_part_ring *ring = dr_task_ring(&at->pool, task);
    assert_true(dr_part_ring_tell(ring));
    assert_false(dr_part_ring_tell(ring));
    publish(at, task);
    collect(at);
    assert_int_equal(at->outcomes, 1);
    assert_true(dr_part_ring_tell(ring));
}

/* What was asked to end had begun: it is not taken back on its worker's word. */
static void what_was_asked_to_end_is_not_taken_back(void **state)
{
    setting *at = *state;
    set_up(at, 4);
    at->pool.slots[at->slot].has_loop = true;
    (void)submit(at);
    const uint32_t task = start(at);
    assert_true(dr_interrupt_task(&at->pool, task, DR_INTERRUPT_CANCELLED));
    set_state(at, task, DR_TASK_QUEUED);
    assert_false(dr_dispatch_cancel(&at->pool, task));
    assert_string_equal(at->pool.damage.what, "it had begun and has not");
    pthread_mutex_lock(&at->pool.lock);
    assert_int_equal(dr_requeue_unstarted(&at->pool, at->slot), 0);
    pthread_mutex_unlock(&at->pool.lock);
    assert_int_equal(at->pool.records[task].state, DR_RECORD_HANDED);
    assert_int_equal(at->pool.slots[at->slot].interrupted, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(setting, what_is_well),
        unit_in(setting, what_is_well_on_a_loop),
        unit_in(setting, a_lost_wake_up_is_made_good),
        unit_in(setting, what_cannot_be_is_seen_at_once),
        unit_in(setting, what_stands_still_is_seen_in_time),
        unit_in(setting, numbers_of_a_reply_are_sealed),
        unit_in(setting, everything_held_is_answered_once),
        unit_in(setting, what_was_lost_can_be_cancelled),
        unit_in(setting, news_without_end_holds_up_nobody),
        unit_in(setting, news_of_what_has_ended_is_dropped),
        unit_in(setting, news_is_heard_where_it_is_told),
        unit_in(setting, what_was_asked_to_end_is_not_taken_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
