/* test_error.c: names, texts, and the message that is cut where it does not fit. */
#include "unit.h"

#include <dora/error.h>

static void set_fills_all(void **state)
{
    (void)state;
    static dora_error error;
    memset(&error, 0x5a, sizeof(error));
    assert_int_equal(dora_error_set(&error, DORA_EINVAL, "port %d of %s", 70000, "a"), DORA_EINVAL);
    assert_int_equal(error.err, DORA_EINVAL);
    assert_int_equal(error.code, 0);
    assert_int_equal(error.offset, 0);
    assert_string_equal(error.msg, "port 70000 of a");
    assert_int_equal(dora_error_set(NULL, DORA_EIO, "%s", "x"), DORA_EIO);
}

static void long_message_is_cut(void **state)
{
    (void)state;
    static dora_error error;
    dora_error_set(&error, DORA_EIO, "%05000d", 1);
    assert_int_equal(strlen(error.msg), sizeof(error.msg) - 1);
}

static void names_and_texts(void **state)
{
    (void)state;
    assert_string_equal(dora_err_name(DORA_OK), "DORA_OK");
    assert_string_equal(dora_err_name(DORA_ETIMEDOUT), "DORA_ETIMEDOUT");
    assert_string_equal(dora_err_text(DORA_ETIMEDOUT), "timed out");
    assert_string_equal(dora_err_name((dora_err)-999), "unknown error");
    assert_string_equal(dora_err_text((dora_err)999), "unknown error");
    assert_int_equal(DORA_ETYPE, -18);
}

static void codes_have_their_text(void **state)
{
    (void)state;
    assert_string_equal(dora_code_text(0), "OK");
    assert_string_equal(dora_code_text(100204), "no such api");
    assert_string_equal(dora_code_text(1231), "unknown code");
    static const int64_t not_run[] = {100010, 100202, 100203, 100204,
                                      100205, 100207, 100210, 100212};
    size_t found = 0;
    for (int64_t code = 99990; code < 100300; code++) {
        if (dora_code_is_not_run(code)) {
            assert_true(found < sizeof(not_run) / sizeof(not_run[0]));
            assert_int_equal(code, not_run[found]);
            found++;
        }
    }
    assert_int_equal(found, sizeof(not_run) / sizeof(not_run[0]));
    assert_false(dora_code_is_not_run(0));
    assert_false(dora_code_is_not_run(INT64_MIN));
}

static void kinds_follow_the_code(void **state)
{
    (void)state;
    static const struct {
        dora_err err;
        int64_t code;
        dora_kind kind;
        int64_t told;
    } cases[] = {
        {DORA_ETIMEDOUT, 0, DORA_KIND_TIMEOUT, 100009},
        {DORA_ECONNECT, 0, DORA_KIND_CONNECTION, 100010},
        {DORA_ECLOSED, 0, DORA_KIND_CONNECTION, 100009},
        {DORA_EIO, 0, DORA_KIND_CONNECTION, 100009},
        {DORA_EFULL, 0, DORA_KIND_NOT_RUN, 100203},
        {DORA_ETOOBIG, 0, DORA_KIND_ERROR, 100206},
        {DORA_EINVAL, 0, DORA_KIND_ERROR, 100003},
        {DORA_EPROTO, 0, DORA_KIND_ERROR, 100006},
        {DORA_EREPLY, 100012, DORA_KIND_CONNECTION, 100012},
        {DORA_EREPLY, 100207, DORA_KIND_NOT_RUN, 100207},
        {DORA_EREPLY, 100005, DORA_KIND_ERROR, 100005},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const dora_error error = {.err = cases[i].err, .code = cases[i].code};
        int64_t code = -1;
        assert_int_equal(dora_error_kind(&error, &code), cases[i].kind);
        assert_int_equal(code, cases[i].told);
        assert_int_equal(dora_error_kind(&error, NULL), cases[i].kind);
    }
    assert_int_equal(dora_code_kind(100203), DORA_KIND_NOT_RUN);
    assert_int_equal(dora_code_kind(100200), DORA_KIND_HANDLER);
    assert_int_equal(dora_code_kind(100010), DORA_KIND_HANDLER); /* a handler's own, rather */
    assert_int_equal(dora_code_kind(7), DORA_KIND_HANDLER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_fills_all),         cmocka_unit_test(long_message_is_cut),
        cmocka_unit_test(names_and_texts),       cmocka_unit_test(codes_have_their_text),
        cmocka_unit_test(kinds_follow_the_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
