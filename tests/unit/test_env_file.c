/* test_env_file.c: the grammar of files of variables (.env), and what is said of mistakes. */
#include "unit.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/config/env_file.h"

static dora_err parse(const char *text, dr_texts *env, dora_error *error)
{
    const dora_slice slice = {text, strlen(text)};
    *env = (dr_texts){NULL, 0};
    return dr_env_parse(slice, "x/.env", env, error);
}

static void values_are_plain_or_quoted(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *entry;
    } table[] = {
        {"A=1", "A=1"},
        {"A=", "A="},
        {"  A=1  \r\n", "A=1"},
        {"export A=1\n", "A=1"},
        {"export_A=1\n", "export_A=1"},
        {"A= b c \t# a remark\n", "A=b c"},
        {"A=b#c\n", "A=b#c"},
        {"A=#c\n", "A="},
        {"A=b=c\n", "A=b=c"},
        {"A=$HOME ${B}\n", "A=$HOME ${B}"},
        {"A='b # \\n \"c\"' # d\n", "A=b # \\n \"c\""},
        {"A=\"b # 'c' \\n\\t\\\\\\\"\\$\"\n", "A=b # 'c' \n\t\\\"$"},
        {"A=\"\"", "A="},
        {"# B=1\n\n  \nA=\xc3\xa9\n", "A=\xc3\xa9"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        dr_texts env;
        dora_error error;
        assert_int_equal(parse(table[i].text, &env, &error), DORA_OK);
        assert_int_equal(env.count, 1);
        assert_string_equal(env.items[0], table[i].entry);
        dr_texts_fini(&env);
    }
}

static void mistakes_name_file_and_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *said;
    } table[] = {
        {"A=1\n\nB\n", "x/.env:3: is not NAME=VALUE; a remark begins with \"#\""},
        {"A =1\n",
         "x/.env:1: a name is letters, digits and \"_\", no digit first, with \"=\" right "
         "behind it"},
        {"1A=1", "x/.env:1: a name is"},
        {"=1", "x/.env:1: a name is"},
        {"DORA_ZYGOTE=1", "x/.env:1: a name is"},
        {"A='b\nc'\n", "x/.env:1: the quote is not closed in its line"},
        {"A=\"b\\", "x/.env:1: \"\\\" stands before n, r, t"},
        {"A=\"\\x\"", "x/.env:1: \"\\\" stands before n, r, t"},
        {"A='b' c\n", "x/.env:1: there is something behind the closing quote"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        dr_texts env;
        dora_error error;
        assert_int_equal(parse(table[i].text, &env, &error), DORA_ECONFIG);
        assert_memory_equal(error.msg, table[i].said, strlen(table[i].said));
        dr_texts_fini(&env);
    }
}

static void every_mistake_is_said(void **state)
{
    (void)state;
    dr_texts env;
    dora_error error;
    const dora_slice nul = {"A=\0b\nB", 6};
    assert_int_equal(parse("", &env, &error), DORA_OK);
    assert_int_equal(env.count, 0);
    assert_int_equal(dr_env_parse(nul, "f", &env, &error), DORA_ECONFIG);
    assert_string_equal(error.msg, "f:1: has a NUL byte, which no variable can hold\n"
                                   "f:2: is not NAME=VALUE; a remark begins with \"#\"");
    assert_int_equal(dr_env_load("/no/such/.env", &env, &error), DORA_EIO);
    assert_string_equal(error.msg, "/no/such/.env: No such file or directory");
    dr_texts_fini(&env);
}

/* A FIFO would be waited for, by the supervisor of all. */
static void a_file_must_be_a_regular_one(void **state)
{
    char folder[] = "/tmp/dora-env-XXXXXX";
    char path[64];
    dr_texts env = {NULL, 0};
    dora_error error;
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/.env", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    const dora_err err = dr_env_load(path, &env, &error);
    unlink(path);
    rmdir(folder);
    assert_int_equal(err, DORA_EIO);
    assert_non_null(strstr(error.msg, "/.env: it must be a regular file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_plain_or_quoted),
        cmocka_unit_test(mistakes_name_file_and_line),
        cmocka_unit_test(every_mistake_is_said),
        cmocka_unit_test(a_file_must_be_a_regular_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
