/* test_names.c: what an application registers, as its master keeps it. */
#include "unit.h"

#include "task/names.h"

static void add(dr_names *names, const char *name, const char *summary)
{
    assert_int_equal(dr_names_add(names, text_slice(name)), DORA_OK);
    assert_int_equal(dr_about_add(dr_names_last(names), DR_ABOUT_SUMMARY, text_slice(summary)),
                     DORA_OK);
}

static dora_slice summary_of(const dr_names *names, uint32_t api)
{
    return dr_buf_slice(&dr_names_about(names, api)->texts[DR_ABOUT_SUMMARY]);
}

static void what_is_said_belongs_to_the_last_name(void **state)
{
    (void)state;
    dr_names names = {0};
    assert_null(dr_names_last(&names));
    add(&names, "/a", "first");
    add(&names, "/b", "second");
    add(&names, "", "rest");
    assert_int_equal(names.count, 2);
    assert_true(names.has_fallback);
    assert_slice(summary_of(&names, 0), "first");
    assert_slice(summary_of(&names, 1), "second");
    assert_slice(summary_of(&names, 2), "rest");
    dr_names_fini(&names);
    assert_int_equal(names.count, 0);
}

static void pieces_are_joined_up_to_the_limit(void **state)
{
    (void)state;
    dr_about about = {0};
    char piece[1024];
    memset(piece, 'x', sizeof(piece));
    for (size_t len = 0; len < DR_ABOUT_BYTES_MAX; len += sizeof(piece)) {
        assert_int_equal(dr_about_add(&about, DR_ABOUT_RESULT, (dora_slice){piece, sizeof(piece)}),
                         DORA_OK);
    }
    assert_int_equal(dr_about_add(&about, DR_ABOUT_RESULT, (dora_slice){piece, 1}), DORA_ETOOBIG);
    assert_int_equal(dr_about_add(&about, DR_ABOUT_PARAM, (dora_slice){piece, 1}), DORA_OK);
    assert_int_equal(about.texts[DR_ABOUT_RESULT].len, DR_ABOUT_BYTES_MAX);
    dr_about_fini(&about);
}

/* A zygote may write anything: what would spoil an answer is dropped, and nothing else. */
static void texts_that_are_not_what_they_should_be_are_dropped(void **state)
{
    (void)state;
    static const struct {
        const char *summary;
        const char *param;
        bool is_kept[2];
    } cases[] = {
        {"fine", "a:1:{s:4:\"type\";s:6:\"object\";}", {true, true}},
        {"\xff\xfe", "i:1;N;", {false, false}},
        {"fine", "a:1:{s:1:\"a\";", {true, false}},
        {"fine", "O:8:\"stdClass\":0:{}", {true, false}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        dr_names names = {0};
        add(&names, "/a", cases[i].summary);
        assert_int_equal(
            dr_about_add(dr_names_last(&names), DR_ABOUT_PARAM, text_slice(cases[i].param)),
            DORA_OK);
        dr_names_clean(&names);
        const dr_about *about = dr_names_about(&names, 0);
        assert_int_equal(about->texts[DR_ABOUT_SUMMARY].len > 0, cases[i].is_kept[0]);
        assert_int_equal(about->texts[DR_ABOUT_PARAM].len > 0, cases[i].is_kept[1]);
        dr_names_fini(&names);
    }
}

static void a_copy_is_its_own(void **state)
{
    (void)state;
    dr_names names = {0};
    dr_names copy;
    add(&names, "/a", "first");
    add(&names, "", "rest");
    assert_int_equal(dr_names_copy(&copy, &names), DORA_OK);
    dr_names_fini(&names);
    assert_string_equal(copy.items[0], "/a");
    assert_slice(summary_of(&copy, 0), "first");
    assert_slice(summary_of(&copy, 1), "rest");
    dr_names_fini(&copy);
}

static void names_have_a_limit(void **state)
{
    (void)state;
    dr_names names = {0};
    char name[DR_API_NAME_MAX + 1];
    memset(name, 'x', sizeof(name));
    assert_int_equal(dr_names_add(&names, (dora_slice){name, DR_API_NAME_MAX}), DORA_OK);
    assert_int_equal(dr_names_add(&names, (dora_slice){name, DR_API_NAME_MAX + 1}), DORA_ETOOBIG);
    while (names.count < DR_APP_APIS_MAX - 1) {
        assert_int_equal(dr_names_add(&names, text_slice("/a")), DORA_OK);
    }
    assert_int_equal(dr_names_add(&names, text_slice("/a")), DORA_ETOOBIG);
    assert_int_equal(dr_names_add(&names, text_slice("")), DORA_OK);
    dr_names_fini(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_said_belongs_to_the_last_name),
        cmocka_unit_test(pieces_are_joined_up_to_the_limit),
        cmocka_unit_test(texts_that_are_not_what_they_should_be_are_dropped),
        cmocka_unit_test(a_copy_is_its_own),
        cmocka_unit_test(names_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
