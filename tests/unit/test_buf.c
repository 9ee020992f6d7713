/* test_buf.c: the growing buffer, allocation, and the clock under it. */
#include "unit.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "torture.h"

static void grows_and_consumes(void **state)
{
    (void)state;
    dr_buf buf = {0};
    for (int i = 0; i < 5000; i++) {
        char c = (char)('a' + i % 26);
        assert_int_equal(dr_buf_append(&buf, &c, 1), DORA_OK);
    }
    assert_int_equal(buf.len, 5000);
    dr_buf_consume(&buf, 26);
    assert_int_equal(buf.len, 4974);
    assert_memory_equal(buf.data, "abcdef", 6);
    dr_buf_consume(&buf, 0);
    assert_int_equal(buf.len, 4974);
    dr_buf_consume(&buf, 99999);
    assert_int_equal(buf.len, 0);
    assert_true(buf.cap >= 5000);
    dr_buf_fini(&buf);
    dr_buf_fini(&buf);
    assert_null(buf.data);
}

static void append_takes_nothing(void **state)
{
    (void)state;
    dr_buf buf;
    dr_buf_init(&buf);
    assert_int_equal(dr_buf_append(&buf, NULL, 0), DORA_OK);
    assert_null(buf.data);
    assert_int_equal(dr_buf_append_slice(&buf, text_slice("abc")), DORA_OK);
    assert_slice(dr_buf_slice(&buf), "abc");
    dr_buf_clear(&buf);
    assert_int_equal(buf.len, 0);
    assert_true(buf.cap > 0);
    dr_buf_fini(&buf);
}

static void reserve_is_bounded(void **state)
{
    (void)state;
    dr_buf buf = {0};
    assert_int_equal(dr_buf_append(&buf, "x", 1), DORA_OK);
    assert_int_equal(dr_buf_reserve(&buf, SIZE_MAX), DORA_ENOMEM);
    assert_int_equal(dr_buf_reserve(&buf, SIZE_MAX - 1), DORA_ENOMEM);
    assert_int_equal(buf.len, 1);
    size_t cap = buf.cap;
    assert_int_equal(dr_buf_reserve(&buf, cap - 1), DORA_OK);
    assert_int_equal(buf.cap, cap);
    assert_int_equal(dr_buf_reserve(&buf, cap), DORA_OK);
    assert_int_equal(buf.cap, cap * 2);
    dr_buf_fini(&buf);
}

static bool append_much(void *user)
{
    (void)user;
    dr_buf buf = {0};
    bool is_ok = true;
    for (int i = 0; i < 10 && is_ok; i++) {
        size_t before = buf.len;
        is_ok = dr_buf_append(&buf,
                              "0123456789012345678901234567890123456789012345678901234567890"
                              "0123456789012345678901234567890123456789012345678901234567890",
                              120) == DORA_OK;
        assert_int_equal(buf.len, before + (is_ok ? 120 : 0));
    }
    dr_buf_fini(&buf);
    return is_ok;
}

static void failures_change_nothing(void **state)
{
    (void)state;
    assert_true(torture_run(append_much, NULL) >= 3);
    torture_arm(1);
    assert_null(dr_alloc(10));
    torture_arm(1);
    assert_null(dr_calloc(10, 10));
    torture_arm(1);
    assert_null(dr_realloc(NULL, 10));
    assert_null(dr_calloc(SIZE_MAX, 2));
    char *zero = dr_calloc(0, 5);
    assert_non_null(zero);
    assert_int_equal(zero[0], 0);
    dr_free(zero);
    dr_free(dr_alloc(0));
    dr_free(NULL);
}

static void clock_goes_forward(void **state)
{
    (void)state;
    uint64_t before = dr_clock_ns();
    uint64_t ms = dr_clock_ms();
    uint64_t after = dr_clock_ns();
    assert_true(before <= after);
    assert_true(before / 1000000 <= ms && ms <= after / 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_consumes), cmocka_unit_test(append_takes_nothing),
        cmocka_unit_test(reserve_is_bounded), cmocka_unit_test(failures_change_nothing),
        cmocka_unit_test(clock_goes_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
