/* test_writer.c: the writer: its bytes, its strictness, and the ways it grows. */
#include "unit.h"

#include "base/mem.h"
#include "torture.h"
#include "wire/value.h"
#include "wire/value_write.h"

static void scalars_and_shapes(void **state)
{
    (void)state;
    dora_slice bytes;
    dora_writer *writer = dora_writer_new(4096);
    dora_write_array(writer, 8);
    dora_write_int(writer, 0);
    dora_write_null(writer);
    dora_write_string(writer, "t", 1);
    dora_write_bool(writer, true);
    dora_write_int(writer, -5);
    dora_write_bool(writer, false);
    dora_write_int(writer, 1);
    dora_write_int(writer, INT64_MIN);
    dora_write_int(writer, 2);
    dora_write_int(writer, INT64_MAX);
    dora_write_int(writer, 3);
    dora_write_float(writer, 0.1);
    dora_write_int(writer, 4);
    dora_write_string(writer, NULL, 0);
    dora_write_int(writer, 5);
    dora_write_array(writer, 0);
    dora_write_end(writer);
    dora_write_end(writer);
    assert_int_equal(dora_writer_finish(writer, &bytes), DORA_OK);
    assert_slice(bytes, "a:8:{i:0;N;s:1:\"t\";b:1;i:-5;b:0;i:1;i:-9223372036854775808;"
                        "i:2;i:9223372036854775807;i:3;d:0.1;i:4;s:0:\"\";i:5;a:0:{}}");
    dora_writer_reset(writer);
    assert_int_equal(dora_write_raw(writer, text_slice("i:7;")), DORA_OK);
    assert_int_equal(dora_writer_finish(writer, &bytes), DORA_OK);
    assert_slice(bytes, "i:7;");
    assert_int_equal(dora_writer_finish(writer, NULL), DORA_OK);
    dora_writer_free(writer);
    dora_writer_free(NULL);
}

static void integer_texts(void **state)
{
    (void)state;
    int64_t power = 1;
    for (int i = 0; i < 19; i++, power *= 10) {
        for (int64_t d = -1; d <= 1; d++) {
            char text[DR_INT_TEXT_MAX];
            char want[32];
            snprintf(want, sizeof(want), "%lld", (long long)(power + d));
            assert_slice(((dora_slice){text, dr_int_text(power + d, text)}), want);
            snprintf(want, sizeof(want), "%lld", (long long)-(power + d));
            assert_slice(((dora_slice){text, dr_int_text(-(power + d), text)}), want);
        }
        if (i == 18) {
            break;
        }
    }
}

static void balance_is_kept(void **state)
{
    (void)state;
    dora_slice bytes;
    dora_writer *w = dora_writer_new(4096);
    /* nothing, two values, an open array, too few, too many, an end too many */
    assert_int_equal(dora_writer_finish(w, &bytes), DORA_EINVAL);
    assert_int_equal(bytes.len, 0);
    dora_writer_reset(w);
    assert_int_equal(dora_write_null(w), DORA_OK);
    assert_int_equal(dora_write_null(w), DORA_EINVAL);
    assert_int_equal(dora_writer_error(w), DORA_EINVAL);
    dora_writer_reset(w);
    assert_int_equal(dora_write_array(w, 0), DORA_OK);
    assert_int_equal(dora_writer_finish(w, NULL), DORA_EINVAL);
    dora_writer_reset(w);
    assert_int_equal(dora_write_array(w, 1), DORA_OK);
    assert_int_equal(dora_write_end(w), DORA_EINVAL);
    dora_writer_reset(w);
    dora_write_array(w, 1);
    dora_write_int(w, 0);
    assert_int_equal(dora_write_end(w), DORA_EINVAL);
    dora_writer_reset(w);
    dora_write_array(w, 1);
    dora_write_int(w, 0);
    dora_write_int(w, 0);
    assert_int_equal(dora_write_int(w, 1), DORA_EINVAL);
    dora_writer_reset(w);
    assert_int_equal(dora_write_end(w), DORA_EINVAL);
    dora_writer_reset(w);
    dora_write_null(w);
    assert_int_equal(dora_write_end(w), DORA_EINVAL);
    dora_writer_reset(w);
    assert_int_equal(dora_write_raw(w, (dora_slice){NULL, 0}), DORA_EINVAL);
    dora_writer_free(w);
}

static void keys_are_int_or_string(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        dora_writer *w = dora_writer_new(4096);
        dora_write_array(w, 1);
        dora_err err = i == 0   ? dora_write_null(w)
                       : i == 1 ? dora_write_bool(w, true)
                       : i == 2 ? dora_write_float(w, 1)
                       : i == 3 ? dora_write_array(w, 0)
                                : dora_write_raw(w, text_slice("i:0;"));
        assert_int_equal(err, DORA_EINVAL);
        assert_int_equal(dora_write_int(w, 0), DORA_EINVAL);
        dora_writer_free(w);
    }
}

static dora_err write_nested(dora_writer *w, size_t levels)
{
    for (size_t i = 0; i < levels; i++) {
        dora_write_array(w, i + 1 < levels);
        if (i + 1 < levels) {
            dora_write_int(w, 0);
        }
    }
    for (size_t i = 0; i < levels; i++) {
        dora_write_end(w);
    }
    return dora_writer_finish(w, NULL);
}

static void depth_is_512(void **state)
{
    (void)state;
    dora_writer *w = dora_writer_new(1 << 20);
    assert_int_equal(write_nested(w, 512), DORA_OK);
    dora_writer_reset(w);
    assert_int_equal(write_nested(w, 513), DORA_ETOOBIG);
    w->depth_max = 3;
    dora_writer_reset(w);
    assert_int_equal(write_nested(w, 3), DORA_OK);
    dora_writer_reset(w);
    assert_int_equal(write_nested(w, 4), DORA_ETOOBIG);
    dora_writer_free(w);
}

static void members_are_bounded(void **state)
{
    (void)state;
    dora_writer *w = dora_writer_new(1 << 20);
    assert_int_equal(dora_write_array(w, DR_VALUE_MEMBERS_MAX), DORA_OK);
    dora_write_int(w, 0);
    assert_int_equal(dora_write_array(w, 0), DORA_OK);
    assert_int_equal(dora_write_end(w), DORA_OK);
    dora_write_int(w, 1);
    assert_int_equal(dora_write_array(w, 1), DORA_ETOOBIG);
    dora_writer_reset(w);
    assert_int_equal(dora_write_array(w, DR_VALUE_MEMBERS_MAX + 1), DORA_ETOOBIG);
    dora_writer_reset(w);
    assert_int_equal(dora_write_array(w, SIZE_MAX), DORA_ETOOBIG);
    dora_writer_free(w);
}

static void bytes_are_bounded(void **state)
{
    (void)state;
    char text[300];
    memset(text, 'x', sizeof(text));
    dora_writer *w = dora_writer_new(309);
    assert_int_equal(dora_write_string(w, text, 300), DORA_OK);
    assert_int_equal(dora_writer_finish(w, NULL), DORA_OK);
    dora_writer_free(w);
    w = dora_writer_new(308);
    assert_int_equal(dora_write_string(w, text, 300), DORA_ETOOBIG);
    assert_int_equal(dora_writer_error(w), DORA_ETOOBIG);
    dora_writer_reset(w);
    assert_int_equal(dora_write_string(w, text, SIZE_MAX), DORA_ETOOBIG);
    dora_writer_reset(w);
    assert_int_equal(dora_write_string(w, text, SIZE_MAX / 2 - 20), DORA_ETOOBIG);
    dora_writer_free(w);

    /* The closing brace counts too. */
    w = dora_writer_new(5);
    assert_int_equal(dora_write_array(w, 0), DORA_OK);
    assert_int_equal(dora_write_end(w), DORA_ETOOBIG);
    dora_writer_free(w);
}

static void fixed_area(void **state)
{
    (void)state;
    dora_writer w;
    char area[10];
    dora_slice bytes;
    dr_writer_init(&w, area, sizeof(area), 4096, NULL, NULL);
    assert_int_equal(dora_write_string(&w, "abc", 3), DORA_OK);
    assert_int_equal(dora_writer_finish(&w, &bytes), DORA_OK);
    assert_ptr_equal(bytes.data, area);
    dora_writer_reset(&w);
    assert_int_equal(dora_write_string(&w, "abcdef", 6), DORA_ETOOBIG);
    dr_writer_fini(&w);

    /* An area larger than `max` is used up to `max` only. */
    dr_writer_init(&w, area, sizeof(area), 3, NULL, NULL);
    assert_int_equal(dora_write_bool(&w, true), DORA_ETOOBIG);
    dora_writer_reset(&w);
    assert_int_equal(dora_write_null(&w), DORA_OK);
    dr_writer_fini(&w);
    memset(&w, 0, sizeof(w));
    dr_writer_fini(&w);
}

typedef struct areas {
    char first[8];
    char second[64];
    int moves;
} areas;

static dora_err move_over(dora_writer *writer, size_t need, void *user)
{
    areas *two = user;
    if (need > sizeof(two->second)) {
        return DORA_EFULL;
    }
    memcpy(two->second, writer->data, writer->len);
    writer->data = two->second;
    writer->cap = sizeof(two->second);
    two->moves++;
    return DORA_OK;
}

static void growth_by_moving(void **state)
{
    (void)state;
    dora_writer w;
    areas two = {.moves = 0};
    dora_slice bytes;
    dr_writer_init(&w, two.first, sizeof(two.first), 1000, move_over, &two);
    dora_write_array(&w, 1);
    dora_write_int(&w, 1);
    dora_write_string(&w, "hello", 5);
    dora_write_end(&w);
    assert_int_equal(dora_writer_finish(&w, &bytes), DORA_OK);
    assert_slice(bytes, "a:1:{i:1;s:5:\"hello\";}");
    assert_int_equal(two.moves, 1);
    dora_writer_reset(&w);
    char text[100] = {0};
    assert_int_equal(dora_write_string(&w, text, sizeof(text)), DORA_EFULL);
    assert_int_equal(dora_writer_finish(&w, NULL), DORA_EFULL);
    dr_writer_fini(&w);
}

static bool write_much(void *user)
{
    (void)user;
    dora_writer *w = dora_writer_new(1 << 20);
    if (w == NULL) {
        return false;
    }
    dora_write_array(w, 200);
    for (int i = 0; i < 200; i++) {
        dora_write_int(w, i);
        dora_write_string(w, "some text or other", 18);
    }
    dora_write_end(w);
    dora_err err = dora_writer_finish(w, NULL);
    assert_true(err == DORA_OK || err == DORA_ENOMEM);
    dora_writer_free(w);
    return err == DORA_OK;
}

static void out_of_memory(void **state)
{
    (void)state;
    assert_true(torture_run(write_much, NULL) >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_and_shapes), cmocka_unit_test(integer_texts),
        cmocka_unit_test(balance_is_kept),    cmocka_unit_test(keys_are_int_or_string),
        cmocka_unit_test(depth_is_512),       cmocka_unit_test(members_are_bounded),
        cmocka_unit_test(bytes_are_bounded),  cmocka_unit_test(fixed_area),
        cmocka_unit_test(growth_by_moving),   cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
