/* test_value.c: the pull reader: what it accepts, what it refuses, and where. */
#include "unit.h"

#include "wire/value.h"

/* A copy of exactly the bytes, so that a sanitizer sees every step outside. */
static dora_slice exact(const char *text, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    return (dora_slice){copy, len};
}

static dora_err read_one(const char *text, dora_value *value, size_t *offset)
{
    dora_reader reader;
    dora_slice bytes = exact(text, strlen(text));
    dora_reader_init(&reader, bytes);
    dora_err err = dora_reader_value(&reader, value);
    *offset = dora_reader_offset(&reader);
    free((void *)(uintptr_t)bytes.data);
    return err;
}

static void scalars_are_read(void **state)
{
    (void)state;
    dora_value value;
    size_t at;
    assert_int_equal(read_one("N;", &value, &at), DORA_OK);
    assert_int_equal(value.type, DORA_NULL);
    assert_int_equal(read_one("b:1;", &value, &at), DORA_OK);
    assert_true(value.type == DORA_BOOL && value.integer == 1);
    assert_int_equal(read_one("b:0;", &value, &at), DORA_OK);
    assert_true(value.type == DORA_BOOL && value.integer == 0);
    assert_int_equal(read_one("i:0;", &value, &at), DORA_OK);
    assert_true(value.type == DORA_INT && value.integer == 0);
    assert_int_equal(read_one("i:9223372036854775807;", &value, &at), DORA_OK);
    assert_true(value.integer == INT64_MAX);
    assert_int_equal(read_one("i:-9223372036854775808;", &value, &at), DORA_OK);
    assert_true(value.integer == INT64_MIN);
    assert_int_equal(read_one("i:-1;rest", &value, &at), DORA_OK);
    assert_true(value.integer == -1 && at == 5);
    assert_int_equal(read_one("d:0.5;", &value, &at), DORA_OK);
    assert_true(value.type == DORA_FLOAT && value.number == 0.5);
}

static void strings_are_read(void **state)
{
    (void)state;
    dora_reader reader;
    dora_value value;
    dora_reader_init(&reader, (dora_slice){"s:7:\"\0\";}a\"\"\";s:0:\"\";", 21});
    assert_int_equal(dora_reader_value(&reader, &value), DORA_OK);
    assert_int_equal(value.type, DORA_STRING);
    assert_int_equal(value.string.len, 7);
    assert_memory_equal(value.string.data, "\0\";}a\"\"", 7);
    assert_false(dora_reader_is_done(&reader));
}

typedef struct bad {
    const char *text;
    size_t offset;
} bad;

static const bad refused[] = {
    {"", 0},
    {"x", 0},
    {"N", 1},
    {"N:", 1},
    {"n;", 0},
    {"b:2;", 2},
    {"b:;", 2},
    {"b:1", 3},
    {"b:01;", 3},
    {"i:;", 2},
    {"i:-;", 3},
    {"i:+1;", 2},
    {"i:01;", 3},
    {"i:-0;", 2},
    {"i:-01;", 2},
    {"i: 1;", 2},
    {"i:1 ;", 3},
    {"i:1", 3},
    {"i1;", 1},
    {"i:9223372036854775808;", 20},
    {"i:-9223372036854775809;", 21},
    {"i:99999999999999999999999;", 20},
    {"i:0x10;", 3},
    {"d:;", 2},
    {"d:.5;", 2},
    {"d:5.;", 4},
    {"d:1e;", 4},
    {"d:1e+;", 5},
    {"d:+1;", 2},
    {"d:--1;", 3},
    {"d:nan;", 2},
    {"d:inf;", 2},
    {"d:-NAN;", 3},
    {"d:0x1p3;", 3},
    {"d:1,5;", 3},
    {"d:INF", 5},
    {"d:IN", 4},
    {"d:INX;", 4},
    {"d:-I;", 4},
    {"d:NAX;", 4},
    {"s:3:\"ab\";", 8},
    {"s:3:\"abcd\";", 8},
    {"s:-1:\"\";", 2},
    {"s:001:\"a\";", 4},
    {"s:4:\"a\";", 2},
    {"s:99999999999999999999999999:\"a\";", 20},
    {"s:18446744073709551615:\"a\";", 21},
    {"s:9223372036854775807:\"a\";", 2},
    {"s:1:'a';", 4},
    {"s:1:\"a'", 6},
    {"S:1:\"a\";", 0},
    {"a:1:{}", 2},
    {"a:-1:{}", 2},
    {"a:4294967295:{}", 2},
    {"a:000:{}", 4},
    {"a:0:[]", 4},
    {"a:0;", 3},
    {"O:8:\"stdClass\":0:{}", 0},
    {"C:1:\"A\":0:{}", 0},
    {"E:3:\"A:B\";", 0},
    {"R:1;", 0},
    {"r:1;", 0},
    {"o:1;", 0},
    {"}", 0},
};

static void bad_values_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        dora_value value;
        size_t at;
        dora_err err = read_one(refused[i].text, &value, &at);
        if (err != DORA_EPROTO || at != refused[i].offset) {
            fail_msg("%s: err %d offset %zu, not %zu", refused[i].text, err, at, refused[i].offset);
        }
        dora_reader reader;
        dora_slice bytes = exact(refused[i].text, strlen(refused[i].text));
        dora_reader_init(&reader, bytes);
        assert_int_equal(dora_reader_skip(&reader, NULL), DORA_EPROTO);
        assert_int_equal(dora_reader_offset(&reader), refused[i].offset);
        free((void *)(uintptr_t)bytes.data);
    }
}

/* Strings and ints whose numbers have 1 to 6 digits, with much behind them, little, and nothing. */
static void numbers_of_every_length(void **state)
{
    (void)state;
    static const int numbers[] = {0, 9, 10, 99, 100, 999, 1000, 9999, 10000, 99999, 100000};
    static char text[100100];
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        for (size_t behind = 0; behind < 8; behind++) {
            dora_value value;
            size_t at;
            const int head = snprintf(text, sizeof(text), "s:%d:\"", numbers[i]);
            memset(text + head, 'x', (size_t)numbers[i]);
            const size_t len = (size_t)head + (size_t)numbers[i] + 2;
            (void)snprintf(text + len - 2, 16, "\";%.*s", (int)behind, "}}}}}}}}");
            assert_int_equal(read_one(text, &value, &at), DORA_OK);
            assert_true(value.type == DORA_STRING && at == len);
            assert_int_equal(value.string.len, numbers[i]);
            const int end = snprintf(text, sizeof(text), "i:%d;", numbers[i]);
            (void)snprintf(text + end, 16, "%.*s", (int)behind, "}}}}}}}}");
            assert_int_equal(read_one(text, &value, &at), DORA_OK);
            assert_true(value.type == DORA_INT && at == (size_t)end);
            assert_int_equal(value.integer, numbers[i]);
        }
    }
}

/* Whatever stands behind a wrong byte, the same one is found. */
static void refusals_with_more_behind(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        const size_t len = strlen(refused[i].text);
        /* Where the end was wrong, or what was announced did not fit, more mends it. */
        const bool is_mended = refused[i].offset == len || refused[i].text[0] == 'a' ||
                               strncmp(refused[i].text, "s:4:", 4) == 0;
        for (size_t behind = 1; behind <= 8 && !is_mended; behind++) {
            char text[64];
            dora_reader reader;
            (void)snprintf(text, sizeof(text), "%s%.*s", refused[i].text, (int)behind, "????????");
            dora_slice bytes = exact(text, len + behind);
            dora_reader_init(&reader, bytes);
            assert_int_equal(dora_reader_skip(&reader, NULL), DORA_EPROTO);
            assert_int_equal(dora_reader_offset(&reader), refused[i].offset);
            free((void *)(uintptr_t)bytes.data);
        }
    }
}

static void arrays_are_read(void **state)
{
    (void)state;
    dora_reader reader;
    dora_value value;
    dora_reader_init(&reader, text_slice("a:2:{i:7;a:0:{}s:1:\"k\";d:1.5;}i:1;"));
    assert_int_equal(dora_reader_value(&reader, &value), DORA_OK);
    assert_true(value.type == DORA_ARRAY && value.count == 2);
    assert_int_equal(dora_reader_key(&reader, &value), DORA_OK);
    assert_true(value.type == DORA_INT && value.integer == 7);
    assert_int_equal(dora_reader_value(&reader, &value), DORA_OK);
    assert_true(value.type == DORA_ARRAY && value.count == 0);
    assert_int_equal(dora_reader_end(&reader), DORA_OK);
    assert_int_equal(dora_reader_key(&reader, &value), DORA_OK);
    assert_slice(value.string, "k");
    assert_int_equal(dora_reader_value(&reader, &value), DORA_OK);
    assert_int_equal(dora_reader_end(&reader), DORA_OK);
    assert_int_equal(dora_reader_end(&reader), DORA_EPROTO);
    assert_int_equal(dora_reader_offset(&reader), 30);
}

static void keys_are_int_or_string(void **state)
{
    (void)state;
    static const char *const bad_keys[] = {"N;", "b:1;", "d:1.5;", "a:0:{}", "O:1:\"a\":0:{}", ""};
    for (size_t i = 0; i < sizeof(bad_keys) / sizeof(bad_keys[0]); i++) {
        dora_reader reader;
        dora_value key;
        char text[64];
        dora_reader_init(&reader, text_slice(bad_keys[i]));
        assert_int_equal(dora_reader_key(&reader, &key), DORA_EPROTO);
        assert_int_equal(dora_reader_offset(&reader), 0);
        snprintf(text, sizeof(text), "a:1:{%sN;}      ", bad_keys[i]);
        dora_reader_init(&reader, text_slice(text));
        assert_int_equal(dora_reader_skip(&reader, NULL), DORA_EPROTO);
        assert_int_equal(dora_reader_offset(&reader), 5);
    }
}

static void skip_gives_the_bytes(void **state)
{
    (void)state;
    dora_reader reader;
    dora_slice raw;
    static const char text[] = "a:2:{i:0;a:1:{i:0;s:2:\"}}\";}i:1;N;}b:1;";
    dora_reader_init(&reader, text_slice(text));
    assert_int_equal(dora_reader_skip(&reader, &raw), DORA_OK);
    assert_slice(raw, "a:2:{i:0;a:1:{i:0;s:2:\"}}\";}i:1;N;}");
    assert_int_equal(dora_reader_skip(&reader, &raw), DORA_OK);
    assert_slice(raw, "b:1;");
    assert_true(dora_reader_is_done(&reader));
    dora_reader_init(&reader, text_slice("a:1:{i:0;N;i:1;N;}"));
    assert_int_equal(dora_reader_skip(&reader, NULL), DORA_EPROTO);
    assert_int_equal(dora_reader_offset(&reader), 11);
}

static dora_slice nested(size_t levels)
{
    char *text = malloc(levels * 10 + 1);
    size_t len = 0;
    assert_non_null(text);
    for (size_t i = 0; i < levels; i++) {
        bool is_last = i + 1 == levels;
        memcpy(text + len, is_last ? "a:0:{" : "a:1:{i:0;", is_last ? 5 : 9);
        len += is_last ? 5 : 9;
    }
    memset(text + len, '}', levels);
    return (dora_slice){text, len + levels};
}

static void depth_is_512(void **state)
{
    (void)state;
    dora_reader reader;
    dora_slice bytes = nested(512);
    dora_reader_init(&reader, bytes);
    assert_int_equal(dora_reader_skip(&reader, NULL), DORA_OK);
    assert_true(dora_reader_is_done(&reader));
    free((void *)(uintptr_t)bytes.data);

    bytes = nested(513);
    dora_reader_init(&reader, bytes);
    assert_int_equal(dora_reader_skip(&reader, NULL), DORA_ETOOBIG);
    assert_int_equal(dora_reader_offset(&reader), 512 * 9);

    /* Levels opened by the caller count as well. */
    dora_value value;
    dora_reader_init(&reader, bytes);
    assert_int_equal(dora_reader_value(&reader, &value), DORA_OK);
    assert_int_equal(dora_reader_key(&reader, &value), DORA_OK);
    assert_int_equal(dora_reader_skip(&reader, NULL), DORA_ETOOBIG);
    free((void *)(uintptr_t)bytes.data);
}

static void members_are_bounded(void **state)
{
    (void)state;
    dora_reader reader;
    for (size_t extra = 0; extra < 2; extra++) {
        size_t count = DR_VALUE_MEMBERS_MAX + extra;
        char *text = malloc(count * 6 + 32);
        assert_non_null(text);
        size_t len = (size_t)snprintf(text, 32, "a:%zu:{", count);
        for (size_t i = 0; i < count; i++, len += 6) {
            memcpy(text + len, "i:0;N;", 6);
        }
        text[len++] = '}';
        dora_reader_init(&reader, (dora_slice){text, len});
        assert_int_equal(dora_reader_skip(&reader, NULL), extra == 0 ? DORA_OK : DORA_ETOOBIG);
        free(text);
    }
}

/* An array may announce as many pairs as could stand in the bytes that are left, no more. */
static void count_must_fit(void **state)
{
    (void)state;
    dora_value value;
    size_t at;
    assert_int_equal(read_one("a:2:{i:0;N;i:1;N;", &value, &at), DORA_OK);
    assert_int_equal(read_one("a:2:{i:0;N;i:1;N", &value, &at), DORA_EPROTO);
    assert_int_equal(at, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_are_read),
        cmocka_unit_test(strings_are_read),
        cmocka_unit_test(bad_values_are_refused),
        cmocka_unit_test(numbers_of_every_length),
        cmocka_unit_test(refusals_with_more_behind),
        cmocka_unit_test(arrays_are_read),
        cmocka_unit_test(keys_are_int_or_string),
        cmocka_unit_test(skip_gives_the_bytes),
        cmocka_unit_test(depth_is_512),
        cmocka_unit_test(members_are_bounded),
        cmocka_unit_test(count_must_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
