/* test_marks.c: tests/vectors/marks.json: marked values, what stays malformed, and where in a
 * request marks may stand. */
#include "unit.h"

#include <jansson.h>

#include "wire/json_request.h"
#include "wire/json_value.h"
#include "wire/message.h"
#include "wire/value.h"
#include "wire/value_write.h"

static json_t *vectors;

static int load(void **state)
{
    json_error_t error;
    (void)state;
    vectors = json_load_file("tests/vectors/marks.json", 0, &error);
    if (vectors == NULL) {
        fprintf(stderr, "tests/vectors/marks.json: %s\n", error.text);
    }
    return vectors != NULL ? 0 : -1;
}

static int unload(void **state)
{
    (void)state;
    json_decref(vectors);
    return 0;
}

static dora_slice text_of(const json_t *vector)
{
    const json_t *text = json_object_get(vector, "text");
    return (dora_slice){json_string_value(text), json_string_length(text)};
}

static const char *name_of(const json_t *vector)
{
    return json_string_value(json_object_get(vector, "name"));
}

/* copy writes what is read: a value that comes out as it went in was understood. */
static void copy(dora_reader *reader, dora_writer *writer)
{
    dora_value value;
    dora_value key;
    assert_int_equal(dora_reader_value(reader, &value), DORA_OK);
    if (value.type == DORA_NULL) {
        dora_write_null(writer);
    } else if (value.type == DORA_INT) {
        dora_write_int(writer, value.integer);
    } else if (value.type == DORA_STRING && value.mark == DORA_BYTES) {
        dora_write_bytes(writer, value.string.data, value.string.len);
    } else if (value.type == DORA_STRING) {
        dora_write_string(writer, value.string.data, value.string.len);
    } else {
        assert_int_equal(value.type, DORA_ARRAY);
        (void)(value.mark == DORA_MAP ? dora_write_map(writer, value.count)
                                      : dora_write_array(writer, value.count));
        for (size_t i = 0; i < value.count; i++) {
            assert_int_equal(dora_reader_key(reader, &key), DORA_OK);
            assert_true(key.type == DORA_INT || key.mark == DORA_UNMARKED);
            (void)(key.type == DORA_INT
                       ? dora_write_int(writer, key.integer)
                       : dora_write_string(writer, key.string.data, key.string.len));
            copy(reader, writer);
        }
        assert_int_equal(dora_reader_end(reader), DORA_OK);
        dora_write_end(writer);
    }
}

static void values_come_back_as_they_were(void **state)
{
    (void)state;
    size_t i;
    json_t *vector;
    json_array_foreach(json_object_get(vectors, "values"), i, vector)
    {
        dora_reader reader;
        dora_slice again;
        dora_writer *writer = dora_writer_new(4096);
        print_message("  %s\n", name_of(vector));
        dora_reader_init(&reader, text_of(vector));
        copy(&reader, writer);
        assert_true(dora_reader_is_done(&reader));
        assert_int_equal(dora_writer_finish(writer, &again), DORA_OK);
        assert_slice(again, text_of(vector).data);
        dora_reader_init(&reader, again);
        assert_int_equal(dora_reader_skip(&reader, NULL), DORA_OK);
        assert_true(dora_reader_is_done(&reader));
        dora_writer_free(writer);
    }
}

static void values_are_said_in_json(void **state)
{
    (void)state;
    size_t i;
    json_t *vector;
    json_array_foreach(json_object_get(vectors, "values"), i, vector)
    {
        dr_buf text = {0};
        print_message("  %s\n", name_of(vector));
        assert_int_equal(dr_json_print(text_of(vector), 0, &text, NULL), DORA_OK);
        json_t *json = json_loadb(text.data, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        assert_true(json_equal(json, json_object_get(vector, "json")));
        json_decref(json);
        dr_buf_fini(&text);
    }
}

static void other_zeros_are_malformed(void **state)
{
    (void)state;
    size_t i;
    json_t *vector;
    json_array_foreach(json_object_get(vectors, "malformed"), i, vector)
    {
        dora_reader reader;
        print_message("  %s\n", name_of(vector));
        dora_reader_init(&reader, text_of(vector));
        assert_int_equal(dora_reader_skip(&reader, NULL), DORA_EPROTO);
        assert_int_equal(dora_reader_offset(&reader),
                         json_integer_value(json_object_get(vector, "offset")));
    }
}

static void a_message_has_marks_in_parameters_alone(void **state)
{
    (void)state;
    size_t i;
    json_t *vector;
    json_array_foreach(json_object_get(vectors, "requests"), i, vector)
    {
        dr_api apis[2];
        dr_request request;
        dora_error error = {0};
        print_message("  %s\n", name_of(vector));
        (void)dr_request_decode(text_of(vector), NULL, &request, apis, 2, &error);
        assert_int_equal(error.code, json_integer_value(json_object_get(vector, "code")));
    }
}

static void a_reply_has_marks_in_its_data_alone(void **state)
{
    (void)state;
    dr_reply_message reply;
    static const char *const bad[] = {
        "a:03:{s:4:\"code\";i:0;s:3:\"msg\";s:2:\"OK\";s:4:\"data\";N;}",
        "a:3:{s:4:\"code\";i:0;s:3:\"msg\";s:02:\"OK\";s:4:\"data\";N;}",
        "a:2:{s:4:\"code\";i:0;s:1:\"x\";a:00:{}}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(dr_reply_decode(text_slice(bad[i]), &reply, NULL), DORA_EPROTO);
    }
    const dora_slice good = text_slice("a:2:{s:4:\"code\";i:0;s:4:\"data\";a:00:{}}");
    assert_int_equal(dr_reply_decode(good, &reply, NULL), DORA_OK);
    assert_slice(reply.data, "a:00:{}");
}

static void json_requests_are_marked_in_parameters_alone(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        const char *encoded;
    } cases[] = {
        {"{\"api\":{\"one\":{\"name\":\"/x\",\"param\":{}}}}",
         "a:1:{s:3:\"api\";a:1:{s:3:\"one\";a:2:{s:4:\"name\";s:2:\"/x\";s:5:\"param\";a:00:{}}}}"},
        {"{\"api\":[{\"param\":[{}],\"x\":{}}]}",
         "a:1:{s:3:\"api\";a:1:{i:0;a:2:{s:5:\"param\";a:1:{i:0;a:00:{}}s:1:\"x\";a:0:{}}}}"},
        {"{\"api\":{}}", "a:1:{s:3:\"api\";a:0:{}}"},
        {"{\"param\":{},\"x\":{\"y\":{\"param\":{}}}}",
         "a:2:{s:5:\"param\";a:0:{}s:1:\"x\";a:1:{s:1:\"y\";a:1:{s:5:\"param\";a:0:{}}}}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        dr_buf out = {0};
        assert_int_equal(dr_json_request(text_slice(cases[i].json), 4096, &out, NULL), DORA_OK);
        assert_slice(dr_buf_slice(&out), cases[i].encoded);
        dr_buf_fini(&out);
    }
    dr_buf out = {0};
    assert_int_equal(dr_json_param(text_slice("{\"a\":[{}]}"), 4096, &out, NULL), DORA_OK);
    assert_slice(dr_buf_slice(&out), "a:1:{s:1:\"a\";a:1:{i:0;a:00:{}}}");
    dr_buf_fini(&out);
}

static void writers_mark_where_it_matters(void **state)
{
    (void)state;
    dora_slice encoded;
    dora_writer *writer = dora_writer_new(4096);
    assert_int_equal(dora_write_bytes(writer, "\xff", 1), DORA_OK);
    assert_int_equal(dora_writer_finish(writer, &encoded), DORA_OK);
    assert_slice(encoded, "s:1:\"\xff\";");
    dora_writer_reset(writer);
    dora_writer_set_marks(writer, false);
    dora_write_map(writer, 1);
    dora_write_int(writer, 0);
    dora_write_bytes(writer, "a", 1);
    dora_write_end(writer);
    assert_int_equal(dora_writer_finish(writer, &encoded), DORA_OK);
    assert_slice(encoded, "a:1:{i:0;s:1:\"a\";}");
    dora_writer_reset(writer);
    dora_write_map(writer, 1);
    assert_int_equal(dora_write_bytes(writer, "a", 1), DORA_EINVAL); /* a key has no mark */
    dora_writer_free(writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_back_as_they_were),
        cmocka_unit_test(values_are_said_in_json),
        cmocka_unit_test(other_zeros_are_malformed),
        cmocka_unit_test(a_message_has_marks_in_parameters_alone),
        cmocka_unit_test(a_reply_has_marks_in_its_data_alone),
        cmocka_unit_test(json_requests_are_marked_in_parameters_alone),
        cmocka_unit_test(writers_mark_where_it_matters),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
