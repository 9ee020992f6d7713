/* test_switch.c: a new generation of workers takes over: from that moment the old get nothing, what
 * they have not started moves, what they run is answered. The workers are played by hand. */
#include "ipc/inbox.h"
#include "task/collect.h"
#include "task/switch.h"
#include "task/watch.h"
#include "unit_pool.h"

enum { OLD = 1, NEW = 2 };

/* setting is a pool of two crews. */
typedef struct setting {
    dr_pool pool;
    int event_fds[1];
    uint32_t outcomes;
    int64_t last_code;
} setting;

static void set_up(setting *self)
{
    const dr_pool_limits limits = {.reactors = 1,
                                   .workers = 2,
                                   .queue_tasks_max = 100,
                                   .slab_bytes = 1u << 20,
                                   .big_bytes = 64u << 10};
    unit_pool_begin(&self->pool, self->event_fds, &limits);
}

static void tear_down(setting *self)
{
    unit_pool_end(&self->pool, self->event_fds);
}
UNIT_SCENE(setting, tear_down)

/* add_worker makes one that is starting. */
static uint32_t add_worker(setting *self, uint32_t crew)
{
    const uint32_t slot = unit_pool_reserve(&self->pool);
    self->pool.slots[slot].crew = crew;
    return slot;
}

static uint32_t submit(setting *self, uint32_t api)
{
    const dr_task_input input = {
        .name = {"/t", 2}, .param = {"N;", 2}, .guid = UNIT_GUID, .api = api, .owner = self};
    return unit_pool_submit(&self->pool, &input);
}

static void start_running(setting *self, uint32_t slot, uint32_t expected)
{
    assert_int_equal(unit_pool_start(&self->pool, slot), expected);
}

static bool on_outcome(const dr_outcome *outcome, void *user)
{
    setting *self = user;
    self->outcomes++;
    self->last_code = outcome->code;
    return false;
}

/* finish ends a running task without a result, and collects it. */
static void finish(setting *self, uint32_t slot, uint32_t task)
{
    dr_shared_task *shared = &self->pool.region.tasks[task];
    shared->code = 0;
    shared->reply_at = DR_REPLY_IN_BLOCK;
    shared->msg_len = 0;
    shared->data_len = 2;
    shared->seal = dr_reply_seal(self->pool.records[task].generation, DR_REPLY_IN_BLOCK, 0, 2, 0);
    memcpy(self->pool.region.slab + shared->offset + self->pool.records[task].input_len, "N;", 2);
    shared->run_ns = 7000;
    atomic_store(&shared->word,
                 dr_task_word(self->pool.records[task].generation, DR_TASK_DONE, slot));
    dr_outbox_push(&self->pool.region, slot, 0, task);
    atomic_fetch_or(&self->pool.region.reactors[0].ready[0], UINT64_C(1) << slot);
    assert_int_equal(dr_dispatch_collect(&self->pool, 0, on_outcome, self), 1);
}

static bool is_told_to_stop(setting *self, uint32_t slot)
{
    return atomic_load(&self->pool.region.workers[slot].stop) != 0;
}

static const dr_move unmoved[] = {{0, 0}, {1, 0}, {2, 0}, {3, 0}};

static void switch_to_new(setting *self)
{
    dr_dispatch_switch(&self->pool, NEW, unmoved, 4);
}

static void held_workers_get_nothing_before(void **state)
{
    setting *at = *state;
    set_up(at);
    const uint32_t held = add_worker(at, NEW);
    dr_dispatch_worker_hold(&at->pool, held);
    const uint32_t task = submit(at, 0);
    assert_int_equal(at->pool.queue.count, 1);
    assert_int_equal(at->pool.live_count, 0);
    assert_int_equal(at->pool.generation, 1);
    switch_to_new(at);
    assert_int_equal(at->pool.generation, 2);
    assert_int_equal(at->pool.live_count, 1);
    assert_int_equal(at->pool.queue.count, 0);
    start_running(at, held, task);
    finish(at, held, task);
    assert_false(is_told_to_stop(at, held));
}

static void old_workers_get_nothing_after(void **state)
{
    setting *at = *state;
    set_up(at);
    const uint32_t old = add_worker(at, OLD);
    const uint32_t held = add_worker(at, NEW);
    dr_dispatch_worker_ready(&at->pool, old);
    dr_dispatch_worker_hold(&at->pool, held);
    switch_to_new(at);
    assert_true(is_told_to_stop(at, old));
    assert_int_equal(at->pool.live_count, 1);
    for (int i = 0; i < 3; i++) {
        const uint32_t task = submit(at, 0);
        assert_int_equal(at->pool.slots[old].held, 0);
        if (at->pool.records[task].state == DR_RECORD_HANDED) {
            assert_int_equal(at->pool.records[task].slot, held);
        }
    }
}

static void what_runs_is_answered_and_the_rest_moves(void **state)
{
    setting *at = *state;
    set_up(at);
    const uint32_t old = add_worker(at, OLD);
    const uint32_t held = add_worker(at, NEW);
    dr_dispatch_worker_ready(&at->pool, old);
    dr_dispatch_worker_hold(&at->pool, held);
    at->pool.costs[0].run_ns = 1000; /* cheap: handed ahead */
    const uint32_t running = submit(at, 0);
    const uint32_t second = submit(at, 0);
    const uint32_t third = submit(at, 0);
    assert_int_equal(at->pool.slots[old].held, 3);
    start_running(at, old, running);
    switch_to_new(at);
    assert_int_equal(at->pool.slots[old].held, 1);
    assert_false(is_told_to_stop(at, old)); /* not before it is done */
    start_running(at, held, second);        /* in their order */
    finish(at, held, second);
    start_running(at, held, third);
    finish(at, held, third);
    finish(at, old, running);
    assert_int_equal(at->outcomes, 3);
    assert_int_equal(at->last_code, 0);
    assert_true(is_told_to_stop(at, old));
    assert_int_equal(at->pool.live_count, 1);
}

static void an_old_worker_that_is_ready_too_late_leaves(void **state)
{
    setting *at = *state;
    set_up(at);
    const uint32_t late = add_worker(at, OLD);
    const uint32_t held = add_worker(at, NEW);
    dr_dispatch_worker_hold(&at->pool, held);
    switch_to_new(at);
    dr_dispatch_worker_ready(&at->pool, late);
    assert_true(is_told_to_stop(at, late));
    assert_int_equal(at->pool.live_count, 1);
    dr_dispatch_worker_died(&at->pool, late);
    assert_int_equal(at->pool.live_count, 1);
    assert_int_equal(at->pool.restarts[DR_RESTART_DIED], 0);
}

static void a_held_worker_that_dies_is_not_missed(void **state)
{
    setting *at = *state;
    set_up(at);
    const uint32_t old = add_worker(at, OLD);
    const uint32_t held = add_worker(at, NEW);
    dr_dispatch_worker_ready(&at->pool, old);
    dr_dispatch_worker_hold(&at->pool, held);
    dr_dispatch_worker_died(&at->pool, held);
    assert_int_equal(at->pool.live_count, 1);
    assert_int_equal(dr_dispatch_collect(&at->pool, 0, on_outcome, at), 0);
    assert_int_equal(at->pool.slots[held].state, DR_SLOT_EMPTY);
    (void)submit(at, 0);
    assert_int_equal(at->pool.slots[old].held, 1);
}

/* The new application registers in another order, and one api is gone. */
static void costs_go_with_their_apis(void **state)
{
    setting *at = *state;
    static const dr_move moved[] = {{2, 0}, {DR_NONE, 0}, {0, 0}};
    set_up(at);
    at->pool.costs[0].run_ns = 1000;
    at->pool.costs[1].run_ns = 2000;
    at->pool.costs[2].run_ns = 3000;
    const uint32_t first = submit(at, 0);
    const uint32_t gone = submit(at, 1);
    const uint32_t beyond = submit(at, 99);
    dr_dispatch_switch(&at->pool, NEW, moved, 3);
    assert_int_equal(at->pool.costs[2].run_ns, 1000);
    assert_int_equal(at->pool.costs[0].run_ns, 3000);
    assert_int_equal(at->pool.costs[1].run_ns, 0);
    assert_int_equal(at->pool.costs[4].run_ns, 0);
    assert_int_equal(at->pool.records[first].api, 2);
    assert_int_equal(at->pool.records[gone].api, 4);
    assert_int_equal(at->pool.records[beyond].api, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(setting, held_workers_get_nothing_before),
        unit_in(setting, old_workers_get_nothing_after),
        unit_in(setting, what_runs_is_answered_and_the_rest_moves),
        unit_in(setting, an_old_worker_that_is_ready_too_late_leaves),
        unit_in(setting, a_held_worker_that_dies_is_not_missed),
        unit_in(setting, costs_go_with_their_apis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
