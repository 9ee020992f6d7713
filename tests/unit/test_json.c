/* test_json.c: JSON to values and back, and its text. */
#include "unit.h"

#include "torture.h"
#include "wire/json.h"
#include "wire/json_value.h"
#include "wire/value.h"

/* The text of the JSON that `value` becomes, NULL where it is refused. */
static char *to_text(const char *value, size_t len, size_t indent, dora_error *error)
{
    dr_buf out = {0};
    if (dr_json_print((dora_slice){value, len}, indent, &out, error) != DORA_OK) {
        assert_int_equal(out.len, 0);
        dr_buf_fini(&out);
        return NULL;
    }
    assert_int_equal(dr_buf_append(&out, "", 1), DORA_OK);
    return out.data;
}

static void check_text(const char *value, const char *want)
{
    static dora_error error;
    char *text = to_text(value, strlen(value), 0, &error);
    if (text == NULL) {
        fail_msg("%s: %s", value, error.msg);
        return;
    }
    assert_string_equal(text, want);
    free(text);
}

static void from_values(void **state)
{
    (void)state;
    check_text("N;", "null");
    check_text("b:1;", "true");
    check_text("b:0;", "false");
    check_text("i:-9223372036854775808;", "-9223372036854775808");
    check_text("d:1;", "1.0");
    check_text("d:-0;", "-0.0");
    check_text("d:0.1;", "0.1");
    check_text("d:1.0E+25;", "1.0E+25");
    check_text("d:1.7976931348623157E+308;", "1.7976931348623157E+308");
    check_text("s:4:\"a\"b\\\";", "\"a\\\"b\\\\\"");
    check_text("s:5:\"\n\r\t\b\f\";", "\"\\n\\r\\t\\b\\f\"");
    check_text("s:3:\"\x01/\x7f\";", "\"\\u0001/\x7f\"");
    check_text("s:3:\"\xe5\x89\x8d\";", "\"\xe5\x89\x8d\"");
    check_text("a:0:{}", "[]");
    check_text("a:2:{i:0;i:5;i:1;a:1:{s:1:\"k\";N;}}", "[5,{\"k\":null}]");
    check_text("a:2:{i:1;i:5;i:0;i:6;}", "{\"1\":5,\"0\":6}");
    check_text("a:2:{i:0;i:5;i:2;i:6;}", "{\"0\":5,\"2\":6}");
    check_text("a:3:{i:0;i:5;i:1;i:6;s:1:\"x\";i:7;}", "{\"0\":5,\"1\":6,\"x\":7}");
    check_text("a:2:{s:1:\"0\";i:5;i:1;i:6;}", "{\"0\":5,\"1\":6}");
    check_text("a:1:{i:-1;N;}", "{\"-1\":null}");
}

/* The last value of a key stands where the key came first, as in a tree of jansson's. */
static void a_repeated_key_keeps_its_place(void **state)
{
    (void)state;
    check_text("a:2:{s:1:\"k\";i:1;s:1:\"k\";i:2;}", "{\"k\":2}");
    check_text("a:3:{s:1:\"k\";i:1;s:1:\"l\";N;s:1:\"k\";i:22;}", "{\"k\":22,\"l\":null}");
    check_text("a:4:{s:1:\"k\";i:1;s:1:\"k\";N;s:1:\"l\";i:3;s:1:\"k\";i:4;}", "{\"k\":4,\"l\":3}");
    check_text("a:2:{i:1;s:1:\"a\";s:1:\"1\";s:2:\"bb\";}", "{\"1\":\"bb\"}");
    check_text("a:3:{i:0;s:1:\"a\";i:1;i:5;s:1:\"0\";i:6;}", "{\"0\":6,\"1\":5}");
    check_text("a:3:{i:5;i:1;i:3;i:2;i:5;i:3;}", "{\"5\":3,\"3\":2}");
    check_text(
        "a:12:{s:1:\"a\";i:0;s:1:\"b\";i:1;s:1:\"c\";i:2;s:1:\"d\";i:3;s:1:\"e\";i:4;s:1:\"a\";"
        "i:5;s:1:\"f\";i:6;s:1:\"g\";i:7;s:1:\"h\";i:8;s:1:\"b\";i:9;s:1:\"a\";i:10;"
        "s:1:\"i\";i:11;}",
        "{\"a\":10,\"b\":9,\"c\":2,\"d\":3,\"e\":4,\"f\":6,\"g\":7,\"h\":8,\"i\":11}");
    check_text(
        "a:1:{s:1:\"o\";a:2:{s:1:\"k\";a:2:{i:0;i:1;i:1;i:2;}s:1:\"k\";a:1:{i:7;a:2:{i:0;N;i:2;"
        "N;}}}}",
        "{\"o\":{\"k\":{\"7\":{\"0\":null,\"2\":null}}}}");
    static const char mixed[] = "a:2:{i:0;a:2:{i:0;i:1;i:5;i:2;}s:1:\"0\";a:1:{i:0;N;}}";
    char *text = to_text(mixed, sizeof(mixed) - 1, 2, NULL);
    assert_string_equal(text, "{\n  \"0\": [\n    null\n  ]\n}");
    free(text);
}

static void zero_bytes(void **state)
{
    (void)state;
    char *text = to_text("a:1:{s:2:\"\0k\";s:1:\"\0\";}", 23, 0, NULL);
    assert_non_null(text);
    assert_string_equal(text, "{\"\\u0000k\":\"\\u0000\"}");
    free(text);
}

static void indented_json_is_written(void **state)
{
    (void)state;
    static const char value[] = "a:2:{s:1:\"a\";a:2:{i:0;i:1;i:1;a:0:{}}s:1:\"b\";i:2;}";
    char *text = to_text(value, sizeof(value) - 1, 2, NULL);
    assert_string_equal(text, "{\n  \"a\": [\n    1,\n    []\n  ],\n  \"b\": 2\n}");
    free(text);
}

static void check_refusal(const char *value, dora_err err, const char *msg)
{
    static dora_error error;
    dr_buf out = {0};
    assert_int_equal(dr_json_print(text_slice(value), 0, &out, &error), err);
    assert_int_equal(out.len, 0);
    assert_string_equal(error.msg, msg);
    assert_int_equal(dr_json_print(text_slice(value), 0, &out, NULL), err);
    dr_buf_fini(&out);
}

static void refusals_name_the_path(void **state)
{
    (void)state;
    check_refusal("d:NAN;", DORA_ETYPE, "$: INF and NAN have no place in JSON");
    check_refusal("a:1:{s:4:\"data\";a:1:{s:4:\"rows\";a:2:{i:0;N;i:1;a:1:{s:4:\"name\";"
                  "s:1:\"\xff\";}}}}",
                  DORA_ETYPE,
                  "$.data.rows[1].name: a string that is not UTF-8 has no place in JSON");
    check_refusal("a:1:{s:3:\"a b\";a:1:{i:5;d:-INF;}}", DORA_ETYPE,
                  "$[\"a b\"][\"5\"]: INF and NAN have no place in JSON");
    check_refusal("a:1:{s:2:\"\xc3\x28\";N;}", DORA_ETYPE,
                  "$[\"?(\"]: a key that is not UTF-8 has no place in JSON");
    check_refusal("a:1:{i:0;O:1:\"a\":0:{}}", DORA_EPROTO,
                  "value cannot be decoded: malformed at byte 9");
    check_refusal("N;N;", DORA_EPROTO, "value cannot be decoded: malformed at byte 2");
    check_refusal("a:1:{i:0;N;x", DORA_EPROTO, "value cannot be decoded: malformed at byte 11");
}

static void a_result_is_taken_where_json_can_say_it(void **state)
{
    (void)state;
    static const char *const good[] = {"N;", "d:0.5;", "s:4:\"NAN;\";",
                                       "a:1:{s:6:\"d:INF;\";s:2:\"\xc3\xa9\";}",
                                       "a:1:{i:0;s:6:\"d:NAN;\";}"};
    static const char *const bad[] = {"d:NAN;", "d:-INF;", "a:1:{i:0;s:1:\"\xff\";}",
                                      "a:1:{s:1:\"\x80\";N;}",
                                      "a:2:{i:0;s:1:\"\xc3\";i:1;s:1:\"\xa9\";}"};
    dora_error error;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(dr_json_takes(text_slice(good[i]), &error), DORA_OK);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(dr_json_takes(text_slice(bad[i]), &error), DORA_ETYPE);
        assert_memory_equal(error.msg, "$.data", 6);
    }
}

static void utf8_edges(void **state)
{
    (void)state;
    static const char *const good[] = {
        "\x7f",         "\xc2\x80",     "\xdf\xbf",         "\xe0\xa0\x80",
        "\xed\x9f\xbf", "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xc2\x7f",
                                      "\xe0\x9f\xbf",
                                      "\xe1\x80",
                                      "\xed\xa0\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff",
                                      "\xf0\x90\x80"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]) + sizeof(bad) / sizeof(bad[0]); i++) {
        bool is_good = i < sizeof(good) / sizeof(good[0]);
        const char *text = is_good ? good[i] : bad[i - sizeof(good) / sizeof(good[0])];
        char value[64];
        dr_buf out = {0};
        int len = snprintf(value, sizeof(value), "s:%zu:\"%s\";", strlen(text), text);
        dora_err err = dr_json_print((dora_slice){value, (size_t)len}, 0, &out, NULL);
        assert_int_equal(err, is_good ? DORA_OK : DORA_ETYPE);
        dr_buf_fini(&out);
    }
}

static void deep_path_is_cut(void **state)
{
    (void)state;
    static dora_error error;
    dr_buf out = {0};
    dr_buf value = {0};
    for (int i = 0; i < 500; i++) {
        dr_buf_append(&value, "a:1:{s:3:\"abc\";", 15);
    }
    dr_buf_append(&value, "d:INF;", 6);
    for (int i = 0; i < 500; i++) {
        dr_buf_append(&value, "}", 1);
    }
    assert_int_equal(dr_json_print(dr_buf_slice(&value), 0, &out, &error), DORA_ETYPE);
    assert_memory_equal(error.msg, "$....abc.abc", 12);
    assert_true(strlen(error.msg) < 600);
    dr_buf_fini(&out);
    dr_buf_fini(&value);
}

static void check_value(const char *text, dora_err err, const char *want)
{
    dora_slice bytes;
    json_t *json = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    dora_writer *writer = dora_writer_new(1 << 16);
    assert_non_null(json);
    assert_int_equal(dr_json_to_value(json, writer), err);
    assert_int_equal(dora_writer_finish(writer, &bytes), err);
    if (err == DORA_OK) {
        assert_slice(bytes, want);
    }
    dora_writer_free(writer);
    json_decref(json);
}

static void to_values(void **state)
{
    (void)state;
    check_value("null", DORA_OK, "N;");
    check_value("true", DORA_OK, "b:1;");
    check_value("[false, 7, 1.0, -0.0]", DORA_OK, "a:4:{i:0;b:0;i:1;i:7;i:2;d:1;i:3;d:-0;}");
    check_value("{}", DORA_OK, "a:00:{}");
    check_value("[]", DORA_OK, "a:0:{}");
    check_value("{\"7\": \"\xe5\x89\x8d\", \"k\": {\"z\": null}}", DORA_OK,
                "a:2:{s:1:\"7\";s:3:\"\xe5\x89\x8d\";s:1:\"k\";a:1:{s:1:\"z\";N;}}");
}

static void depth_is_bounded(void **state)
{
    (void)state;
    for (size_t levels = 512; levels <= 513; levels++) {
        char text[1200];
        memset(text, '[', levels);
        memset(text + levels, ']', levels);
        text[2 * levels] = '\0';
        json_t *json = json_loads(text, 0, NULL);
        dora_writer *writer = dora_writer_new(1 << 16);
        assert_non_null(json);
        dora_err err = levels == 512 ? DORA_OK : DORA_ETOOBIG;
        assert_int_equal(dr_json_to_value(json, writer), err);
        dora_writer_free(writer);
        json_decref(json);
    }
}

static bool print(void *user)
{
    dr_buf out = {0};
    dora_err err = dr_json_print(*(dora_slice *)user, 4, &out, NULL);
    assert_true(err == DORA_OK || (err == DORA_ENOMEM && out.len == 0));
    dr_buf_fini(&out);
    return err == DORA_OK;
}

static void out_of_memory(void **state)
{
    (void)state;
    dora_slice value = text_slice("a:10:{i:0;s:1:\"a\";i:1;a:1:{s:1:\"k\";d:2.5;}s:1:\"x\";i:7;"
                                  "s:1:\"b\";N;s:1:\"c\";N;s:1:\"d\";N;s:1:\"e\";N;s:1:\"f\";N;"
                                  "s:1:\"g\";N;s:1:\"x\";N;}");
    assert_true(torture_run(print, &value) >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_values),
        cmocka_unit_test(a_repeated_key_keeps_its_place),
        cmocka_unit_test(zero_bytes),
        cmocka_unit_test(indented_json_is_written),
        cmocka_unit_test(refusals_name_the_path),
        cmocka_unit_test(a_result_is_taken_where_json_can_say_it),
        cmocka_unit_test(utf8_edges),
        cmocka_unit_test(deep_path_is_cut),
        cmocka_unit_test(to_values),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
