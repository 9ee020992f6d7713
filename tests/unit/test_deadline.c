/* test_deadline.c: what one thread sets, no other thread sees. */
#include "unit.h"

#include <pthread.h>

#include "base/deadline.h"

static void *other(void *argument)
{
    uint64_t *seen = argument;
    *seen = dr_deadline_get();
    dr_deadline_set(5);
    return NULL;
}

static void each_thread_has_its_own(void **state)
{
    (void)state;
    uint64_t seen = 1;
    pthread_t thread;
    assert_int_equal(dr_deadline_get(), 0);
    dr_deadline_set(42);
    assert_int_equal(pthread_create(&thread, NULL, other, &seen), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(seen, 0);
    assert_int_equal(dr_deadline_get(), 42);
    dr_deadline_set(0);
    assert_int_equal(dr_deadline_get(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_thread_has_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
