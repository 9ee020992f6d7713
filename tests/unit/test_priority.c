/* test_priority.c: the words of priorities, and which one a call has. */
#include "unit_threads.h"

#include <string.h>

#include "base/priority.h"

static void *other(void *argument)
{
    dora_priority *seen = argument;
    *seen = dr_priority_get();
    dr_priority_set(DORA_PRIORITY_LOW);
    return NULL;
}

static void join(unit_threads *threads)
{
    (void)unit_threads_join(threads);
    dr_priority_set(DORA_PRIORITY_DEFAULT);
}
UNIT_SCENE(unit_threads, join)

static void each_thread_has_its_own(void **state)
{
    unit_threads *thread = *state;
    static dora_priority seen = DORA_PRIORITY_NORMAL;
    dr_priority_set(DORA_PRIORITY_HIGH);
    unit_threads_start(thread, 1, other, &seen);
    assert_int_equal(unit_threads_join(thread), 0);
    assert_int_equal(seen, DORA_PRIORITY_DEFAULT);
    assert_int_equal(dr_priority_get(), DORA_PRIORITY_HIGH);
}

static void words_are_read_as_they_are_named(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "Low", "lo", "lowest", "norma", "high ", "urgent"};
    for (int i = DORA_PRIORITY_LOW; i <= DORA_PRIORITY_HIGH; i++) {
        dora_priority found = DORA_PRIORITY_DEFAULT;
        const char *word = dora_priority_name((dora_priority)i);
        assert_true(dora_priority_find((dora_slice){word, strlen(word)}, &found));
        assert_int_equal(found, i);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        dora_priority found = DORA_PRIORITY_HIGH;
        assert_false(dora_priority_find((dora_slice){wrong[i], strlen(wrong[i])}, &found));
        assert_int_equal(found, DORA_PRIORITY_HIGH);
    }
    assert_string_equal(dora_priority_name(DORA_PRIORITY_DEFAULT), "");
    assert_string_equal(dora_priority_name((dora_priority)4), "");
    assert_string_equal(dora_priority_name((dora_priority)-1), "");
}

static dora_priority sent(dora_priority given, dora_priority client)
{
    dora_priority found;
    assert_int_equal(dr_priority_of_call(given, client, &found, NULL), DORA_OK);
    return found;
}

static void a_call_has_its_own_or_its_clients_or_its_handlers_callers(void **state)
{
    (void)state;
    const dora_priority none = DORA_PRIORITY_DEFAULT;
    assert_int_equal(sent(none, none), none);
    assert_int_equal(sent(DORA_PRIORITY_LOW, DORA_PRIORITY_HIGH), DORA_PRIORITY_LOW);
    assert_int_equal(sent(none, DORA_PRIORITY_HIGH), DORA_PRIORITY_HIGH);
    dr_priority_set(DORA_PRIORITY_LOW);
    assert_int_equal(sent(none, none), DORA_PRIORITY_LOW);
    assert_int_equal(sent(none, DORA_PRIORITY_HIGH), DORA_PRIORITY_HIGH);
    assert_int_equal(sent(DORA_PRIORITY_NORMAL, none), none); /* which is that without one */
    assert_int_equal(sent(none, DORA_PRIORITY_NORMAL), none);
}

static void what_is_no_priority_is_refused(void **state)
{
    (void)state;
    dora_priority found;
    dora_error error = {.err = DORA_OK};
    assert_int_equal(dr_priority_of_call((dora_priority)4, DORA_PRIORITY_LOW, &found, &error),
                     DORA_EINVAL);
    assert_string_equal(error.msg, "priority is 4: it must be DORA_PRIORITY_LOW, _NORMAL or _HIGH");
    assert_int_equal(dr_priority_check((dora_priority)-1, NULL), DORA_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(unit_threads, each_thread_has_its_own),
        unit_in(unit_threads, words_are_read_as_they_are_named),
        unit_in(unit_threads, a_call_has_its_own_or_its_clients_or_its_handlers_callers),
        unit_in(unit_threads, what_is_no_priority_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
