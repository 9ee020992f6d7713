/* test_wakes.c: when a sleeping worker is woken for what it was handed. */
#include "ipc/wake.h"
#include "unit_pool.h"

typedef struct setting {
    dr_pool pool;
    int event_fd;
    uint32_t slot;
} setting;

/* A pool of one worker that sleeps. */
static void set_up(setting *self)
{
    const dr_pool_limits limits = {.reactors = 1,
                                   .workers = 1,
                                   .queue_tasks_max = 1000,
                                   .slab_bytes = 1u << 20,
                                   .big_bytes = 64u << 10};
    unit_pool_begin(&self->pool, &self->event_fd, &limits);
    self->slot = unit_pool_worker(&self->pool);
    dr_wake_sleep_begin(&self->pool.region.workers[self->slot], DR_ASLEEP);
}

static void tear_down(setting *self)
{
    unit_pool_end(&self->pool, &self->event_fd);
}
UNIT_SCENE(setting, tear_down)

static bool is_asleep(setting *self)
{
    return atomic_load(&self->pool.region.workers[self->slot].asleep) != DR_AWAKE;
}

static void submit(setting *self)
{
    const dr_task_input input = {.name = {"/a", 2}, .param = {"N;", 2}, .guid = UNIT_GUID};
    (void)unit_pool_submit(&self->pool, &input);
}

static void an_unknown_cost_wakes_at_once(void **state)
{
    setting *at = *state;
    set_up(at);
    submit(at);
    assert_false(is_asleep(at));
}

static void cheap_tasks_wake_at_the_end_of_the_turn(void **state)
{
    setting *at = *state;
    set_up(at);
    at->pool.costs[0].run_ns = 1000;
    submit(at);
    submit(at);
    assert_true(is_asleep(at));
    assert_int_equal(dr_dispatch_collect(&at->pool, 0, unit_pool_drop, NULL), 0);
    assert_false(is_asleep(at));
}

static void enough_work_wakes_before(void **state)
{
    setting *at = *state;
    set_up(at);
    at->pool.costs[0].run_ns = DR_WAKE_PRICE_NS / 4;
    for (int i = 0; i < 3; i++) {
        submit(at);
        assert_true(is_asleep(at));
    }
    submit(at);
    assert_false(is_asleep(at));
}

static void so_do_enough_tasks(void **state)
{
    setting *at = *state;
    set_up(at);
    at->pool.costs[0].run_ns = 1;
    for (uint32_t i = 1; i < DR_OWED_TASKS_MAX; i++) {
        submit(at);
        assert_true(is_asleep(at));
    }
    submit(at);
    assert_false(is_asleep(at));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(setting, an_unknown_cost_wakes_at_once),
        unit_in(setting, cheap_tasks_wake_at_the_end_of_the_turn),
        unit_in(setting, enough_work_wakes_before),
        unit_in(setting, so_do_enough_tasks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
