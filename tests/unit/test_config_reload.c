/* test_config_reload.c: how new generations are watched, as dora.json says it, and what is said of
 * mistakes. */
#include "unit.h"

#include "server/config/config.h"
#include "server/config/config_read.h"

static dora_err parse(dr_config *config, const char *key, const char *value, dora_error *error)
{
    char text[128];
    (void)snprintf(text, sizeof(text), "{\"reload\": {\"%s\": %s}}", key, value);
    assert_int_equal(dr_config_init(config), DORA_OK);
    return dr_config_parse(config, (dora_slice){text, strlen(text)}, "conf/dora.json", error);
}

static void expect_problem(const char *key, const char *value, const char *what)
{
    char wanted[512];
    dr_config config;
    dora_error error;
    assert_int_equal(parse(&config, key, value, &error), DORA_ECONFIG);
    (void)snprintf(wanted, sizeof(wanted), "conf/dora.json:1:13: reload.%s: %s", key, what);
    assert_string_equal(error.msg, wanted);
    dr_config_fini(&config);
}

static void none_is_watched_unless_it_is_said(void **state)
{
    (void)state;
    dr_config config;
    assert_int_equal(dr_config_init(&config), DORA_OK);
    assert_int_equal(config.reload.canary_percent, 0);
    assert_int_equal(config.reload.watch_s, 30);
    assert_int_equal(config.reload.enough_calls, 0);
    assert_true(config.reload.max_error_ratio == 1.5);
    assert_true(config.reload.max_time_ratio == 2);
    dr_config_fini(&config);
}

static void the_bounds_themselves_are_taken(void **state)
{
    (void)state;
    static const char *const good[][2] = {
        {"canary_percent", "0"}, {"canary_percent", "50"},       {"watch_s", "1"},
        {"watch_s", "86400"},    {"max_error_ratio", "1"},       {"max_error_ratio", "1000"},
        {"max_time_ratio", "1"}, {"max_time_ratio", "1000.0"},   {"max_time_ratio", "1.25"},
        {"enough_calls", "0"},   {"enough_calls", "1000000000"},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        dr_config config;
        dora_error error;
        assert_int_equal(parse(&config, good[i][0], good[i][1], &error), DORA_OK);
        dr_config_fini(&config);
    }
}

static void what_is_out_of_bounds_is_said(void **state)
{
    (void)state;
    static const char *const whole[][3] = {
        {"canary_percent", "0 to 50", "51"},
        {"watch_s", "1 to 86400", "86401"},
        {"enough_calls", "0 to 1000000000", "1000000001"},
    };
    static const char *const ratios[] = {"max_error_ratio", "max_time_ratio"};
    static const char *const never[] = {"-1", "\"2\"", "null", "true"};
    char what[128];
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        (void)snprintf(what, sizeof(what), "must be a whole number from %s", whole[i][1]);
        expect_problem(whole[i][0], whole[i][2], what);
        expect_problem(whole[i][0], "2.5", what);
        for (size_t n = 0; n < sizeof(never) / sizeof(never[0]); n++) {
            expect_problem(whole[i][0], never[n], what);
        }
    }
    expect_problem("watch_s", "0", "must be a whole number from 1 to 86400");
    (void)snprintf(what, sizeof(what),
                   "must be a number from 1 to 1000: more than so many times the old "
                   "generation's is worse");
    for (size_t i = 0; i < sizeof(ratios) / sizeof(ratios[0]); i++) {
        expect_problem(ratios[i], "0.99", what);
        expect_problem(ratios[i], "1000.5", what);
        for (size_t n = 0; n < sizeof(never) / sizeof(never[0]); n++) {
            expect_problem(ratios[i], never[n], what);
        }
    }
    expect_problem("canary", "10",
                   "unknown key; allowed: canary_percent, watch_s, max_error_ratio, "
                   "max_time_ratio, enough_calls");
}

static void a_key_that_belongs_elsewhere_is_told_its_place(void **state)
{
    (void)state;
    static const char *const places[][2] = {{"backlog", "backlog"},
                                            {"cancel", "pools.NAME.cancel"},
                                            {"rate_per_address", "http.rate_per_address"}};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        char what[256];
        (void)snprintf(what, sizeof(what),
                       "unknown key; did you mean \"%s\"? allowed: canary_percent, watch_s, "
                       "max_error_ratio, max_time_ratio, enough_calls",
                       places[i][1]);
        expect_problem(places[i][0], "10", what);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_is_watched_unless_it_is_said),
        cmocka_unit_test(the_bounds_themselves_are_taken),
        cmocka_unit_test(what_is_out_of_bounds_is_said),
        cmocka_unit_test(a_key_that_belongs_elsewhere_is_told_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
