/* test_recent.c: the numbers of the last minutes, by a clock that the test turns. */
#include "unit.h"

#include "server/ops/recent.h"

enum { START_MS = 1000 };

/* counted is a server of two lanes, its only row and the marks. */
typedef struct counted {
    dr_rows rows;
    dr_recent recent;
} counted;

static int set_up(void **state)
{
    counted *self = calloc(1, sizeof(*self));
    assert_non_null(self);
    assert_int_equal(dr_rows_init(&self->rows, 2), DORA_OK);
    dr_recent_init(&self->recent, &self->rows, START_MS);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    counted *self = *state;
    dr_recent_fini(&self->recent);
    dr_rows_fini(&self->rows);
    free(self);
    return 0;
}

static dr_recent_numbers numbers_of(const counted *self)
{
    dr_recent_numbers numbers;
    dr_recent_of(&self->recent, self->rows.nobody, &numbers);
    return numbers;
}

/* pass lets minutes go by, with looks as the supervisor has them. */
static void pass(counted *self, uint32_t from, uint32_t until)
{
    for (uint32_t minute = from; minute <= until; minute++) {
        dr_recent_look(&self->recent, START_MS + minute * UINT64_C(60000));
    }
}

static void at_first_all_that_was_counted_is_told(void **state)
{
    counted *self = *state;
    dr_row_end(self->rows.nobody, 0, DR_TYPE_W_S, 0);
    dr_row_end(self->rows.nobody, 1, DR_TYPE_W_S, DORA_CODE_HANDLER);
    dr_row_end(self->rows.nobody, 1, DR_TYPE_AN_S, DORA_CODE_ACCEPTED);
    const dr_recent_numbers numbers = numbers_of(self);
    assert_int_equal(numbers.calls, 3);
    assert_int_equal(numbers.errors, 1);
    assert_int_equal(numbers.mean_ns, 0);
    assert_int_equal(dr_recent_since(&self->recent), START_MS);
}

static void what_is_five_minutes_old_is_told_no_more(void **state)
{
    counted *self = *state;
    dr_row_end(self->rows.nobody, 0, DR_TYPE_W_S, 7);
    dr_row_times(self->rows.nobody, 0, 1, 5000);
    pass(self, 1, DR_RECENT_MARKS - 1);
    assert_int_equal(numbers_of(self).calls, 1);
    pass(self, DR_RECENT_MARKS, DR_RECENT_MARKS);
    const dr_recent_numbers none = numbers_of(self);
    assert_int_equal(none.calls, 0);
    assert_int_equal(none.errors, 0);
    assert_int_equal(none.p95_ns, 0);
    assert_int_equal(dr_recent_since(&self->recent), START_MS + 60000);
    dr_row_end(self->rows.nobody, 1, DR_TYPE_W_S, 0);
    assert_int_equal(numbers_of(self).calls, 1);
    pass(self, DR_RECENT_MARKS + 1, 2 * DR_RECENT_MARKS);
    assert_int_equal(numbers_of(self).calls, 0);
}

static void marks_are_a_minute_apart(void **state)
{
    counted *self = *state;
    for (uint32_t second = 1; second < 60; second++) {
        dr_recent_look(&self->recent, START_MS + second * UINT64_C(1000));
    }
    assert_int_equal(self->recent.written, 0);
    dr_recent_look(&self->recent, START_MS + 60000);
    dr_recent_look(&self->recent, START_MS + 61000);
    assert_int_equal(self->recent.written, 1);
}

static void times_are_those_of_most_calls(void **state)
{
    counted *self = *state;
    for (uint32_t i = 0; i < 95; i++) {
        dr_row_times(self->rows.nobody, i % 2, 1, 1000);
    }
    for (uint32_t i = 0; i < 5; i++) {
        dr_row_times(self->rows.nobody, 0, 1, 1000000000);
    }
    const dr_recent_numbers numbers = numbers_of(self);
    assert_int_equal(numbers.p95_ns, 8192);
    assert_int_equal(numbers.mean_ns, (95 * 1000 + 5 * UINT64_C(1000000000)) / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(at_first_all_that_was_counted_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_five_minutes_old_is_told_no_more, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(marks_are_a_minute_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(times_are_those_of_most_calls, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
