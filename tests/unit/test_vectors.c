/* test_vectors.c: every frame of tests/vectors/v1.json, and of older.json, whole, byte by byte and
 * cut everywhere. */
#include "unit.h"

#include <jansson.h>

#include "wire/frame.h"
#include "wire/json_request.h"
#include "wire/json_value.h"
#include "wire/message.h"
#include "wire/message_write.h"
#include "wire/value.h"

/* Longer frames are cut without a copy of their own for each cut. */
#define COPY_MAX 8192

static json_t *vectors;
static json_t *older;

typedef struct vector {
    const char *name;
    dora_frame_options options;
    char *bytes;
    size_t len;
    json_t *json;
} vector;

/* What a server makes of some bytes. */
typedef struct verdict {
    dora_err err;
    int64_t code;
    size_t used;
} verdict;

static json_t *load_file(const char *path)
{
    json_error_t error;
    json_t *json = json_load_file(path, 0, &error);
    if (json == NULL) {
        fprintf(stderr, "%s: %s\n", path, error.text);
    }
    return json;
}

static int load(void **state)
{
    (void)state;
    const char *path = getenv("DORA_VECTORS");
    vectors = load_file(path != NULL ? path : "tests/vectors/v1.json");
    older = load_file("tests/vectors/older.json");
    return vectors != NULL && older != NULL ? 0 : -1;
}

static int unload(void **state)
{
    (void)state;
    json_decref(vectors);
    json_decref(older);
    return 0;
}

static char hex_digit(char c)
{
    return (char)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static vector open_vector(json_t *json)
{
    vector v = {.json = json, .name = json_string_value(json_object_get(json, "name"))};
    json_t *hex = json_object_get(json, "hex");
    const char *digits = json_string_value(hex);
    v.len = json_string_length(hex) / 2;
    v.bytes = malloc(v.len);
    assert_non_null(v.bytes);
    for (size_t i = 0; i < v.len; i++) {
        v.bytes[i] = (char)(hex_digit(digits[2 * i]) << 4 | hex_digit(digits[2 * i + 1]));
    }
    v.options.sign = json_is_true(json_object_get(json, "signed"));
    v.options.gzip = json_is_true(json_object_get(json, "gzip"));
    return v;
}

static bool is_request(const vector *v)
{
    return strncmp(v->name, "reply_", 6) != 0;
}

static verdict judge(const vector *v, dora_slice in)
{
    static dr_api apis[DR_APIS_MAX];
    static dora_error error;
    verdict result = {.err = DORA_OK};
    dr_frame frame;
    dr_request request;
    dr_reply_message reply;
    dora_slice body;
    dr_buf plain = {0};
    error.code = 0;
    result.err = dr_frame_decode_any(&v->options, in, &frame, &result.used, &error);
    if (result.err == DORA_OK) {
        result.err = dr_frame_body(&v->options, &frame, &plain, &body, &error);
    }
    if (result.err == DORA_OK && frame.is_bare) {
        result.err = dr_request_decode_bare(body, &request, apis, DR_APIS_MAX, &error);
    } else if (result.err == DORA_OK && is_request(v)) {
        result.err = dr_request_decode(body, frame.guid, &request, apis, DR_APIS_MAX, &error);
    } else if (result.err == DORA_OK) {
        result.err = dr_reply_decode(body, &reply, &error);
    }
    if (result.err != DORA_OK && result.err != DORA_EAGAIN) {
        result.code = error.code;
    }
    dr_buf_fini(&plain);
    return result;
}

/* Each cut says "more bytes" until the verdict is there, and then the same one for ever. */
static void check_cuts(const vector *v, verdict whole)
{
    bool is_decided = false;
    for (size_t cut = 0; cut <= v->len; cut++) {
        char *copy = v->len <= COPY_MAX ? malloc(cut > 0 ? cut : 1) : v->bytes;
        assert_non_null(copy);
        if (copy != v->bytes) {
            memcpy(copy, v->bytes, cut);
        }
        verdict now = judge(v, (dora_slice){copy, cut});
        if (copy != v->bytes) {
            free(copy);
        }
        if (now.err == DORA_EAGAIN) {
            assert_false(is_decided);
            assert_true(cut < v->len);
            assert_true(now.used == (cut < 4 ? 0 : v->len));
            continue;
        }
        is_decided = true;
        assert_int_equal(now.err, whole.err);
        assert_int_equal(now.code, whole.code);
        assert_int_equal(now.used, whole.used);
    }
    assert_true(is_decided);
}

/* Byte by byte into a growing buffer, then the next frame right behind it. */
static void check_bytewise(const vector *v, verdict whole)
{
    dr_buf buf = {0};
    verdict now = {.err = DORA_EAGAIN};
    for (size_t i = 0; i < v->len && now.err == DORA_EAGAIN; i++) {
        assert_int_equal(dr_buf_append(&buf, v->bytes + i, 1), DORA_OK);
        now = judge(v, dr_buf_slice(&buf));
    }
    assert_int_equal(now.err, whole.err);
    assert_int_equal(now.code, whole.code);
    if (whole.used > 0) {
        assert_int_equal(dr_buf_append(&buf, v->bytes, v->len), DORA_OK);
        now = judge(v, dr_buf_slice(&buf));
        assert_int_equal(now.err, whole.err);
        assert_int_equal(now.used, v->len);
        dr_buf_consume(&buf, now.used);
        now = judge(v, dr_buf_slice(&buf));
        assert_int_equal(now.err, whole.err);
        assert_int_equal(now.code, whole.code);
    }
    dr_buf_fini(&buf);
}

/* One value from the reader to the writer. */
static void copy_value(dora_reader *reader, dora_writer *writer)
{
    dora_value value;
    dora_value key;
    assert_int_equal(dora_reader_value(reader, &value), DORA_OK);
    switch (value.type) {
    case DORA_NULL:
        dora_write_null(writer);
        return;
    case DORA_BOOL:
        dora_write_bool(writer, value.integer != 0);
        return;
    case DORA_INT:
        dora_write_int(writer, value.integer);
        return;
    case DORA_FLOAT:
        dora_write_float(writer, value.number);
        return;
    case DORA_STRING:
        dora_write_string(writer, value.string.data, value.string.len);
        return;
    case DORA_ARRAY:
        break;
    }
    dora_write_array(writer, value.count);
    for (size_t i = 0; i < value.count; i++) {
        assert_int_equal(dora_reader_key(reader, &key), DORA_OK);
        if (key.type == DORA_INT) {
            dora_write_int(writer, key.integer);
        } else {
            dora_write_string(writer, key.string.data, key.string.len);
        }
        copy_value(reader, writer);
    }
    assert_int_equal(dora_reader_end(reader), DORA_OK);
    dora_write_end(writer);
}

static void check_values(dora_slice body)
{
    dora_reader reader;
    dora_slice copy;
    dora_writer *writer = dora_writer_new(1 << 20);
    dora_reader_init(&reader, body);
    copy_value(&reader, writer);
    assert_true(dora_reader_is_done(&reader));
    assert_int_equal(dora_writer_finish(writer, &copy), DORA_OK);
    assert_int_equal(copy.len, body.len);
    assert_memory_equal(copy.data, body.data, body.len);
    dora_writer_free(writer);
}

/* The message found in the body, put together again. */
static void encode_message(const vector *v, const dr_frame *frame, dora_slice body, dr_buf *out)
{
    dr_api apis[8];
    dr_request request;
    dr_reply_message reply;
    if (is_request(v)) {
        assert_int_equal(dr_request_decode(body, frame->guid, &request, apis, 8, NULL), DORA_OK);
        assert_int_equal(dr_request_encode(out, &request, apis), DORA_OK);
        return;
    }
    assert_int_equal(dr_reply_decode(body, &reply, NULL), DORA_OK);
    assert_memory_equal(reply.guid.data, frame->guid, DR_GUID_LEN);
    if (reply.is_result) {
        dr_result_begin(out, reply.guid.data, reply.code, reply.msg);
        dr_buf_append_slice(out, reply.data);
        dr_result_end(out);
    } else {
        dr_reply_begin(out, reply.guid.data, reply.code, reply.msg);
        dr_buf_append_slice(out, reply.data);
        dr_reply_end(out);
    }
}

static void check_encoding(const vector *v)
{
    dr_frame frame;
    size_t used;
    size_t mark;
    dora_slice body;
    dr_buf plain = {0};
    dr_buf out = {0};
    dr_buf again = {0};
    dora_slice bytes = {v->bytes, v->len};
    assert_int_equal(dr_frame_decode(&v->options, bytes, &frame, &used, NULL), DORA_OK);
    assert_int_equal(dr_frame_body(&v->options, &frame, &plain, &body, NULL), DORA_OK);
    check_values(body);
    dr_buf_append(&out, "before", 6);
    assert_int_equal(dr_frame_begin(&out, &v->options, frame.guid, &mark), DORA_OK);
    encode_message(v, &frame, body, &out);
    assert_int_equal(dr_frame_end(&out, &v->options, mark, NULL), DORA_OK);
    if (v->options.gzip) {
        dora_slice packed = {out.data + mark, out.len - mark};
        dora_slice body_again;
        assert_int_equal(dr_frame_decode(&v->options, packed, &frame, &used, NULL), DORA_OK);
        assert_int_equal(dr_frame_body(&v->options, &frame, &again, &body_again, NULL), DORA_OK);
        assert_int_equal(body_again.len, body.len);
        assert_memory_equal(body_again.data, body.data, body.len);
    } else {
        assert_int_equal(out.len - mark, v->len);
        assert_memory_equal(out.data + mark, v->bytes, v->len);
    }
    dr_buf_fini(&plain);
    dr_buf_fini(&out);
    dr_buf_fini(&again);
}

static void check_message(const vector *v)
{
    dr_frame frame;
    size_t used;
    dora_slice body;
    json_t *json = NULL;
    json_t *message = json_object_get(v->json, "message");
    dr_buf plain = {0};
    if (!json_is_object(message)) {
        return;
    }
    dora_slice bytes = {v->bytes, v->len};
    assert_int_equal(dr_frame_decode(&v->options, bytes, &frame, &used, NULL), DORA_OK);
    assert_int_equal(dr_frame_body(&v->options, &frame, &plain, &body, NULL), DORA_OK);
    dr_buf text = {0};
    assert_int_equal(dr_json_print(body, 0, &text, NULL), DORA_OK);
    assert_int_equal(dr_json_load(dr_buf_slice(&text), &json, NULL), DORA_OK);
    assert_true(json_equal(json, message));
    json_decref(json);
    dr_buf_fini(&text);
    dr_buf_fini(&plain);
}

/* No cut of a sound body is sound, and the offset never leaves it. */
static void check_body_cuts(const vector *v)
{
    static dora_error error;
    static dr_api apis[8];
    dr_frame frame;
    size_t used;
    dr_request request;
    dr_reply_message reply;
    dora_slice bytes = {v->bytes, v->len};
    if (v->options.gzip) {
        return;
    }
    assert_int_equal(dr_frame_decode(&v->options, bytes, &frame, &used, NULL), DORA_OK);
    for (size_t cut = 0; cut < frame.body.len; cut++) {
        char *copy = malloc(cut > 0 ? cut : 1);
        assert_non_null(copy);
        memcpy(copy, frame.body.data, cut);
        dora_slice body = {copy, cut};
        dora_err err = is_request(v) ? dr_request_decode(body, NULL, &request, apis, 8, &error)
                                     : dr_reply_decode(body, &reply, &error);
        assert_int_equal(err, DORA_EPROTO);
        assert_int_equal(error.code, DORA_CODE_BAD_BODY);
        assert_true(error.offset <= cut);
        free(copy);
    }
}

/* check_valid does what all good frames have in common. */
static void check_valid(const vector *v)
{
    print_message("  %s\n", v->name);
    verdict whole = judge(v, (dora_slice){v->bytes, v->len});
    assert_int_equal(whole.err, DORA_OK);
    assert_int_equal(whole.used, v->len);
    check_cuts(v, whole);
    check_bytewise(v, whole);
}

static void valid_frames(void **state)
{
    (void)state;
    size_t i;
    json_t *json;
    assert_true(json_array_size(json_object_get(vectors, "valid")) > 0);
    json_array_foreach(json_object_get(vectors, "valid"), i, json)
    {
        vector v = open_vector(json);
        check_valid(&v);
        check_encoding(&v);
        check_message(&v);
        check_body_cuts(&v);
        free(v.bytes);
    }
}

static void valid_older_frames(void **state)
{
    (void)state;
    size_t i;
    json_t *json;
    assert_true(json_array_size(json_object_get(older, "valid")) > 0);
    json_array_foreach(json_object_get(older, "valid"), i, json)
    {
        vector v = open_vector(json);
        check_valid(&v);
        free(v.bytes);
    }
}

static void check_invalid(json_t *list)
{
    size_t i;
    json_t *json;
    assert_true(json_array_size(list) > 0);
    json_array_foreach(list, i, json)
    {
        vector v = open_vector(json);
        print_message("  %s\n", v.name);
        verdict whole = judge(&v, (dora_slice){v.bytes, v.len});
        assert_true(whole.err != DORA_OK && whole.err != DORA_EAGAIN);
        assert_int_equal(whole.code, json_integer_value(json_object_get(json, "code")));
        bool is_closing = json_is_true(json_object_get(json, "closes"));
        assert_int_equal(whole.used, is_closing ? 0 : v.len);
        check_cuts(&v, whole);
        check_bytewise(&v, whole);
        free(v.bytes);
    }
}

static void invalid_frames(void **state)
{
    (void)state;
    check_invalid(json_object_get(vectors, "invalid"));
}

static void invalid_older_frames(void **state)
{
    (void)state;
    check_invalid(json_object_get(older, "invalid"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_frames),
        cmocka_unit_test(invalid_frames),
        cmocka_unit_test(valid_older_frames),
        cmocka_unit_test(invalid_older_frames),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
