/* test_log_call.c: what an entry of the log says of its call, in both formats. */
#include "unit.h"

#include "base/log.h"

static const dr_log_call full_call = {.kind = DR_LOG_CALL_ERROR,
                                      .api = {"/a \n", 4},
                                      .guid = {"g", 1},
                                      .trace = {"00-1", 4},
                                      .type = {"W_S", 3},
                                      .code = -5,
                                      .is_timed = true,
                                      .queue_ns = 1234567,
                                      .run_ns = 999,
                                      .has_worker = true,
                                      .worker = 3,
                                      .generation = 2,
                                      .class_name = {"KeyError", 8},
                                      .traceback = {"one\ntwo\n", 8}};

static void an_error_names_its_call(void **state)
{
    (void)state;
    dr_buf line = {0};
    dr_log_entry entry = {.level = DR_LOG_ERROR, .msg = {"x", 1}, .call = &full_call};
    assert_int_equal(dr_log_line_json(&line, &entry), DORA_OK);
    assert_non_null(
        strstr(line.data, ",\"pool\":null,\"api\":\"/a \\u000a\",\"guid\":\"g\",\"trace\":\"00-1\","
                          "\"type\":\"W_S\",\"worker\":3,\"generation\":2,\"class\":\"KeyError\","
                          "\"code\":-5,\"queue_ms\":1.234,\"run_ms\":0.000,"
                          "\"traceback\":\"one\\u000atwo\\u000a\"}\n"));
    dr_buf_clear(&line);
    assert_int_equal(dr_log_line_text(&line, &entry), DORA_OK);
    assert_slice(dr_buf_slice(&line),
                 "1970-01-01T00:00:00.000Z error [] x (api=/a \\x0a guid=g trace=00-1 type=W_S "
                 "worker=3 generation=2 class=KeyError code=-5 queue_ms=1.234 run_ms=0.000)\n"
                 "    one\n    two\n");
    dr_buf_fini(&line);
}

static void what_is_not_known_of_a_call_is_null(void **state)
{
    (void)state;
    dr_buf line = {0};
    const dr_log_call call = {.code = 100208};
    dr_log_entry entry = {.level = DR_LOG_ERROR, .msg = {"x", 1}, .call = &call};
    assert_int_equal(dr_log_line_json(&line, &entry), DORA_OK);
    assert_non_null(strstr(line.data,
                           ",\"api\":null,\"guid\":null,\"trace\":null,\"type\":null,"
                           "\"worker\":null,\"generation\":null,\"class\":null,\"code\":100208,"
                           "\"queue_ms\":null,\"run_ms\":null,\"traceback\":null}\n"));
    dr_buf_clear(&line);
    assert_int_equal(dr_log_line_text(&line, &entry), DORA_OK);
    assert_slice(dr_buf_slice(&line), "1970-01-01T00:00:00.000Z error [] x (code=100208)\n");
    dr_buf_fini(&line);
}

static void a_request_has_its_bytes_and_protocol(void **state)
{
    (void)state;
    dr_buf line = {0};
    dr_log_call call = full_call;
    dr_log_entry entry = {.level = DR_LOG_INFO, .msg = {"x", 1}, .call = &call};
    call.kind = DR_LOG_CALL_REQUEST;
    call.bytes_in = 7;
    call.bytes_out = UINT64_C(5000000000);
    call.protocol = text_slice("tcp");
    assert_int_equal(dr_log_line_json(&line, &entry), DORA_OK);
    assert_non_null(strstr(line.data, "\"type\":\"W_S\",\"code\":-5,\"queue_ms\":1.234,"
                                      "\"run_ms\":0.000,\"bytes_in\":7,\"bytes_out\":5000000000,"
                                      "\"protocol\":\"tcp\"}\n"));
    dr_buf_clear(&line);
    call.caller = text_slice("sh\"op\x1b");
    assert_int_equal(dr_log_line_json(&line, &entry), DORA_OK);
    assert_non_null(strstr(line.data, "\"protocol\":\"tcp\",\"caller\":\"sh\\\"op\\u001b\"}\n"));
    dr_buf_clear(&line);
    assert_int_equal(dr_log_line_text(&line, &entry), DORA_OK);
    assert_non_null(strstr(line.data, " protocol=tcp caller=sh\"op\\x1b)\n"));
    dr_buf_fini(&line);
}

static void what_a_handler_says_has_three_fields_of_its_call(void **state)
{
    (void)state;
    dr_buf line = {0};
    dr_log_call call = full_call;
    dr_log_entry entry = {.level = DR_LOG_INFO, .msg = {"x", 1}, .call = &call};
    call.kind = DR_LOG_CALL_WITHIN;
    call.traceback = (dora_slice){NULL, 0};
    assert_int_equal(dr_log_line_json(&line, &entry), DORA_OK);
    assert_non_null(strstr(line.data, ",\"pool\":null,\"api\":\"/a \\u000a\",\"guid\":\"g\","
                                      "\"trace\":\"00-1\"}\n"));
    dr_buf_clear(&line);
    assert_int_equal(dr_log_line_text(&line, &entry), DORA_OK);
    assert_slice(dr_buf_slice(&line),
                 "1970-01-01T00:00:00.000Z info [] x (api=/a \\x0a guid=g trace=00-1)\n");
    dr_buf_clear(&line);
    call.trace = (dora_slice){NULL, 0};
    assert_int_equal(dr_log_line_text(&line, &entry), DORA_OK);
    assert_slice(dr_buf_slice(&line), "1970-01-01T00:00:00.000Z info [] x\n");
    dr_buf_clear(&line);
    assert_int_equal(dr_log_line_json(&line, &entry), DORA_OK);
    assert_non_null(strstr(line.data, ",\"guid\":\"g\",\"trace\":null}\n"));
    dr_buf_fini(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_names_its_call),
        cmocka_unit_test(what_is_not_known_of_a_call_is_null),
        cmocka_unit_test(a_request_has_its_bytes_and_protocol),
        cmocka_unit_test(what_a_handler_says_has_three_fields_of_its_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
