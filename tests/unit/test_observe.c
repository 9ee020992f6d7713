/* test_observe.c: where a time falls, rows that outlive the routes, codes without bound, labels. */
#include "unit.h"

#include "base/histogram.h"
#include "server/call/observe.h"
#include "server/ops/metrics.h"

#define FIRST_NS (UINT64_C(1) << DR_HISTOGRAM_SHIFT)

static void a_time_falls_into_the_first_bucket_that_holds_it(void **state)
{
    (void)state;
    assert_int_equal(dr_histogram_bucket(0), 0);
    assert_int_equal(dr_histogram_bucket(1), 0);
    for (uint32_t i = 0; i + 1 < DR_HISTOGRAM_BUCKETS; i++) {
        const uint64_t end = dr_histogram_end(i);
        assert_int_equal(end, FIRST_NS << i);
        assert_int_equal(dr_histogram_bucket(end - 1), i);
        assert_int_equal(dr_histogram_bucket(end), i);
        assert_int_equal(dr_histogram_bucket(end + 1), i + 1);
    }
    assert_int_equal(dr_histogram_bucket(UINT64_MAX), DR_HISTOGRAM_BUCKETS - 1);
}

static void a_histogram_sums_up(void **state)
{
    (void)state;
    dr_histogram histogram = {0};
    dr_histogram_add(&histogram, 5);
    dr_histogram_add(&histogram, FIRST_NS + 1);
    dr_histogram_add(&histogram, FIRST_NS * 2);
    assert_int_equal(dr_count_get(&histogram.sum_ns), FIRST_NS * 3 + 6);
    assert_int_equal(dr_count_get(&histogram.buckets[0]), 1);
    assert_int_equal(dr_count_get(&histogram.buckets[1]), 2);
}

/* site is one pool's names, its rows, and the routes of the moment. */
typedef struct site {
    dr_config config;
    dr_pool_config pool;
    dr_rows rows;
    dr_routes *routes;
} site;

static void publish(site *self, const char *first, const char *second)
{
    char items[2][DR_API_NAME_MAX + 1];
    const dr_names names = {items, 2, true};
    dora_error error;
    (void)snprintf(items[0], sizeof(items[0]), "%s", first);
    (void)snprintf(items[1], sizeof(items[1]), "%s", second);
    dr_routes_free(self->routes);
    assert_int_equal(dr_routes_new(&self->routes, &self->config, &names, &error), DORA_OK);
    assert_int_equal(dr_rows_fill(&self->rows, self->routes, &error), DORA_OK);
}

static void set_up(site *self)
{
    memset(self, 0, sizeof(*self));
    self->pool.name = (char *)(uintptr_t) "shop";
    self->config.pools = &self->pool;
    self->config.pool_count = 1;
    assert_int_equal(dr_rows_init(&self->rows, 2), DORA_OK);
    publish(self, "/a", "/b");
}

static void tear_down(site *self)
{
    dr_routes_free(self->routes);
    dr_rows_fini(&self->rows);
}

static dr_row *row_of(const site *self, const char *name)
{
    dr_route route;
    assert_true(dr_routes_find(self->routes, text_slice(name), &route));
    return dr_routes_row(self->routes, &route);
}

static void rows_outlive_the_routes(void **state)
{
    (void)state;
    site at;
    set_up(&at);
    dr_row *a = row_of(&at, "/a");
    dr_row *b = row_of(&at, "/b");
    dr_row *fallback = row_of(&at, "/c");
    assert_string_equal(a->name, "/a");
    assert_string_equal(fallback->name, "");
    assert_ptr_equal(row_of(&at, "/else"), fallback);
    assert_ptr_not_equal(fallback, at.rows.nobody);
    publish(&at, "/c", "/a");
    assert_ptr_equal(row_of(&at, "/a"), a);
    assert_ptr_equal(row_of(&at, "/b"), fallback);
    assert_ptr_not_equal(row_of(&at, "/c"), fallback);
    publish(&at, "/b", "/a");
    assert_ptr_equal(row_of(&at, "/b"), b);
    tear_down(&at);
}

static uint64_t count_of(const dr_row *row, uint32_t lane, dr_call_type type, int64_t code)
{
    const dr_series *series = atomic_load(&row->lanes[lane].first);
    while (series != NULL && (series->type != type || series->code != code)) {
        series = atomic_load(&series->next);
    }
    return series != NULL ? dr_count_get(&series->count) : 0;
}

static void codes_are_counted_up_to_a_bound(void **state)
{
    (void)state;
    site at;
    set_up(&at);
    dr_row *row = row_of(&at, "/a");
    for (int turn = 0; turn < 2; turn++) {
        for (int64_t code = 0; code < DR_SERIES_MAX + 5; code++) {
            dr_row_end(row, 1, DR_TYPE_W_S, code);
        }
    }
    dr_row_end(row, 1, DR_TYPE_AN_M, 0);
    dr_row_end(row, 0, DR_TYPE_AN_M, INT64_MIN);
    dr_row_end(at.rows.nobody, 0, DR_TYPE_UNKNOWN, 100006);
    assert_int_equal(count_of(row, 1, DR_TYPE_W_S, 0), 2);
    assert_int_equal(count_of(row, 1, DR_TYPE_W_S, DR_SERIES_MAX - 1), 2);
    assert_int_equal(count_of(row, 1, DR_TYPE_W_S, DR_SERIES_MAX), 0);
    assert_int_equal(dr_count_get(&row->lanes[1].others[DR_TYPE_W_S]), 10);
    assert_int_equal(dr_count_get(&row->lanes[1].others[DR_TYPE_AN_M]), 1);
    assert_int_equal(count_of(row, 0, DR_TYPE_AN_M, INT64_MIN), 1);
    assert_int_equal(count_of(at.rows.nobody, 0, DR_TYPE_UNKNOWN, 100006), 1);
    tear_down(&at);
}

static void many_rows_are_told_apart(void **state)
{
    (void)state;
    site at;
    set_up(&at);
    dr_names names = {calloc(2000, sizeof(*names.items)), 2000, false};
    dora_error error;
    assert_non_null(names.items);
    for (uint32_t i = 0; i < names.count; i++) {
        (void)snprintf(names.items[i], sizeof(*names.items), "/api/%u", i);
    }
    dr_routes_free(at.routes);
    assert_int_equal(dr_routes_new(&at.routes, &at.config, &names, &error), DORA_OK);
    assert_int_equal(dr_rows_fill(&at.rows, at.routes, &error), DORA_OK);
    for (uint32_t i = 0; i < names.count; i++) {
        assert_string_equal(row_of(&at, names.items[i])->name, names.items[i]);
    }
    free(names.items);
    tear_down(&at);
}

static void expect_label(const char *value, const char *expected)
{
    dr_buf out = {0};
    assert_int_equal(dr_metrics_label(&out, value), DORA_OK);
    assert_slice(dr_buf_slice(&out), expected);
    dr_buf_fini(&out);
}

static void labels_are_escaped(void **state)
{
    (void)state;
    expect_label("/user/get", "/user/get");
    expect_label("", "");
    expect_label("a\"b\\c\nd", "a\\\"b\\\\c\\nd");
    expect_label("\xc3\xbc\t", "\xc3\xbc\t");
    expect_label("\xff\xc3\xbc", "\\\\xff\\\\xc3\\\\xbc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_falls_into_the_first_bucket_that_holds_it),
        cmocka_unit_test(a_histogram_sums_up),
        cmocka_unit_test(rows_outlive_the_routes),
        cmocka_unit_test(codes_are_counted_up_to_a_bound),
        cmocka_unit_test(many_rows_are_told_apart),
        cmocka_unit_test(labels_are_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
