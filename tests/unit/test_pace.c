/* test_pace.c: when processes that have ended by themselves may be started again. */
#include "base/limits.h"
#include "task/pace.h"
#include "unit.h"

#define NOW UINT64_C(1000000)

/* crash_times has an end whenever the next start may be. Returns: the pause behind the last. */
static uint64_t crash_times(dr_pace *pace, uint64_t *now_ms, uint32_t times)
{
    for (uint32_t i = 0; i < times; i++) {
        *now_ms += dr_pace_left_ms(pace, *now_ms);
        dr_pace_crashed(pace, *now_ms, *now_ms, 0);
    }
    return dr_pace_left_ms(pace, *now_ms);
}

static void the_first_ends_cost_no_pause(void **state)
{
    (void)state;
    dr_pace pace = {0};
    uint64_t now_ms = NOW;
    assert_int_equal(crash_times(&pace, &now_ms, DR_CRASHES_FREE), 0);
    assert_false(dr_pace_is_loop(&pace));
    assert_int_equal(crash_times(&pace, &now_ms, 1), DR_CRASH_PAUSE_MS);
    assert_true(dr_pace_is_loop(&pace));
}

static void pauses_double_up_to_the_longest(void **state)
{
    (void)state;
    dr_pace pace = {0};
    uint64_t now_ms = NOW;
    uint64_t pause_ms = crash_times(&pace, &now_ms, DR_CRASHES_FREE + 1);
    while (pause_ms * 2 <= DR_CRASH_PAUSE_MS_MAX) {
        pause_ms *= 2;
        assert_int_equal(crash_times(&pace, &now_ms, 1), pause_ms);
    }
    assert_int_equal(crash_times(&pace, &now_ms, 1), DR_CRASH_PAUSE_MS_MAX);
    assert_int_equal(crash_times(&pace, &now_ms, 100), DR_CRASH_PAUSE_MS_MAX);
}

/* All workers of a pool may end at once: that is one end of the loop. */
static void ends_at_the_same_time_count_once(void **state)
{
    (void)state;
    dr_pace pace = {0};
    uint64_t now_ms = NOW;
    (void)crash_times(&pace, &now_ms, DR_CRASHES_FREE + 1);
    for (int i = 0; i < 50; i++) {
        dr_pace_crashed(&pace, now_ms, now_ms + 1, 0);
    }
    assert_int_equal(dr_pace_left_ms(&pace, now_ms), DR_CRASH_PAUSE_MS);
    assert_int_equal(crash_times(&pace, &now_ms, 1), DR_CRASH_PAUSE_MS * 2);
}

/* However many workers a pool has: those that were there before the last end say nothing new. */
static void those_that_ran_side_by_side_count_once(void **state)
{
    (void)state;
    dr_pace pace = {0};
    for (uint64_t i = 0; i < 50; i++) {
        dr_pace_crashed(&pace, NOW, NOW + 1 + i, 0);
    }
    assert_int_equal(pace.crashes, 1);
    assert_int_equal(dr_pace_left_ms(&pace, NOW + 50), 0);
    dr_pace_crashed(&pace, NOW + 1, NOW + 51, 0); /* the first one's replacement */
    assert_int_equal(pace.crashes, 2);
}

static void a_task_that_is_done_ends_the_loop(void **state)
{
    (void)state;
    dr_pace pace = {0};
    uint64_t now_ms = NOW;
    (void)crash_times(&pace, &now_ms, DR_CRASHES_FREE + 3);
    dr_pace_rest(&pace, now_ms, 0);
    assert_true(dr_pace_is_loop(&pace));
    dr_pace_rest(&pace, now_ms, 1);
    assert_false(dr_pace_is_loop(&pace));
    assert_int_equal(dr_pace_left_ms(&pace, now_ms), 0);
    /* With a task between, no number of ends makes one. */
    for (uint64_t done = 2; done < 100; done++) {
        dr_pace_crashed(&pace, now_ms, now_ms, done);
        assert_int_equal(dr_pace_left_ms(&pace, now_ms), 0);
    }
}

/* Quiet is the time after the pause: during it nothing can end. */
static void a_quiet_time_ends_the_loop(void **state)
{
    (void)state;
    dr_pace pace = {0};
    uint64_t now_ms = NOW;
    const uint64_t pause_ms = crash_times(&pace, &now_ms, DR_CRASHES_FREE + 9);
    dr_pace_rest(&pace, now_ms + pause_ms + DR_CRASH_QUIET_MS - 1, 0);
    assert_true(dr_pace_is_loop(&pace));
    dr_pace_rest(&pace, now_ms + pause_ms + DR_CRASH_QUIET_MS, 0);
    assert_false(dr_pace_is_loop(&pace));
    now_ms += pause_ms + DR_CRASH_QUIET_MS;
    assert_int_equal(crash_times(&pace, &now_ms, 1), 0);
}

/* ends has workers end, each of which has done something before. */
static void ends(dr_pace *pace, uint64_t now_ms, uint32_t times)
{
    for (uint32_t i = 0; i < times; i++) {
        dr_pace_owe(pace);
        dr_pace_crashed(pace, now_ms, now_ms, pace->done + 1);
    }
}

/* starts starts workers until one would have to wait. Returns: how many. */
static uint32_t starts(dr_pace *pace, uint64_t now_ms)
{
    uint32_t count = 0;
    while (pace->owed > 0 && dr_pace_left_ms(pace, now_ms) == 0) {
        dr_pace_started(pace, now_ms);
        count++;
    }
    return count;
}

static void a_minute_has_so_many_starts(void **state)
{
    (void)state;
    dr_pace pace = {.minute_max = 60};
    for (int i = 0; i < 60; i++) {
        ends(&pace, NOW, 1);
        assert_int_equal(starts(&pace, NOW), 1);
    }
    ends(&pace, NOW, 1);
    assert_int_equal(dr_pace_left_ms(&pace, NOW), 1000);
    assert_int_equal(dr_pace_left_ms(&pace, NOW + 999), 1);
    assert_int_equal(starts(&pace, NOW + 1000), 1);
    assert_int_equal(dr_pace_left_ms(&pace, NOW + 1000), 0);
    assert_false(dr_pace_is_loop(&pace));
    /* A minute later all of them are there again. */
    ends(&pace, NOW + 61000, 61);
    assert_int_equal(starts(&pace, NOW + 61000), 60);
}

/* Of many that end at once some come back at once, the others one by one. */
static void those_that_end_at_once_come_back_one_by_one(void **state)
{
    (void)state;
    dr_pace pace = {.minute_max = 10};
    ends(&pace, NOW, 32);
    assert_int_equal(starts(&pace, NOW), 10);
    for (uint64_t i = 1; i <= 22; i++) {
        assert_int_equal(dr_pace_left_ms(&pace, NOW + i * 6000 - 1), 1);
        assert_int_equal(starts(&pace, NOW + i * 6000), 1);
    }
    assert_int_equal(dr_pace_left_ms(&pace, NOW + 22 * 6000), 0);
}

/* Starts that make good no end, of those that are recycled or wanted, wait for none. */
static void other_starts_cost_nothing(void **state)
{
    (void)state;
    dr_pace pace = {.minute_max = 1};
    for (int i = 0; i < 100; i++) {
        assert_int_equal(dr_pace_left_ms(&pace, NOW), 0);
        dr_pace_started(&pace, NOW);
    }
}

static void without_a_bound_every_start_is_at_once(void **state)
{
    (void)state;
    dr_pace pace = {0};
    ends(&pace, NOW, 100000);
    assert_int_equal(dr_pace_left_ms(&pace, NOW), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_ends_cost_no_pause),
        cmocka_unit_test(pauses_double_up_to_the_longest),
        cmocka_unit_test(ends_at_the_same_time_count_once),
        cmocka_unit_test(those_that_ran_side_by_side_count_once),
        cmocka_unit_test(a_task_that_is_done_ends_the_loop),
        cmocka_unit_test(a_quiet_time_ends_the_loop),
        cmocka_unit_test(a_minute_has_so_many_starts),
        cmocka_unit_test(those_that_end_at_once_come_back_one_by_one),
        cmocka_unit_test(other_starts_cost_nothing),
        cmocka_unit_test(without_a_bound_every_start_is_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
