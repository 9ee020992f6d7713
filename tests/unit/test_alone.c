/* test_alone.c: a call without a server, from what was asked to what its caller is told; the faults
 * of a parameter as JSON. */
#include "unit.h"

#include "base/clock.h"
#include "base/deadline.h"
#include "base/priority.h"
#include "base/trace.h"
#include "task/app.h"
#include "wire/json_write.h"

#define GUID "0123456789abcdef0123456789abcdef"

/* scene is one call; what a test leaves is freed. */
typedef struct scene {
    dora_alone *call;
    dr_buf text;
} scene;

static int set_up(void **state)
{
    *state = calloc(1, sizeof(scene));
    return *state != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    scene *s = *state;
    dora_alone_free(s->call);
    dr_buf_fini(&s->text);
    free(s);
    return 0;
}

static dora_alone_call plain(void)
{
    return (dora_alone_call){.size = sizeof(dora_alone_call),
                             .name = text_slice("/a"),
                             .param = text_slice("i:7;"),
                             .remaining_ms = -1};
}

static bool is_text(dora_slice slice, const char *text)
{
    return slice.len == strlen(text) && memcmp(slice.data, text, slice.len) == 0;
}

static void request_is_as_it_was_asked(void **state)
{
    scene *s = *state;
    const dora_alone_call asked = {.size = sizeof asked,
                                   .name = text_slice("/user/get"),
                                   .param = text_slice("i:7;"),
                                   .guid = text_slice(GUID),
                                   .trace = text_slice("00-t"),
                                   .type = "AM_M",
                                   .protocol = "http",
                                   .connection = 9,
                                   .remaining_ms = 60000,
                                   .caller = text_slice("shop"),
                                   .priority = DORA_PRIORITY_LOW};
    assert_int_equal(dora_alone_new(&asked, &s->call, NULL), DORA_OK);
    const dora_request *request = dora_alone_request(s->call);
    assert_true(is_text(dora_request_name(request), "/user/get"));
    assert_true(is_text(dora_request_param(request), "i:7;"));
    assert_true(is_text(dora_request_guid(request), GUID));
    assert_true(is_text(dora_request_trace(request), "00-t"));
    assert_true(is_text(dora_request_caller(request), "shop"));
    assert_string_equal(dora_request_type(request), "AM_M");
    assert_string_equal(dora_request_protocol(request), "http");
    assert_int_equal(dora_request_connection(request), 9);
    assert_int_equal(dora_request_priority(request), DORA_PRIORITY_LOW);
    assert_in_range(dora_request_remaining_ms(request), 1, 60000);
}

static void what_is_not_said_is_that_of_a_plain_call(void **state)
{
    scene *s = *state;
    const dora_alone_call asked = plain();
    assert_int_equal(dora_alone_new(&asked, &s->call, NULL), DORA_OK);
    const dora_request *request = dora_alone_request(s->call);
    assert_int_equal(dora_request_guid(request).len, DR_GUID_LEN);
    assert_int_equal(dora_request_caller(request).len, 0);
    assert_string_equal(dora_request_type(request), "W_S");
    assert_string_equal(dora_request_protocol(request), "tcp");
    assert_int_equal(dora_request_priority(request), DORA_PRIORITY_NORMAL);
    assert_int_equal(dora_request_remaining_ms(request), -1);
}

static void what_no_server_would_give_is_refused(void **state)
{
    scene *s = *state;
    char longest[DR_API_NAME_MAX + 1];
    memset(longest, 'x', sizeof(longest));
    dora_alone_call asked[7];
    for (size_t i = 0; i < 7; i++) {
        asked[i] = plain();
    }
    asked[0].name = (dora_slice){longest, 0};
    asked[1].name = (dora_slice){longest, sizeof(longest)};
    asked[2].guid = text_slice("short");
    asked[3].type = "SC";
    asked[4].type = "";
    asked[5].protocol = "udp";
    asked[6].priority = (dora_priority)4;
    for (size_t i = 0; i < 7; i++) {
        dora_error error = {0};
        assert_int_equal(dora_alone_new(&asked[i], &s->call, &error), DORA_EINVAL);
        assert_true(error.msg[0] != '\0');
        assert_null(s->call);
    }
}

static void assert_trace(const char *text)
{
    dr_trace_now now;
    dr_trace_save(&now);
    assert_true(is_text((dora_slice){now.text, now.len}, text));
}

static void call_within_a_call_leaves_the_outer_one_what_it_has(void **state)
{
    scene *s = *state;
    dora_alone_call asked = plain();
    dora_alone *outer = NULL;
    asked.trace = text_slice("outer");
    asked.remaining_ms = 60000;
    asked.priority = DORA_PRIORITY_HIGH;
    assert_int_equal(dora_alone_new(&asked, &outer, NULL), DORA_OK);
    asked = plain();
    assert_int_equal(dora_alone_new(&asked, &s->call, NULL), DORA_OK);
    dora_alone_enter(outer);
    const uint64_t deadline_ns = dr_deadline_get();
    assert_true(deadline_ns > 0);
    dora_alone_enter(s->call);
    assert_int_equal(dr_deadline_get(), 0);
    assert_int_equal(dr_priority_get(), DORA_PRIORITY_NORMAL);
    assert_trace("");
    dora_alone_leave(s->call);
    assert_int_equal(dr_deadline_get(), deadline_ns);
    assert_int_equal(dr_priority_get(), DORA_PRIORITY_HIGH);
    assert_trace("outer");
    dora_alone_leave(outer);
    assert_int_equal(dr_deadline_get(), 0);
    assert_int_equal(dr_priority_get(), DORA_PRIORITY_DEFAULT);
    assert_trace("");
    dora_alone_free(outer);
}

static void result_is_what_was_written(void **state)
{
    scene *s = *state;
    const dora_alone_call asked = plain();
    dora_slice out = {0};
    assert_int_equal(dora_alone_new(&asked, &s->call, NULL), DORA_OK);
    (void)dora_write_int(dora_reply_writer(dora_alone_reply(s->call)), 5);
    assert_int_equal(dora_alone_end(s->call, DORA_OK, &out), 0);
    assert_true(is_text(out, "i:5;"));
}

static void result_over_the_limit_is_said_with_it(void **state)
{
    scene *s = *state;
    dora_alone_call asked = plain();
    dora_slice out = {0};
    asked.bytes_max = 16;
    assert_int_equal(dora_alone_new(&asked, &s->call, NULL), DORA_OK);
    dora_writer *writer = dora_reply_writer(dora_alone_reply(s->call));
    (void)dora_write_string(writer, "more than sixteen bytes", 23);
    assert_int_equal(dora_alone_end(s->call, DORA_OK, &out), DORA_CODE_TOO_BIG);
    assert_true(out.len > 0);
}

static void parameter_that_does_not_fit_keeps_its_own_code(void **state)
{
    scene *s = *state;
    const dora_alone_call asked = plain();
    dora_slice out = {0};
    assert_int_equal(dora_alone_new(&asked, &s->call, NULL), DORA_OK);
    const dora_err err = dora_reply_misfit(dora_alone_reply(s->call), "$.a: missing", 12);
    assert_int_equal(err, DORA_EHANDLER);
    assert_int_equal(dora_alone_end(s->call, err, &out), DORA_CODE_WRONG_SHAPE);
    assert_true(is_text(out, "$.a: missing"));
}

static void faults_are_a_list_of_paths_and_reasons(void **state)
{
    static const struct {
        const char *msg;
        const char *faults;
    } cases[] = {
        {"$.a: missing", "[{\"path\":\"$.a\",\"reason\":\"missing\"}]"},
        {"$.a: missing; $.b: no int; at all; $[3]: unknown",
         "[{\"path\":\"$.a\",\"reason\":\"missing\"},{\"path\":\"$.b\",\"reason\":\"no int; at "
         "all\"},"
         "{\"path\":\"$[3]\",\"reason\":\"unknown\"}]"},
        {"$[\"a: b; $\\\"\"]: x", "[{\"path\":\"$[\\\"a: b; $\\\\\\\"\\\"]\",\"reason\":\"x\"}]"},
        {"no path", "[{\"path\":\"\",\"reason\":\"no path\"}]"},
        {"", "[]"},
    };
    scene *s = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        dr_buf_clear(&s->text);
        dr_json_writer writer = dr_json_begin(&s->text, 0);
        dr_json_error(&writer, DORA_CODE_WRONG_SHAPE, text_slice(cases[i].msg), NULL);
        assert_int_equal(dr_json_finish(&writer), DORA_OK);
        char wanted[320];
        (void)snprintf(wanted, sizeof(wanted), "\"faults\":%s}}", cases[i].faults);
        const size_t len = strlen(wanted);
        assert_true(s->text.len > len);
        assert_memory_equal(s->text.data + s->text.len - len, wanted, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(request_is_as_it_was_asked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_said_is_that_of_a_plain_call, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_no_server_would_give_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(call_within_a_call_leaves_the_outer_one_what_it_has, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(result_is_what_was_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(result_over_the_limit_is_said_with_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parameter_that_does_not_fit_keeps_its_own_code, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(faults_are_a_list_of_paths_and_reasons, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
