/* test_json_message.c: requests and replies as JSON text. */
#include "unit.h"

#include "base/limits.h"
#include "torture.h"
#include "wire/json_keys.h"
#include "wire/json_message.h"
#include "wire/json_reply.h"
#include "wire/json_request.h"
#include "wire/message.h"
#include "wire/message_write.h"

#define GUID "0123456789abcdef0123456789abcdef"
#define MANY (1u << 24)

static void expect_inner(const char *text, const char *inner)
{
    dr_buf out = {0};
    assert_int_equal(dr_json_request(text_slice(text), MANY, &out, NULL), DORA_OK);
    assert_int_equal(out.len, strlen(inner));
    assert_memory_equal(out.data, inner, out.len);
    dr_buf_fini(&out);
}

#define BYTES(text) ((dora_slice){(text), sizeof(text) - 1})

static void expect_request(const char *text, dora_slice inner)
{
    dr_buf out = {0};
    assert_int_equal(dr_json_request(text_slice(text), MANY, &out, NULL), DORA_OK);
    assert_int_equal(out.len, inner.len);
    assert_memory_equal(out.data, inner.data, inner.len);
    dr_buf_fini(&out);
}

static void expect_refused(dora_slice text, size_t bytes_max, int64_t code, const char *words)
{
    dr_buf out = {0};
    dora_error error;
    assert_int_not_equal(dr_json_request(text, bytes_max, &out, &error), DORA_OK);
    assert_int_equal(error.code, code);
    assert_non_null(strstr(error.msg, words));
    assert_int_equal(out.len, 0);
    dr_buf_fini(&out);
}

static void a_request_is_read(void **state)
{
    (void)state;
    expect_inner("{\"api\": {\"one\": {\"name\": \"/a\", \"param\": [1, 2.0, null]}}}",
                 "a:1:{s:3:\"api\";a:1:{s:3:\"one\";a:2:{s:4:\"name\";s:2:\"/a\";"
                 "s:5:\"param\";a:3:{i:0;i:1;i:1;d:2;i:2;N;}}}}");
    expect_inner(" 7 ", "i:7;");
    expect_inner("{\"a\": 1, \"b\": 2, \"a\": 3}", "a:2:{s:1:\"a\";i:3;s:1:\"b\";i:2;}");
}

static void request_refused(void **state)
{
    (void)state;
    expect_refused(text_slice("{\"a\": 1,\n  x}"), MANY, DORA_CODE_BAD_BODY, "line 2, column 3: ");
    expect_refused(text_slice("{"), MANY, DORA_CODE_BAD_BODY, "line 1, column 1: ");
    expect_refused(text_slice(""), MANY, DORA_CODE_BAD_BODY, "line 1, column 0: ");
    expect_refused(text_slice("{} {}"), MANY, DORA_CODE_BAD_BODY, "line 1, column 4: ");
    expect_refused(text_slice("{\"a\": 9223372036854775808}"), MANY, DORA_CODE_BAD_BODY, "integer");
    expect_refused(text_slice("{\"a\": 1e999}"), MANY, DORA_CODE_BAD_BODY, "overflow");
    expect_refused(text_slice("{\"a\":\n \"\xc3\xa9\xff\"}"), MANY, DORA_CODE_BAD_BODY,
                   "line 2, column 4: byte 0xff is not UTF-8");
    expect_refused(text_slice("[\xff]"), MANY, DORA_CODE_BAD_BODY, "line 1, column 2: byte 0xff");
    expect_refused(text_slice("[1 2 \"\xff\"]"), MANY, DORA_CODE_BAD_BODY, "line 1, column 4: ");
    expect_refused(text_slice("[1] \xff"), MANY, DORA_CODE_BAD_BODY, "line 1, column 5: ");
    expect_inner("[\"abc\"]", "a:1:{i:0;s:3:\"abc\";}");
    expect_refused(text_slice("[\"abc\"]"), 19, DORA_CODE_TOO_BIG, "larger than the limit");
}

/* Keys may hold what stands in for a NUL on the way, too. */
static void keys_with_nul(void **state)
{
    (void)state;
    if (!DR_JSON_NUL_IN_KEYS) { /* jansson before 2.14 */
        expect_refused(text_slice("{\"a\\u0000b\": 1}"), MANY, DORA_CODE_BAD_BODY,
                       "NUL byte in object key");
        return;
    }
    expect_request(
        "{\"a\\u0000b\": 1, \"\\u0000\": [{\"\\u0000\\u0000\": \"\\u0000\"}]}",
        BYTES("a:2:{s:3:\"a\0b\";i:1;s:1:\"\0\";a:1:{i:0;a:1:{s:2:\"\0\0\";s:1:\"\0\";}}}"));
    expect_request("{\"\\u0000\xef\xb7\x90\\uFDD1\": 1}",
                   BYTES("a:1:{s:7:\"\0\xef\xb7\x90\xef\xb7\x91\";i:1;}"));
    expect_request("{\"\\\\u0000\": 1}", BYTES("a:1:{s:6:\"\\u0000\";i:1;}"));
    expect_request("{\"a\\u0000\": 1, \"a\\u0000\": 2}", BYTES("a:1:{s:2:\"a\0\";i:2;}"));
    expect_refused(text_slice("{\"a\\u0000\" 1}"), MANY, DORA_CODE_BAD_BODY, "line 1, column 12: ");
    expect_refused(text_slice("{\"a\\u0000\": 1, x}"), MANY, DORA_CODE_BAD_BODY,
                   "line 1, column 16: ");
}

static char *repeated(const char *text, size_t count, dr_buf *out)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(dr_buf_append(out, text, strlen(text)), DORA_OK);
    }
    return out->data;
}

static void request_limits(void **state)
{
    (void)state;
    dr_buf text = {0};
    dr_buf out = {0};
    repeated("[", DR_VALUE_DEPTH_MAX, &text);
    repeated("]", DR_VALUE_DEPTH_MAX, &text);
    assert_int_equal(dr_json_request(dr_buf_slice(&text), MANY, &out, NULL), DORA_OK);
    dr_buf_clear(&text);
    repeated("[", DR_VALUE_DEPTH_MAX + 1, &text);
    repeated("]", DR_VALUE_DEPTH_MAX + 1, &text);
    expect_refused(dr_buf_slice(&text), MANY, DORA_CODE_BAD_BODY,
                   "line 1, column 513: too many levels, at most 512 are taken");
    text.data[3] = ',';
    expect_refused(dr_buf_slice(&text), MANY, DORA_CODE_BAD_BODY, "line 1, column 4: ");
    dr_buf_clear(&text);
    repeated("[]\n", 1, &text); /* what stands behind a whole value is wrong before that */
    repeated("[", DR_VALUE_DEPTH_MAX + 1, &text);
    expect_refused(dr_buf_slice(&text), MANY, DORA_CODE_BAD_BODY, "line 2, column 1: ");
    dr_buf_clear(&text);
    dr_buf_clear(&out);
    repeated("[0", 1, &text);
    repeated(",0", DR_VALUE_MEMBERS_MAX - 1, &text);
    repeated("]", 1, &text);
    assert_int_equal(dr_json_request(dr_buf_slice(&text), MANY, &out, NULL), DORA_OK);
    text.len--;
    repeated(",0]", 1, &text);
    expect_refused(dr_buf_slice(&text), MANY, DORA_CODE_BAD_BODY,
                   "line 1, column 2097153: too many members, at most 1048576 are taken");
    /* Commas in strings are none. */
    dr_buf_clear(&text);
    repeated("\"\\\"", 1, &text);
    repeated(",", DR_VALUE_MEMBERS_MAX + 1, &text);
    repeated("\"", 1, &text);
    dr_buf_clear(&out);
    assert_int_equal(dr_json_request(dr_buf_slice(&text), MANY, &out, NULL), DORA_OK);
    dr_buf_fini(&text);
    dr_buf_fini(&out);
}

static void put_envelope(dr_buf *out, int64_t code, const char *msg, const char *data)
{
    assert_int_equal(dr_reply_begin(out, GUID, code, text_slice(msg)), DORA_OK);
    assert_int_equal(dr_buf_append(out, data, strlen(data)), DORA_OK);
    assert_int_equal(dr_reply_end(out), DORA_OK);
}

static void expect_reply(const dr_buf *body, const char *guid, size_t bytes_max, const char *text)
{
    dr_buf out = {0};
    assert_int_equal(dr_json_reply(dr_buf_slice(body), text_slice(guid), bytes_max, &out), DORA_OK);
    assert_int_equal(dr_buf_append(&out, "", 1), DORA_OK);
    assert_string_equal(out.data, text);
    dr_buf_fini(&out);
}

#define BIG                                                                                        \
    HEAD("100206", "the result is larger than the limit of %zu bytes of JSON (frame_bytes_max)")   \
    "[]"
#define NONE HEAD("100204", "no such api") "[]"
#define HEAD(code, msg) "{\"guid\":\"" GUID "\",\"code\":" code ",\"msg\":\"" msg "\",\"data\":"

static void reply_single(void **state)
{
    (void)state;
    dr_buf data = {0};
    dr_buf body = {0};
    put_envelope(&data, 0, "OK", "a:1:{s:1:\"x\";d:1;}");
    repeated("", 1, &data);
    assert_int_equal(dr_buf_append(&data, "", 1), DORA_OK);
    put_envelope(&body, 0, "OK", data.data);
    expect_reply(&body, "", MANY, HEAD("0", "OK") HEAD("0", "OK") "{\"x\":1.0}}}");
    expect_reply(&body, "my own", MANY,
                 "{\"guid\":\"my own\",\"code\":0,\"msg\":\"OK\",\"data\":"
                 "{\"guid\":\"my own\",\"code\":0,\"msg\":\"OK\",\"data\":{\"x\":1.0}}}");
    dr_buf_clear(&data);
    dr_buf_clear(&body);
    put_envelope(&data, 42, "no \xff way", "a:1:{s:4:\"rows\";a:1:{i:0;d:NAN;}}");
    assert_int_equal(dr_buf_append(&data, "", 1), DORA_OK);
    assert_int_equal(dr_result_begin(&body, GUID, 0, text_slice("OK")), DORA_OK);
    repeated(data.data, 1, &body);
    assert_int_equal(dr_result_end(&body), DORA_OK);
    expect_reply(
        &body, "", MANY,
        HEAD("0", "OK") HEAD(
            "100208", "$.data.rows[0]: INF and NAN have no place in JSON") "[]},\"isresult\":1}");
    dr_buf_fini(&data);
    dr_buf_fini(&body);
}

/* many makes the reply of a multi call whose apis are `first`, `bad` and the int 7. */
static void many(dr_buf *body, const char *first)
{
    assert_int_equal(dr_reply_begin(body, GUID, 0, text_slice("OK")), DORA_OK);
    assert_int_equal(dr_put_array(body, 3), DORA_OK);
    repeated("s:1:\"a\";", 1, body);
    put_envelope(body, 0, "OK", first);
    repeated("s:3:\"bad\";", 1, body);
    put_envelope(body, 0, "OK", "s:1:\"\xff\";");
    repeated("i:7;", 1, body);
    put_envelope(body, 100204, "no such api: \xc3\xa4\xff", "a:0:{}");
    assert_int_equal(dr_put_end(body), DORA_OK);
    assert_int_equal(dr_reply_end(body), DORA_OK);
}

static void reply_many(void **state)
{
    (void)state;
    dr_buf body = {0};
    many(&body, "i:1;");
    expect_reply(&body, "", MANY,
                 HEAD("0", "OK") "{\"a\":" HEAD("0", "OK") "1},\"bad\":" HEAD(
                     "100208",
                     "$.data: a string that is not UTF-8 has no place in "
                     "JSON") "[]},\"7\":" HEAD("100204", "no such api: \xc3\xa4?") "[]}}}");
    dr_buf_fini(&body);
}

static void reply_too_large(void **state)
{
    (void)state;
    dr_buf body = {0};
    char first[256]; /* longer than what is said in its place */
    snprintf(first, sizeof(first), "s:200:\"%200d\";", 0);
    many(&body, first);
    static const char form[] = HEAD("0", "OK") "{\"a\":" BIG "},\"bad\":" BIG "},\"7\":" NONE "}}}";
    const size_t len = sizeof(form) - 1 - 2 * strlen("%zu") + 2 * strlen("nnn");
    char text[sizeof(form) + 8];
    snprintf(text, sizeof(text), form, len, len);
    expect_reply(&body, "", len, text);
    snprintf(text, sizeof(text), BIG "}", len - 1);
    expect_reply(&body, "", len - 1, text);
    dr_buf_fini(&body);
}

static bool translate(void *user)
{
    const dr_buf *body = user;
    dr_buf out = {0};
    const bool is_done =
        dr_json_reply(dr_buf_slice(body), text_slice("own"), MANY, &out) == DORA_OK &&
        dr_json_request(text_slice("{\"a\": [1, \"x\"]}"), MANY, &out, NULL) == DORA_OK;
    dr_buf_fini(&out);
    return is_done;
}

static void without_memory(void **state)
{
    (void)state;
    dr_buf body = {0};
    many(&body, "i:1;");
    assert_true(torture_run(translate, &body) >= 3);
    dr_buf_fini(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_read), cmocka_unit_test(request_refused),
        cmocka_unit_test(request_limits),    cmocka_unit_test(keys_with_nul),
        cmocka_unit_test(reply_single),      cmocka_unit_test(reply_many),
        cmocka_unit_test(reply_too_large),   cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
