/* test_worse.c: a new generation is worse where chance and its bounds do not explain what was seen,
 * and not before. */
#include "task/worse.h"
#include "unit.h"

static const dr_bounds bounds = {1.5, 2};

/* side is what is seen of a generation, without run times. */
typedef struct side {
    uint64_t calls;
    uint64_t errors;
    uint64_t deaths;
} side;

typedef struct row {
    side old;
    side new;
    int early; /* of dr_worse */
    int last;
} row;

static dr_seen seen_of(const side *from)
{
    return (dr_seen){.calls = from->calls, .errors = from->errors, .deaths = from->deaths};
}

static void errors_and_deaths_are_compared_per_call(void **state)
{
    enum { FINE = DR_WORSE_IN_NOTHING, ERRORS = DR_WORSE_IN_ERRORS, DEATHS = DR_WORSE_IN_DEATHS };
    static const row rows[] = {
        {{0, 0, 0}, {0, 0, 0}, FINE, FINE},
        {{90, 0, 0}, {10, 0, 0}, FINE, FINE},
        {{90, 0, 0}, {10, 1, 0}, FINE, FINE}, /* one is an accident */
        {{9999, 0, 0}, {1, 1, 0}, FINE, FINE},
        {{90, 0, 0}, {10, 2, 0}, FINE, ERRORS}, /* 0.020 by chance */
        {{90, 0, 0}, {10, 3, 0}, FINE, ERRORS}, /* 0.0029 */
        {{90, 0, 0}, {10, 4, 0}, ERRORS, ERRORS},
        {{90, 45, 0}, {10, 5, 0}, FINE, FINE},    /* as bad as the old one */
        {{900, 90, 0}, {100, 15, 0}, FINE, FINE}, /* at the bound */
        {{900, 90, 0}, {100, 25, 0}, FINE, ERRORS},
        {{900, 90, 0}, {100, 40, 0}, ERRORS, ERRORS},
        {{900, 900, 0}, {100, 100, 0}, FINE, FINE},
        {{100, 0, 0}, {100, 5, 0}, FINE, FINE}, /* half of the calls: 0.6 for each */
        {{100, 0, 0}, {100, 6, 0}, FINE, ERRORS},
        {{100, 0, 0}, {100, 13, 0}, FINE, ERRORS},
        {{100, 0, 0}, {100, 14, 0}, ERRORS, ERRORS},
        {{0, 0, 0}, {10, 10, 10}, FINE, FINE}, /* nothing to compare with */
        {{90, 0, 0}, {10, 0, 1}, FINE, FINE},
        {{90, 0, 0}, {10, 0, 2}, FINE, DEATHS},
        {{90, 0, 0}, {10, 0, 4}, DEATHS, DEATHS},
        {{90, 0, 9}, {10, 0, 1}, FINE, FINE},
        {{90, 0, 0}, {10, 4, 4}, ERRORS, ERRORS},
        {{9000000, 900, 0}, {1000000, 100, 0}, FINE, FINE},
        {{9000000, 900, 0}, {1000000, 1000, 0}, ERRORS, ERRORS},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const dr_seen old = seen_of(&rows[i].old);
        const dr_seen new = seen_of(&rows[i].new);
        const int early = (int)dr_worse_of(&old, &new, &bounds, false);
        const int last = (int)dr_worse_of(&old, &new, &bounds, true);
        if (early != rows[i].early || last != rows[i].last) {
            fail_msg("row %zu: %d and %d, not %d and %d", i, early, last, rows[i].early,
                     rows[i].last);
        }
    }
}

static void a_wider_bound_allows_more(void **state)
{
    const dr_bounds wide = {20, 2};
    const dr_seen old = {.calls = 900, .errors = 9};
    const dr_seen new = {.calls = 100, .errors = 12};
    (void)state;
    assert_int_equal(dr_worse_of(&old, &new, &bounds, true), DR_WORSE_IN_ERRORS);
    assert_int_equal(dr_worse_of(&old, &new, &wide, true), DR_WORSE_IN_NOTHING);
}

static void add(dr_seen *seen, uint32_t count, uint64_t us)
{
    while (count-- > 0) {
        dr_seen_time(seen, us * 1000);
    }
}

static void a_median_is_compared_with_its_bound(void **state)
{
    dr_seen old = {0};
    dr_seen new = {0};
    (void)state;
    add(&old, 100, 10000);
    add(&new, 20, 19000);
    assert_int_equal(dr_worse_of(&old, &new, &bounds, true), DR_WORSE_IN_NOTHING);
    memset(&new, 0, sizeof(new));
    add(&new, 19, 30000); /* one fewer than is looked at */
    assert_int_equal(dr_worse_of(&old, &new, &bounds, true), DR_WORSE_IN_NOTHING);
    add(&new, 1, 30000);
    assert_int_equal(dr_worse_of(&old, &new, &bounds, false), DR_WORSE_IN_MEDIAN);
}

static void the_slow_tenth_is_compared_too(void **state)
{
    dr_seen old = {0};
    dr_seen new = {0};
    (void)state;
    add(&old, 900, 10000);
    add(&old, 100, 20000);
    add(&new, 80, 10000);
    assert_int_equal(dr_worse_of(&old, &new, &bounds, true), DR_WORSE_IN_NOTHING);
    add(&new, 20, 90000); /* a fifth, where a tenth may be: 0.002 by chance */
    assert_int_equal(dr_worse_of(&old, &new, &bounds, false), DR_WORSE_IN_NOTHING);
    assert_int_equal(dr_worse_of(&old, &new, &bounds, true), DR_WORSE_IN_P90);
    add(&new, 10, 90000);
    assert_int_equal(dr_worse_of(&old, &new, &bounds, false), DR_WORSE_IN_P90);
}

static void less_than_a_millisecond_is_no_matter(void **state)
{
    dr_seen old = {0};
    dr_seen new = {0};
    (void)state;
    add(&old, 100, 10);
    add(&new, 100, 900);
    assert_int_equal(dr_worse_of(&old, &new, &bounds, true), DR_WORSE_IN_NOTHING);
    add(&new, 200, 1200);
    assert_int_equal(dr_worse_of(&old, &new, &bounds, true), DR_WORSE_IN_MEDIAN);
}

static void times_are_known_to_an_eighth(void **state)
{
    (void)state;
    for (uint64_t us = 1; us < UINT64_C(1) << 40; us += us / 5 + 1) {
        dr_seen seen = {0};
        add(&seen, 1, us);
        const uint64_t told = dr_seen_us(&seen, 50);
        assert_true(told > us && told <= us + us / 8 + 1);
    }
    dr_seen seen = {0};
    assert_int_equal(dr_seen_us(&seen, 50), 0);
    dr_seen_time(&seen, UINT64_MAX);
    assert_true(dr_seen_us(&seen, 90) > UINT64_C(1) << 39);
}

static void quantiles_count_from_the_quickest(void **state)
{
    dr_seen seen = {0};
    (void)state;
    add(&seen, 9, 3);
    add(&seen, 1, 5);
    assert_int_equal(dr_seen_us(&seen, 50), 4);
    assert_int_equal(dr_seen_us(&seen, 90), 4);
    add(&seen, 1, 5);
    assert_int_equal(dr_seen_us(&seen, 90), 6);
}

static bool is_near(double value, double expected)
{
    return value > expected * 0.999999 && value < expected * 1.000001;
}

static void the_chance_is_that_of_the_binomial_distribution(void **state)
{
    (void)state;
    assert_true(is_near(dr_worse_chance(0, 10, 0.5), 1));
    assert_true(is_near(dr_worse_chance(10, 10, 0.5), 1.0 / 1024));
    assert_true(is_near(dr_worse_chance(1, 10, 0.5), 1023.0 / 1024));
    assert_true(is_near(dr_worse_chance(2, 3, 0.1), 0.028));
    assert_true(is_near(dr_worse_chance(3, 3, 0.9), 0.729));
    assert_true(dr_worse_chance(4, 3, 0.5) == 0);
    assert_true(dr_worse_chance(1, 3, 0) == 0);
    assert_true(dr_worse_chance(3, 3, 1) == 1);
    const double half = dr_worse_chance(5000000, 10000000, 0.5);
    assert_true(half > 0.5 && half < 0.501);
    assert_true(dr_worse_chance(5010000, 10000000, 0.5) < 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_and_deaths_are_compared_per_call),
        cmocka_unit_test(a_wider_bound_allows_more),
        cmocka_unit_test(a_median_is_compared_with_its_bound),
        cmocka_unit_test(the_slow_tenth_is_compared_too),
        cmocka_unit_test(less_than_a_millisecond_is_no_matter),
        cmocka_unit_test(times_are_known_to_an_eighth),
        cmocka_unit_test(quantiles_count_from_the_quickest),
        cmocka_unit_test(the_chance_is_that_of_the_binomial_distribution),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
