/* test_wakes.c: when a sleeping worker is woken for what it was handed. */
#include "unit.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "ipc/wake.h"
#include "submit.h"
#include "task/collect.h"
#include "task/watch.h"

typedef struct setting {
    dr_pool pool;
    int event_fd;
    uint32_t slot;
} setting;

/* A pool of one worker that sleeps. */
static void set_up(setting *self)
{
    dora_error error = {0};
    const dr_pool_limits limits = {.reactors = 1,
                                   .workers = 1,
                                   .queue_tasks_max = 1000,
                                   .slab_bytes = 1u << 20,
                                   .big_bytes = 64u << 10};
    memset(self, 0, sizeof(*self));
    self->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    assert_int_equal(dr_pool_init(&self->pool, &limits, &self->event_fd, &error), DORA_OK);
    assert_int_equal(dr_pool_set_apis(&self->pool, 1), DORA_OK);
    pthread_mutex_lock(&self->pool.lock);
    self->slot = dr_slot_reserve(&self->pool);
    pthread_mutex_unlock(&self->pool.lock);
    dr_dispatch_worker_ready(&self->pool, self->slot);
    dr_wake_sleep_begin(&self->pool.region.workers[self->slot], DR_ASLEEP);
}

static void tear_down(setting *self)
{
    dr_pool_fini(&self->pool);
    close(self->event_fd);
}

static bool is_asleep(setting *self)
{
    return atomic_load(&self->pool.region.workers[self->slot].asleep) != DR_AWAKE;
}

static void submit(setting *self)
{
    uint32_t task;
    const dr_task_input input = {
        .name = {"/a", 2}, .param = {"N;", 2}, .guid = "0123456789abcdef0123456789abcdef"};
    assert_int_equal(submit_task(&self->pool, &input, &task), 0);
}

static bool drop(const dr_outcome *outcome, void *user)
{
    (void)outcome;
    (void)user;
    return false;
}

static void an_unknown_cost_wakes_at_once(void **state)
{
    (void)state;
    setting at;
    set_up(&at);
    submit(&at);
    assert_false(is_asleep(&at));
    tear_down(&at);
}

static void cheap_tasks_wake_at_the_end_of_the_turn(void **state)
{
    (void)state;
    setting at;
    set_up(&at);
    at.pool.costs[0].run_ns = 1000;
    submit(&at);
    submit(&at);
    assert_true(is_asleep(&at));
    assert_int_equal(dr_dispatch_collect(&at.pool, 0, drop, NULL), 0);
    assert_false(is_asleep(&at));
    tear_down(&at);
}

static void enough_work_wakes_before(void **state)
{
    (void)state;
    setting at;
    set_up(&at);
    at.pool.costs[0].run_ns = DR_WAKE_PRICE_NS / 4;
    for (int i = 0; i < 3; i++) {
        submit(&at);
        assert_true(is_asleep(&at));
    }
    submit(&at);
    assert_false(is_asleep(&at));
    tear_down(&at);
}

static void so_do_enough_tasks(void **state)
{
    (void)state;
    setting at;
    set_up(&at);
    at.pool.costs[0].run_ns = 1;
    for (uint32_t i = 1; i < DR_OWED_TASKS_MAX; i++) {
        submit(&at);
        assert_true(is_asleep(&at));
    }
    submit(&at);
    assert_false(is_asleep(&at));
    tear_down(&at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_cost_wakes_at_once),
        cmocka_unit_test(cheap_tasks_wake_at_the_end_of_the_turn),
        cmocka_unit_test(enough_work_wakes_before),
        cmocka_unit_test(so_do_enough_tasks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
