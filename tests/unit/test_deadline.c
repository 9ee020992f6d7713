/* test_deadline.c: what one thread sets, no other thread sees. */
#include "unit_threads.h"

#include "base/deadline.h"

static void *other(void *argument)
{
    uint64_t *seen = argument;
    *seen = dr_deadline_get();
    dr_deadline_set(5);
    return NULL;
}

static void join(unit_threads *threads)
{
    (void)unit_threads_join(threads);
    dr_deadline_set(0);
}
UNIT_SCENE(unit_threads, join)

static void each_thread_has_its_own(void **state)
{
    unit_threads *thread = *state;
    static uint64_t seen = 1;
    assert_int_equal(dr_deadline_get(), 0);
    dr_deadline_set(42);
    unit_threads_start(thread, 1, other, &seen);
    assert_int_equal(unit_threads_join(thread), 0);
    assert_int_equal(seen, 0);
    assert_int_equal(dr_deadline_get(), 42);
    dr_deadline_set(0);
    assert_int_equal(dr_deadline_get(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(unit_threads, each_thread_has_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
