/* test_config_trace.c: where spans go, as dora.json says it, and what is said of mistakes. */
#include "unit.h"

#include "server/config/config.h"
#include "server/config/config_read.h"

static void expect_problem(const char *text, const char *message)
{
    dr_config config;
    dora_error error;
    assert_int_equal(dr_config_init(&config), DORA_OK);
    assert_int_equal(
        dr_config_parse(&config, (dora_slice){text, strlen(text)}, "conf/dora.json", &error),
        DORA_ECONFIG);
    assert_string_equal(error.msg, message);
    dr_config_fini(&config);
}

static void where_spans_go_is_read(void **state)
{
    (void)state;
    static const char *const urls[][2] = {
        {"http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"},
        {"http://127.0.0.1:4318/", "http://127.0.0.1:4318/v1/traces"},
        {"https://otel.example/otlp/v1/traces?a=b", "https://otel.example/otlp/v1/traces?a=b"},
        {"http://[::1]:4318", "http://[::1]:4318/v1/traces"},
        {"http://[::1]/x", "http://[::1]/x"},
    };
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        char text[256];
        dr_config config;
        dora_error error;
        assert_int_equal(dr_config_init(&config), DORA_OK);
        (void)snprintf(text, sizeof(text), "{\"trace\": {\"endpoint\": \"%s\"}}", urls[i][0]);
        assert_int_equal(
            dr_config_parse(&config, (dora_slice){text, strlen(text)}, "dora.json", &error),
            DORA_OK);
        assert_string_equal(config.trace.endpoint, urls[i][1]);
        assert_string_equal(config.trace.service, "dora");
        assert_true(config.trace.sample == 0);
        dr_config_fini(&config);
    }
}

static void where_no_spans_can_go_is_said(void **state)
{
    (void)state;
    static const char *const faults[][2] = {
        {"127.0.0.1:4318", "must begin with http:// or https://"},
        {"ftp://a/b", "must begin with http:// or https://"},
        {"http://", "has no host"},
        {"http://:4318/", "has no host"},
        {"http://[::1/", "has no host"},
        {"http://a:0/", "must have a port from 1 to 65535"},
        {"http://a:65536/", "must have a port from 1 to 65535"},
        {"http://a:b/", "must have a port from 1 to 65535"},
        {"http://[::1]4318/", "must have a port from 1 to 65535"},
        {"http://me:secret@a/", "has a name or password in it; put them into trace.headers"},
        {"http://a/b c", "has a character that no URL has"},
    };
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        char text[128];
        char wanted[512];
        (void)snprintf(text, sizeof(text), "{\"trace\": {\"endpoint\": \"%s\"}}", faults[i][0]);
        (void)snprintf(wanted, sizeof(wanted),
                       "conf/dora.json:1:12: trace.endpoint: \"%s\" %s; it is the URL of a "
                       "collector, such as \"http://127.0.0.1:4318/v1/traces\"",
                       faults[i][0], faults[i][1]);
        expect_problem(text, wanted);
    }
    expect_problem("{\"trace\": {\"endpoint\": 4318}}",
                   "conf/dora.json:1:12: trace.endpoint: must be a text, the URL of a collector, "
                   "or null");
    expect_problem("{\"trace\": {\"service\": \"\"}}",
                   "conf/dora.json:1:12: trace.service: must be a text, the name under which spans "
                   "are shown");
    expect_problem("{\"trace\": {\"sample\": 1.5}}",
                   "conf/dora.json:1:12: trace.sample: must be a number from 0 to 1: of the calls "
                   "that come without a trace so many begin one");
    expect_problem("{\"trace\": {\"headers\": {\"a b\": \"c\"}}}",
                   "conf/dora.json:1:12: trace.headers: \"a b\" is no name of a header");
    expect_problem("{\"trace\": {\"headers\": {\"a\": \"b\\r\\nc: d\"}}}",
                   "conf/dora.json:1:12: trace.headers: \"a\" must be a text of one line, such as "
                   "\"Bearer ...\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(where_spans_go_is_read),
        cmocka_unit_test(where_no_spans_can_go_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
