/* test_top_page.c: what `dora top` shows of two looks at a server, in how many rows and columns. */
#include "unit.h"

#include "cli/top_page.h"

static json_t *data_of(const char *pools, int requests, int start)
{
    char text[4096];
    json_error_t error;
    (void)snprintf(text, sizeof(text),
                   "{\"server\": {\"start_time\": %d, \"pid\": 7, \"request_count\": %d,"
                   " \"version\": \"1.2.3\", \"uptime_s\": 3725, \"connection_num\": 4,"
                   " \"bytes_in\": %d, \"draining\": false, \"pools\": {%s}}}",
                   start, requests, requests * 1000, pools);
    json_t *json = json_loads(text, 0, &error);
    assert_non_null(json);
    return json;
}

#define POOL(handled, more)                                                                        \
    "\"users\": {\"generation\": 2, \"workers\": 4, \"busy\": 2, \"healthy\": true,"               \
    " \"handled\": " handled more "}"

static const char PROCESSES[] =
    ", \"processes\": ["
    "{\"pid\": 11, \"number\": 0, \"state\": \"busy\", \"handled\": 30,"
    " \"memory_kb\": 2000},"
    "{\"pid\": 12, \"number\": 1, \"state\": \"idle\", \"handled\": 9}]";

static void page_of(dr_buf *out, json_t *now, json_t *before, size_t rows, size_t columns)
{
    const dr_top_look looks[] = {{now, 12000}, {before, 10000}};
    dr_buf_init(out);
    dr_top_page(out, "host:1", &looks[0], &looks[1], rows, columns);
    assert_int_equal(dr_buf_append(out, "", 1), DORA_OK);
    json_decref(now);
    json_decref(before);
}

static void expect_line(const dr_buf *page, const char *line)
{
    if (strstr(page->data, line) == NULL) {
        fail_msg("no \"%s\" in\n%s", line, page->data);
    }
}

static void rates_need_two_looks(void **state)
{
    (void)state;
    dr_buf page;
    page_of(&page, data_of(POOL("150", ""), 600, 1), NULL, 50, 200);
    expect_line(&page, "host:1  dora 1.2.3  process 7  up 1 h 2 min  serving\n");
    expect_line(&page, "requests/s -  tasks 0  in/s -  out/s -\n");
    expect_line(&page, "users               2         -");
    expect_line(&page, "[##########..........]  2/4\n");
    dr_buf_fini(&page);
    page_of(&page, data_of(POOL("150", ""), 600, 1), data_of(POOL("50", ""), 100, 1), 50, 200);
    expect_line(&page, "requests/s 250.0  tasks 0  in/s 250.0 kB  out/s 0 B\n");
    expect_line(&page, "users               2      50.0");
    dr_buf_fini(&page);
    /* Another server in its place: nothing can be compared. */
    page_of(&page, data_of(POOL("150", ""), 600, 2), data_of(POOL("50", ""), 100, 1), 50, 200);
    expect_line(&page, "requests/s -  tasks 0");
    dr_buf_fini(&page);
}

static void workers_and_their_rates(void **state)
{
    (void)state;
    char now[1024];
    dr_buf page;
    (void)snprintf(now, sizeof(now), POOL("39", "%s"), PROCESSES);
    page_of(&page, data_of(now, 1, 1),
            data_of(POOL("9", ", \"processes\": [{\"pid\": 11, \"handled\": 10}]"), 1, 1), 50, 200);
    expect_line(&page,
                "users                 0       11  busy         2.0 MB         30      10.0\n");
    expect_line(&page,
                "users                 1       12  idle              -          9         -\n");
    dr_buf_fini(&page);
}

static void the_slowest_tasks_of_all_pools(void **state)
{
    (void)state;
    dr_buf page;
    page_of(&page,
            data_of("\"a\": {\"running_tasks\": ["
                    " {\"api\": \"/slow\", \"number\": 3, \"pid\": 9, \"ms\": 61000},"
                    " {\"api\": \"/e\\u001b[2J\\u00fc\", \"number\": 1, \"pid\": 8, \"ms\": 20}]},"
                    "\"b\": {\"running_tasks\": ["
                    " {\"api\": \"/m1\", \"ms\": 2500}, {\"api\": \"/m2\", \"ms\": 400},"
                    " {\"api\": \"/m3\", \"ms\": 300}, {\"api\": \"/m4\", \"ms\": 10}]}",
                    1, 1),
            NULL, 50, 200);
    expect_line(&page, "a                     3        9    1 min 1 s  /slow\nb ");
    expect_line(&page, "2.5 s  /m1\n");
    expect_line(&page, "20 ms  /e\\x1b[2J\xc3\xbc\n"); /* it cannot steer the terminal */
    assert_null(strstr(page.data, "/m4"));
    dr_buf_fini(&page);
}

static void it_keeps_to_the_window(void **state)
{
    (void)state;
    char pools[1024];
    (void)snprintf(pools, sizeof(pools), POOL("39", "%s"), PROCESSES);
    for (size_t rows = 0; rows < 14; rows++) {
        for (size_t columns = 1; columns < 100; columns += 7) {
            dr_buf page;
            size_t seen = 0;
            page_of(&page, data_of(pools, 1, 1), NULL, rows, columns);
            for (const char *at = page.data; *at != '\0'; seen++) {
                const size_t len = strcspn(at, "\n");
                assert_true(len <= columns);
                at += len + 1;
            }
            assert_int_equal(seen, rows < 11 ? rows : 11);
            dr_buf_fini(&page);
        }
    }
}

static void a_reply_without_the_keys_does_no_harm(void **state)
{
    (void)state;
    const char *const odd[] = {"{}", "[]", "{\"server\": []}", "{\"server\": {\"pools\": [1, 2]}}",
                               "{\"server\": {\"pools\": {\"a\": 1, \"b\": {\"processes\": 1}}}}"};
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        json_error_t error;
        dr_buf page;
        page_of(&page, json_loads(odd[i], 0, &error), json_loads(odd[i], 0, &error), 50, 80);
        expect_line(&page, "host:1  dora");
        dr_buf_fini(&page);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_need_two_looks),
        cmocka_unit_test(workers_and_their_rates),
        cmocka_unit_test(the_slowest_tasks_of_all_pools),
        cmocka_unit_test(it_keeps_to_the_window),
        cmocka_unit_test(a_reply_without_the_keys_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
