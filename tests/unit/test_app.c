/* test_app.c: registering handlers, and how a handler's error becomes a code. */
#include "unit.h"

#include "base/clock.h"
#include "task/app.h"

static dora_err nothing(const dora_request *request, dora_reply *reply, void *user)
{
    (void)request;
    (void)user;
    return dora_write_null(dora_reply_writer(reply));
}

static void names_are_checked(void **state)
{
    (void)state;
    dora_app app = {0};
    char longest[DR_API_NAME_MAX + 2];
    memset(longest, 'x', sizeof(longest));
    int handler = 0;
    assert_int_equal(dora_app_handler(&app, (dora_slice){longest, DR_API_NAME_MAX}, &handler),
                     DORA_OK);
    assert_int_equal(dora_app_handler(&app, (dora_slice){longest, DR_API_NAME_MAX + 1}, &handler),
                     DORA_EINVAL);
    assert_int_equal(dora_app_handler(&app, text_slice("/a/*"), &handler), DORA_EINVAL);
    assert_int_equal(dora_app_handler(&app, (dora_slice){"/a\0b", 4}, &handler), DORA_EINVAL);
    assert_int_equal(dora_app_api(&app, "/a", nothing, NULL), DORA_OK);
    assert_int_equal(dora_app_api(&app, "/a", nothing, NULL), DORA_EINVAL);
    assert_int_equal(dora_app_api(&app, "", nothing, NULL), DORA_EINVAL);
    assert_int_equal(dora_app_api(&app, NULL, nothing, NULL), DORA_EINVAL);
    assert_int_equal(dora_app_api(&app, "/b", NULL, NULL), DORA_EINVAL);
    assert_int_equal(dora_app_fallback(&app, nothing, NULL), DORA_OK);
    assert_int_equal(dora_app_fallback(&app, nothing, NULL), DORA_EINVAL);
    assert_int_equal(app.count, 2);
    assert_true(app.has_fallback);
    for (uint32_t i = 0; i < app.count; i++) {
        if (app.entries[i].handler != &handler) {
            free(app.entries[i].handler);
        }
    }
    free(app.fallback);
    dr_app_fini(&app);
    dr_app_fini(&app);
}

static void many_names_fit(void **state)
{
    (void)state;
    dora_app app = {0};
    int handler = 0;
    for (int i = 0; i < 1000; i++) {
        char name[16];
        const int len = snprintf(name, sizeof(name), "/n/%d", i);
        assert_int_equal(dora_app_handler(&app, (dora_slice){name, (size_t)len}, &handler),
                         DORA_OK);
    }
    assert_string_equal(app.entries[999].name, "/n/999");
    dr_app_fini(&app);
}

static dora_slice said(const dora_app *app, uint32_t api, dr_about_part part)
{
    return dr_buf_slice(&app->entries[api].about.texts[part]);
}

static void what_is_said_of_an_api_is_kept(void **state)
{
    (void)state;
    dora_app app = {0};
    int handler = 0;
    assert_int_equal(dora_app_handler(&app, text_slice("/a"), &handler), DORA_OK);
    dora_about about = {.summary = text_slice(" \n  Adds two\x1b[m.  \r\nAnd more."),
                        .param = text_slice(" {\"type\": \"array\"}"),
                        .result = text_slice("true")};
    assert_int_equal(dora_app_describe(&app, "/a", &about), DORA_OK);
    assert_slice(said(&app, 0, DR_ABOUT_SUMMARY), "Adds two\\x1b[m.");
    assert_slice(said(&app, 0, DR_ABOUT_PARAM), "a:1:{s:4:\"type\";s:5:\"array\";}");
    assert_slice(said(&app, 0, DR_ABOUT_RESULT), "b:1;");
    about = (dora_about){.summary = text_slice("Anew.")};
    assert_int_equal(dora_app_describe(&app, "/a", &about), DORA_OK);
    assert_slice(said(&app, 0, DR_ABOUT_SUMMARY), "Anew.");
    assert_int_equal(said(&app, 0, DR_ABOUT_PARAM).len, 0);
    assert_int_equal(said(&app, 0, DR_ABOUT_STREAM).len, 0);
    about = (dora_about){.size = sizeof about, .is_stream = true};
    assert_int_equal(dora_app_describe(&app, "/a", &about), DORA_OK);
    assert_true(said(&app, 0, DR_ABOUT_STREAM).len > 0);
    dr_app_fini(&app);
}

static void what_is_no_schema_is_refused(void **state)
{
    (void)state;
    static const char *const none[] = {"[]", "1", "null", "\"a\"", "{", "{\"a\": 1} x", "  "};
    dora_app app = {0};
    int handler = 0;
    assert_int_equal(dora_app_handler(&app, text_slice("/a"), &handler), DORA_OK);
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        const dora_about about = {.result = text_slice(none[i])};
        assert_int_equal(dora_app_describe(&app, "/a", &about), DORA_EINVAL);
        assert_int_equal(said(&app, 0, DR_ABOUT_RESULT).len, 0);
    }
    const dora_about nothing_said = {.summary = {NULL, 0}};
    assert_int_equal(dora_app_describe(&app, "/b", &nothing_said), DORA_EINVAL);
    assert_int_equal(dora_app_describe(&app, "", &nothing_said), DORA_EINVAL);
    assert_int_equal(dora_app_describe(&app, NULL, &nothing_said), DORA_EINVAL);
    assert_int_equal(dora_app_handler(&app, text_slice(""), &handler), DORA_OK);
    assert_int_equal(dora_app_describe(&app, "", &nothing_said), DORA_OK);
    dr_app_fini(&app);
}

static void a_schema_over_the_limit_is_refused(void **state)
{
    (void)state;
    dora_app app = {0};
    int handler = 0;
    const size_t most = DR_ABOUT_BYTES_MAX;
    char *json = malloc(most + 8);
    assert_non_null(json);
    assert_int_equal(dora_app_handler(&app, text_slice("/a"), &handler), DORA_OK);
    /* Encoded: a:1:{s:1:"a";s:262114:"...";} */
    const size_t around = strlen("a:1:{s:1:\"a\";s:262114:\"\";}");
    for (size_t more = 0; more < 2; more++) {
        const size_t len = most - around + more;
        memcpy(json, "{\"a\":\"", 6);
        memset(json + 6, 'x', len);
        memcpy(json + 6 + len, "\"}", 2);
        const dora_about about = {.param = {json, len + 8}};
        assert_int_equal(dora_app_describe(&app, "/a", &about), more == 0 ? DORA_OK : DORA_ETOOBIG);
    }
    free(json);
    dr_app_fini(&app);
}

static void an_error_never_looks_like_success(void **state)
{
    (void)state;
    static const struct {
        int64_t given;
        int64_t code;
        const char *msg;
    } cases[] = {{7, 7, "boom"},
                 {-3, -3, "boom"},
                 {0, DORA_CODE_HANDLER, "boom (code 0)"},
                 {100000, 100000, "boom"},
                 {100001, DORA_CODE_HANDLER, "boom (code 100001)"},
                 {100008, DORA_CODE_HANDLER, "boom (code 100008)"},
                 {100010, DORA_CODE_HANDLER, "boom (code 100010)"},
                 {100012, DORA_CODE_HANDLER, "boom (code 100012)"},
                 {100014, DORA_CODE_HANDLER, "boom (code 100014)"},
                 {100015, 100015, "boom"},
                 {100098, 100098, "boom"},
                 {100099, DORA_CODE_HANDLER, "boom (code 100099)"},
                 {100100, DORA_CODE_HANDLER, "boom (code 100100)"},
                 {100101, 100101, "boom"},
                 {100199, 100199, "boom"},
                 {100200, DORA_CODE_HANDLER, "boom (code 100200)"},
                 {100203, DORA_CODE_HANDLER, "boom (code 100203)"},
                 {INT64_MIN, INT64_MIN, "boom"},
                 {100208, DORA_CODE_HANDLER, "boom"},
                 {100299, DORA_CODE_HANDLER, "boom (code 100299)"},
                 {100300, 100300, "boom"}};
    dora_reply *reply = calloc(1, sizeof(*reply));
    assert_non_null(reply);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(dora_reply_fail(reply, cases[i].given, "boom", 4), DORA_EHANDLER);
        assert_int_equal(reply->code, cases[i].code);
        assert_slice(((dora_slice){reply->msg, reply->msg_len}), cases[i].msg);
    }
    assert_int_equal(dora_reply_died(reply, "gone", 4), DORA_EEXIT);
    assert_int_equal(reply->code, DORA_CODE_WORKER_DIED);
    free(reply);
}

static void long_messages_are_cut(void **state)
{
    (void)state;
    char text[DR_MSG_BYTES_MAX + 100];
    memset(text, 'm', sizeof(text));
    dora_reply *reply = calloc(1, sizeof(*reply));
    assert_non_null(reply);
    (void)dora_reply_fail(reply, 5, text, sizeof(text));
    assert_int_equal(reply->msg_len, DR_MSG_BYTES_MAX);
    (void)dora_reply_fail(reply, 0, text, sizeof(text));
    assert_int_equal(reply->msg_len, DR_MSG_BYTES_MAX);
    assert_memory_equal(reply->msg + reply->msg_len - 9, " (code 0)", 9);
    free(reply);
}

static void remaining_time_is_never_negative(void **state)
{
    (void)state;
    dora_request request = {0};
    assert_int_equal(dora_request_remaining_ms(&request), -1);
    request.deadline_ns = 1;
    assert_int_equal(dora_request_remaining_ms(&request), 0);
    request.deadline_ns = dr_clock_ns() + 5000000000u;
    assert_in_range(dora_request_remaining_ms(&request), 1, 5000);
}

static void an_error_may_have_a_status_over_http(void **state)
{
    (void)state;
    static const struct {
        int64_t given;
        uint16_t status;
    } cases[] = {{400, 400}, {404, 404}, {499, 499}, {399, 0},       {500, 0},
                 {200, 0},   {0, 0},     {-404, 0},  {INT64_MAX, 0}, {404 + (INT64_C(1) << 32), 0}};
    const dora_request request = {.name = {"/t", 2}};
    dora_reply *reply = calloc(1, sizeof(*reply));
    assert_non_null(reply);
    assert_int_equal(dora_reply_http_status(reply, &request, 404), DORA_EINVAL); /* no error */
    assert_int_equal(reply->http_status, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        (void)dora_reply_fail(reply, 404, "boom", 4); /* the code gives none, and drops an older */
        assert_int_equal(reply->http_status, 0);
        assert_int_equal(dora_reply_http_status(reply, &request, cases[i].given),
                         cases[i].status != 0 ? DORA_OK : DORA_EINVAL);
        assert_int_equal(reply->http_status, cases[i].status);
    }
    free(reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(many_names_fit),
        cmocka_unit_test(what_is_said_of_an_api_is_kept),
        cmocka_unit_test(what_is_no_schema_is_refused),
        cmocka_unit_test(a_schema_over_the_limit_is_refused),
        cmocka_unit_test(an_error_never_looks_like_success),
        cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(an_error_may_have_a_status_over_http),
        cmocka_unit_test(remaining_time_is_never_negative),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
