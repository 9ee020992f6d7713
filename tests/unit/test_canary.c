/* test_canary.c: a new generation gets its part of the calls and no more, nothing waits for it that
 * others can run, and what was not begun there goes back. The workers are played by hand. */
#include "ipc/inbox.h"
#include "task/canary.h"
#include "task/collect.h"
#include "task/switch.h"
#include "task/watch.h"
#include "unit_pool.h"

enum { OLD = 1, NEW = 2, APIS = 4, BOTH = 0, GONE = 1, ADDED = 2, LIMITED = 3 };

typedef struct setting {
    dr_pool pool;
    int event_fds[1];
    uint32_t old;
    uint32_t new;
    unit_tally told;
} setting;

static void tear_down(setting *self)
{
    unit_pool_end(&self->pool, self->event_fds);
}
UNIT_SCENE(setting, tear_down)

static uint32_t add_worker(setting *self, uint32_t crew)
{
    const uint32_t slot = unit_pool_reserve(&self->pool);
    self->pool.slots[slot].crew = crew;
    return slot;
}

static void begin(setting *self, uint32_t percent)
{
    static const dr_canary_api of[APIS] = {[BOTH] = {3, 0, 0, false},
                                           [GONE] = {DR_NONE, 0, 0, false},
                                           [ADDED] = {1, 700, 0, true},
                                           [LIMITED] = {0, 500, 200, false}};
    dr_canary_api *apis = malloc(sizeof(of));
    memcpy(apis, of, sizeof(of));
    assert_int_equal(dr_canary_begin(&self->pool, NEW, OLD, percent, apis, APIS), DORA_OK);
}

/* set_up makes a pool with a worker of each generation. */
static void set_up(setting *self, uint32_t percent, uint32_t concurrency)
{
    const dr_pool_limits limits = {.reactors = 1,
                                   .workers = 2,
                                   .concurrency = concurrency,
                                   .queue_tasks_max = 100,
                                   .slab_bytes = 1u << 20,
                                   .big_bytes = 64u << 10};
    unit_pool_begin(&self->pool, self->event_fds, &limits);
    self->old = add_worker(self, OLD);
    self->new = add_worker(self, NEW);
    dr_dispatch_worker_ready(&self->pool, self->old);
    dr_dispatch_worker_hold(&self->pool, self->new);
    begin(self, percent);
}

static uint32_t submit_of(setting *self, uint32_t api, dr_call_type type)
{
    const dr_task_input input = {.name = {"/t", 2},
                                 .param = {"N;", 2},
                                 .guid = UNIT_GUID,
                                 .api = api,
                                 .type = type,
                                 .own_limit_ms = api == LIMITED ? 200 : 0,
                                 .owner = self};
    return unit_pool_submit(&self->pool, &input);
}

static uint32_t submit(setting *self, uint32_t api)
{
    return submit_of(self, api, DR_TYPE_W_S);
}

/* finish ends what a worker runs, with a code. */
static void finish(setting *self, uint32_t slot, uint32_t task, int64_t code, uint64_t run_ns)
{
    dr_shared_task *shared = &self->pool.region.tasks[task];
    const uint32_t generation = self->pool.records[task].generation;
    shared->code = code;
    shared->reply_at = DR_REPLY_IN_BLOCK;
    shared->msg_len = 0;
    shared->data_len = 0;
    shared->seal = dr_reply_seal(generation, DR_REPLY_IN_BLOCK, 0, 0, code);
    shared->run_ns = run_ns;
    atomic_store(&shared->word, dr_task_word(generation, DR_TASK_DONE, slot));
    dr_outbox_push(&self->pool.region, slot, 0, task);
    atomic_fetch_or(&self->pool.region.reactors[0].ready[0], UINT64_C(1) << slot);
    assert_int_equal(dr_dispatch_collect(&self->pool, 0, unit_count, &self->told), 1);
}

static bool is_with(const setting *self, uint32_t task, uint32_t slot)
{
    const dr_record *record = &self->pool.records[task];
    return record->state == DR_RECORD_HANDED && record->slot == slot;
}

/* run submits and runs one. Returns: whether the new generation had it. */
static bool run(setting *self, uint32_t api, int64_t code)
{
    const uint32_t task = submit(self, api);
    const uint32_t slot = self->pool.records[task].slot;
    assert_int_equal(unit_pool_start(&self->pool, slot), task);
    finish(self, slot, task, code, 5000);
    return slot == self->new;
}

static void its_part_is_exact(void **state)
{
    static const uint32_t percents[] = {1, 7, 10, 25, 33, 50};
    setting *at = *state;
    for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
        uint32_t count = 0;
        set_up(at, percents[i], 1);
        for (uint32_t call = 0; call < 1000; call++) {
            count += run(at, BOTH, 0);
        }
        assert_in_range(count, percents[i] * 10 - 1, percents[i] * 10 + 1);
        dr_seen seen[DR_CANARY_SIDES];
        assert_true(dr_canary_look(&at->pool, seen));
        assert_int_equal(seen[DR_CANARY_NEW].calls, count);
        assert_int_equal(seen[DR_CANARY_OLD].calls, 1000 - count);
        assert_int_equal(seen[DR_CANARY_NEW].timed, count - 1); /* the first is not */
        tear_down(at);
        memset(at, 0, sizeof(*at));
    }
}

static void nothing_waits_for_it(void **state)
{
    setting *at = *state;
    set_up(at, 50, 1);
    uint32_t first = submit(at, BOTH);
    while (!is_with(at, first, at->new)) {
        assert_int_equal(unit_pool_start(&at->pool, at->old), first);
        finish(at, at->old, first, 0, 1);
        first = submit(at, BOTH);
    }
    assert_int_equal(unit_pool_start(&at->pool, at->new), first);
    for (int i = 0; i < 10; i++) { /* one in two is chosen, and finds it busy */
        const uint32_t other = submit(at, BOTH);
        assert_int_equal(unit_pool_start(&at->pool, at->old), other);
        finish(at, at->old, other, 0, 1);
    }
    finish(at, at->new, first, 0, 1);
    assert_true(is_with(at, submit(at, BOTH), at->new)); /* it is overdue, once */
}

static void an_event_loop_gets_several(void **state)
{
    setting *at = *state;
    uint32_t count = 0;
    set_up(at, 50, 4);
    for (int i = 0; i < 8; i++) {
        count += is_with(at, submit(at, BOTH), at->new);
    }
    assert_int_equal(count, 4);
    assert_int_equal(at->pool.slots[at->old].held, 4);
}

static void apis_go_where_they_are(void **state)
{
    setting *at = *state;
    set_up(at, 50, 1);
    for (int i = 0; i < 20; i++) {
        assert_false(run(at, GONE, 0));
        assert_true(run(at, ADDED, 0));
    }
    dr_seen seen[DR_CANARY_SIDES];
    assert_true(dr_canary_look(&at->pool, seen)); /* only what both have is compared */
    assert_int_equal(seen[DR_CANARY_NEW].calls + seen[DR_CANARY_OLD].calls, 0);
}

static void what_only_it_has_waits_for_it(void **state)
{
    setting *at = *state;
    set_up(at, 1, 1);
    const uint32_t first = submit(at, ADDED);
    const uint32_t second = submit(at, ADDED);
    assert_true(is_with(at, first, at->new));
    assert_int_equal(at->pool.records[second].state, DR_RECORD_WAITING);
    assert_int_equal(at->pool.queue.count, 0);
    assert_int_equal(at->pool.canary.queue.count, 1);
    assert_int_equal(unit_pool_start(&at->pool, at->new), first);
    finish(at, at->new, first, 0, 1);
    assert_true(is_with(at, second, at->new));
    assert_int_equal(at->pool.records[second].own_limit_ms, 700);
    const uint32_t third = submit(at, ADDED);
    assert_true(dr_dispatch_cancel(&at->pool, third));
    assert_int_equal(at->pool.canary.queue.count, 0);
}

static void a_new_time_limit_counts_there_alone(void **state)
{
    setting *at = *state;
    set_up(at, 50, 1);
    bool was_new = false;
    while (!was_new) {
        const uint32_t task = submit(at, LIMITED);
        was_new = is_with(at, task, at->new);
        const uint32_t slot = was_new ? at->new : at->old;
        assert_int_equal(at->pool.records[task].own_limit_ms, was_new ? 500 : 200);
        assert_int_equal(at->pool.region.tasks[task].api, was_new ? 0 : LIMITED);
        assert_int_equal(unit_pool_start(&at->pool, slot), task);
        finish(at, slot, task, 0, 1);
    }
}

/* hand_new submits until the new worker has a task of an api, which it has not begun. */
static uint32_t hand_new(setting *self, uint32_t api)
{
    uint32_t task = submit(self, api);
    while (!is_with(self, task, self->new)) {
        assert_int_equal(unit_pool_start(&self->pool, self->old), task);
        finish(self, self->old, task, 0, 1);
        task = submit(self, api);
    }
    return task;
}

static void what_a_dead_worker_had_not_begun_goes_back(void **state)
{
    setting *at = *state;
    set_up(at, 50, 1);
    const uint32_t task = hand_new(at, LIMITED);
    dr_dispatch_worker_died(&at->pool, at->new);
    assert_true(is_with(at, task, at->old));
    assert_int_equal(at->pool.records[task].own_limit_ms, 200);
    assert_int_equal(at->pool.region.tasks[task].api, LIMITED);
    dr_seen seen[DR_CANARY_SIDES];
    assert_true(dr_canary_look(&at->pool, seen));
    assert_int_equal(seen[DR_CANARY_NEW].deaths, 1);
    assert_int_equal(seen[DR_CANARY_NEW].calls, 0);
}

static void what_it_ran_when_it_died_is_an_error(void **state)
{
    setting *at = *state;
    set_up(at, 50, 1);
    (void)hand_new(at, BOTH);
    (void)unit_pool_start(&at->pool, at->new);
    dr_dispatch_worker_died(&at->pool, at->new);
    assert_int_equal(dr_dispatch_collect(&at->pool, 0, unit_count, &at->told), 1);
    assert_int_equal(at->told.last_code, DORA_CODE_WORKER_DIED);
    dr_seen seen[DR_CANARY_SIDES];
    assert_true(dr_canary_look(&at->pool, seen));
    assert_int_equal(seen[DR_CANARY_NEW].calls, 1);
    assert_int_equal(seen[DR_CANARY_NEW].errors, 1);
    assert_int_equal(seen[DR_CANARY_NEW].deaths, 1);
    assert_int_equal(at->pool.live_count, 1); /* the old one */
}

static void codes_count_as_what_they_say(void **state)
{
    setting *at = *state;
    uint32_t count = 0;
    set_up(at, 50, 1);
    while (count == 0) {
        count += run(at, BOTH, 42);
    }
    dr_seen before[DR_CANARY_SIDES];
    assert_true(dr_canary_look(&at->pool, before));
    assert_int_equal(before[DR_CANARY_NEW].errors, 1);
    for (int i = 0; i < 10; i++) {
        (void)run(at, BOTH, DORA_CODE_EXPIRED); /* nothing ran, and nobody is to blame */
    }
    dr_seen seen[DR_CANARY_SIDES];
    assert_true(dr_canary_look(&at->pool, seen));
    assert_memory_equal(seen, before, sizeof(seen));
    for (int i = 0; i < 10; i++) {
        (void)run(at, BOTH, DORA_CODE_WRONG_SHAPE);
    }
    assert_true(dr_canary_look(&at->pool, seen));
    assert_true(seen[DR_CANARY_NEW].errors > before[DR_CANARY_NEW].errors);
}

/* What its worker waits for its reader is no time of a stream. */
static void a_stream_is_timed_by_its_handler(void **state)
{
    setting *at = *state;
    dr_seen seen[DR_CANARY_SIDES];
    set_up(at, 50, 1);
    for (int i = 0; i < 10; i++) {
        const uint32_t task = submit_of(at, BOTH, DR_TYPE_ST_S);
        const uint32_t slot = at->pool.records[task].slot;
        assert_int_equal(unit_pool_start(&at->pool, slot), task);
        at->pool.region.tasks[task].waited_ns = UINT64_C(9000000000);
        finish(at, slot, task, 0, UINT64_C(9000000000) + (slot == at->new ? 4000000 : 1000000));
    }
    assert_true(dr_canary_look(&at->pool, seen));
    for (int side = 0; side < DR_CANARY_SIDES; side++) {
        assert_int_equal(seen[side].calls, 5);
        assert_int_equal(seen[side].timed, 4);
    }
    assert_true(dr_seen_us(&seen[DR_CANARY_OLD], 50) < 1250);
    assert_in_range(dr_seen_us(&seen[DR_CANARY_NEW], 50), 3500, 4500);
}

static void a_replacement_takes_part(void **state)
{
    setting *at = *state;
    set_up(at, 50, 1);
    dr_dispatch_worker_died(&at->pool, at->new);
    assert_int_equal(dr_dispatch_collect(&at->pool, 0, unit_count, &at->told), 0);
    at->new = add_worker(at, NEW);
    dr_dispatch_worker_ready(&at->pool, at->new);
    (void)hand_new(at, BOTH);
    assert_int_equal(at->pool.live_count, 1);
}

static void it_goes_back(void **state)
{
    setting *at = *state;
    set_up(at, 50, 1);
    const uint32_t running = hand_new(at, BOTH);
    assert_int_equal(unit_pool_start(&at->pool, at->new), running);
    const uint32_t waiting = submit(at, ADDED);
    assert_int_equal(at->pool.records[waiting].state, DR_RECORD_WAITING);
    dr_canary_end(&at->pool);
    dr_seen seen[DR_CANARY_SIDES];
    assert_false(dr_canary_look(&at->pool, seen));
    assert_true(is_with(at, waiting, at->old)); /* who says that there is no such api */
    assert_true(is_with(at, running, at->new)); /* and ends */
    assert_int_equal(atomic_load(&at->pool.region.workers[at->new].stop), 0);
    finish(at, at->new, running, 0, 1);
    assert_int_equal(atomic_load(&at->pool.region.workers[at->new].stop), 1);
    assert_int_equal(at->pool.live_count, 1);
    dr_canary_end(&at->pool); /* twice is once */
}

static void it_takes_over(void **state)
{
    static const dr_move moves[APIS] = {{3, 0}, {DR_NONE, 0}, {1, 700}, {0, 500}};
    setting *at = *state;
    set_up(at, 50, 1);
    const uint32_t running = hand_new(at, BOTH);
    assert_int_equal(unit_pool_start(&at->pool, at->new), running);
    const uint32_t waiting = submit(at, ADDED);
    dr_dispatch_switch(&at->pool, NEW, moves, APIS);
    assert_int_equal(at->pool.generation, 2);
    assert_int_equal(at->pool.live_count, 1);
    assert_int_equal(at->pool.queue.count, 1);
    finish(at, at->new, running, 0, 1);
    assert_true(is_with(at, waiting, at->new));
    assert_int_equal(at->pool.records[waiting].own_limit_ms, 700);
    assert_int_equal(atomic_load(&at->pool.region.workers[at->old].stop), 1);
    assert_false(at->pool.slots[at->new].is_canary);
}

/* What was taken from the canary's queue has cost its priority nothing in the other one. */
static void what_was_taken_there_is_not_given_back_here(void **state)
{
    static const dr_move moves[APIS] = {{3, 0}, {DR_NONE, 0}, {1, 700}, {0, 500}};
    setting *at = *state;
    set_up(at, 50, 1);
    const uint32_t first = submit(at, ADDED);
    const uint32_t second = submit(at, ADDED);
    assert_int_equal(unit_pool_start(&at->pool, at->new), first);
    finish(at, at->new, first, 0, 1);
    assert_true(is_with(at, second, at->new));
    dr_dispatch_switch(&at->pool, NEW, moves, APIS);
    dr_dispatch_worker_died(&at->pool, at->new);
    assert_int_equal(at->pool.records[second].state, DR_RECORD_WAITING);
    for (uint32_t i = 0; i < DR_PRIORITIES; i++) {
        assert_in_range(at->pool.queue.classes[i].had, 0, 1000);
    }
}

static void who_takes_over_is_healthy(void **state)
{
    static const dr_move moves[APIS] = {{3, 0}, {DR_NONE, 0}, {1, 700}, {0, 500}};
    setting *at = *state;
    set_up(at, 50, 1);
    dr_dispatch_worker_died(&at->pool, at->old);
    at->pool.unhealthy = true;
    dr_dispatch_switch(&at->pool, NEW, moves, APIS);
    assert_int_equal(at->pool.live_count, 1);
    assert_false(at->pool.unhealthy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(setting, its_part_is_exact),
        unit_in(setting, nothing_waits_for_it),
        unit_in(setting, an_event_loop_gets_several),
        unit_in(setting, apis_go_where_they_are),
        unit_in(setting, what_only_it_has_waits_for_it),
        unit_in(setting, a_new_time_limit_counts_there_alone),
        unit_in(setting, what_a_dead_worker_had_not_begun_goes_back),
        unit_in(setting, what_it_ran_when_it_died_is_an_error),
        unit_in(setting, codes_count_as_what_they_say),
        unit_in(setting, a_stream_is_timed_by_its_handler),
        unit_in(setting, a_replacement_takes_part),
        unit_in(setting, it_goes_back),
        unit_in(setting, it_takes_over),
        unit_in(setting, what_was_taken_there_is_not_given_back_here),
        unit_in(setting, who_takes_over_is_healthy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
