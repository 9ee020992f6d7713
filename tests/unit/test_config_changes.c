/* test_config_changes.c: which keys of a configuration file have changed. */
#include "unit.h"

#include "server/config/config_changes.h"

typedef struct keys {
    char text[256];
} keys;

static void add(const char *key, void *user)
{
    keys *all = user;
    const size_t len = strlen(all->text);
    (void)snprintf(all->text + len, sizeof(all->text) - len, "%s%s", len > 0 ? " " : "", key);
}

static void assert_changes(const char *before, const char *now, const char *wanted)
{
    char old_text[256];
    char new_text[256];
    keys found = {""};
    (void)snprintf(old_text, sizeof(old_text), "%s", before != NULL ? before : "");
    (void)snprintf(new_text, sizeof(new_text), "%s", now);
    const dr_config old = {.text = before != NULL ? old_text : NULL};
    const dr_config new = {.text = new_text};
    dr_config_each_change(&old, &new, add, &found);
    assert_string_equal(found.text, wanted);
}

static void the_same_in_another_order_is_no_change(void **state)
{
    (void)state;
    assert_changes("{\"gzip\": true, \"log\": {\"level\": 4, \"slow_ms\": 1}}",
                   "{\"log\": {\"slow_ms\": 1,\n\"level\": 4}, \"gzip\": true}", "");
}

static void each_key_is_told_once_with_its_path(void **state)
{
    (void)state;
    assert_changes("{\"gzip\": true, \"log\": {\"level\": 4}, \"sign\": true}",
                   "{\"gzip\": false, \"log\": {\"level\": 5}, \"drain_ms\": 1}",
                   "gzip log.level sign drain_ms");
}

static void a_key_of_a_pool_is_told_as_a_whole_and_so_is_a_pool_that_comes_or_goes(void **state)
{
    (void)state;
    assert_changes("{\"pools\": {\"a\": {\"app\": \"a.py\", \"env\": {\"A\": \"1\"}}, \"b\": {}}}",
                   "{\"pools\": {\"a\": {\"app\": \"a.py\", \"env\": {\"A\": \"2\"}}, \"c\": {}}}",
                   "pools.a.env pools.b pools.c");
}

static void without_a_file_nothing_is_told(void **state)
{
    (void)state;
    assert_changes(NULL, "{\"gzip\": true}", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_in_another_order_is_no_change),
        cmocka_unit_test(each_key_is_told_once_with_its_path),
        cmocka_unit_test(a_key_of_a_pool_is_told_as_a_whole_and_so_is_a_pool_that_comes_or_goes),
        cmocka_unit_test(without_a_file_nothing_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
