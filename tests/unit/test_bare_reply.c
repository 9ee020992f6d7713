/* test_bare_reply.c: replies in the form of the original's older releases. */
#include "unit.h"

#include "torture.h"
#include "wire/bare_reply.h"

#define GUID "0123456789abcdef0123456789abcdef"
#define NOBODY "00000000000000000000000000000000"
#define ENVELOPE(code, msg, data)                                                                  \
    "a:4:{s:4:\"guid\";s:32:\"" GUID "\";s:4:\"code\";i:" code ";s:3:\"msg\";" msg                 \
    "s:4:\"data\";" data "}"
#define OLD_ENVELOPE(code, msg, data)                                                              \
    "a:3:{s:4:\"code\";i:" code ";s:3:\"msg\";" msg "s:4:\"data\";" data "}"
#define OK "s:2:\"OK\";"

static const struct {
    const char *today;
    const char *guid; /* NULL: its own */
    const char *older;
} cases[] = {
    {ENVELOPE("0", OK, ENVELOPE("0", OK, "i:7;")), NULL,
     "a:4:{s:4:\"code\";i:0;s:3:\"msg\";" OK
     "s:4:\"data\";" OLD_ENVELOPE("0", OK, "i:7;") "s:4:\"guid\";s:32:\"" GUID "\";}"},
    /* What a handler returned is left as it is, though it looks like an envelope. */
    {ENVELOPE("0", OK, ENVELOPE("5", "s:2:\"no\";", ENVELOPE("0", OK, "N;"))), "x",
     "a:4:{s:4:\"code\";i:0;s:3:\"msg\";" OK "s:4:\"data\";" OLD_ENVELOPE(
         "5", "s:2:\"no\";", ENVELOPE("0", OK, "N;")) "s:4:\"guid\";s:1:\"x\";}"},
    {ENVELOPE("0", OK,
              "a:2:{i:3;" ENVELOPE("0", OK, "a:0:{}") "s:1:\"k\";" ENVELOPE("100204", "s:1:\"?\";",
                                                                            "a:0:{}") "}"),
     NULL,
     "a:4:{s:4:\"code\";i:0;s:3:\"msg\";" OK
     "s:4:\"data\";a:2:{i:3;" OLD_ENVELOPE("0", OK, "a:0:{}") "s:1:\"k\";" OLD_ENVELOPE(
         "100204", "s:1:\"?\";", "a:0:{}") "}s:4:\"guid\";s:32:\"" GUID "\";}"},
    /* A command's answer. */
    {ENVELOPE("0", OK, "a:1:{s:6:\"server\";a:1:{s:4:\"guid\";s:1:\"g\";}}"), NULL,
     "a:4:{s:4:\"code\";i:0;s:3:\"msg\";" OK "s:4:\"data\";a:1:{s:6:\"server\";a:1:{s:4:\"guid\";"
     "s:1:\"g\";}}s:4:\"guid\";s:32:\"" GUID "\";}"},
    /* A later result. */
    {"a:5:{s:4:\"guid\";s:32:\"" GUID "\";s:4:\"code\";i:0;s:3:\"msg\";" OK
     "s:4:\"data\";" ENVELOPE("0", OK, "b:1;") "s:8:\"isresult\";i:1;}",
     NULL,
     "a:5:{s:4:\"code\";i:0;s:3:\"msg\";" OK "s:4:\"data\";" OLD_ENVELOPE(
         "0", OK, "b:1;") "s:4:\"guid\";s:32:\"" GUID "\";s:8:\"isresult\";i:1;}"},
    /* Refused before a guid was known. */
    {"a:4:{s:4:\"guid\";s:32:\"" NOBODY "\";s:4:\"code\";i:100006;s:3:\"msg\";s:1:\"m\";"
     "s:4:\"data\";a:0:{}}",
     NULL, OLD_ENVELOPE("100006", "s:1:\"m\";", "a:0:{}")},
};

static void every_kind_of_reply(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dr_buf out = {0};
        const dora_slice guid = text_slice(cases[i].guid != NULL ? cases[i].guid : "");
        dr_buf_append(&out, "before", 6);
        assert_int_equal(dr_bare_reply(text_slice(cases[i].today), guid, &out), DORA_OK);
        dr_buf_consume(&out, 6);
        assert_slice(dr_buf_slice(&out), cases[i].older);
        dr_buf_fini(&out);
    }
}

static bool one_reply(void *user)
{
    (void)user;
    dr_buf out = {0};
    const dora_err err = dr_bare_reply(text_slice(cases[0].today), text_slice(""), &out);
    assert_true(err == DORA_OK || (err == DORA_ENOMEM && out.len == 0));
    dr_buf_fini(&out);
    return err == DORA_OK;
}

static void out_of_memory(void **state)
{
    (void)state;
    assert_int_equal(torture_run(one_reply, NULL), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_reply),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
