/* test_sources.c: which changes of files count, and how many folders are watched. */
#include "unit_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "server/master/sources.h"

typedef struct watching {
    unit_folder folder;
    dr_sources *sources;
} watching;

static void watching_end(watching *at)
{
    dr_sources_free(at->sources);
    unit_folder_remove(&at->folder);
}
UNIT_SCENE(watching, watching_end)

static const char *in(const watching *at, const char *name)
{
    return unit_folder_path(&at->folder, name);
}

static void begin(watching *at)
{
    dora_error error;
    unit_folder_make(&at->folder);
    unit_write(in(at, "app.py"), "");
    assert_int_equal(dr_sources_new(&at->sources, &error), DORA_OK);
}

static void watch_tree(watching *at)
{
    dora_error error;
    assert_int_equal(dr_sources_add_tree(at->sources, in(at, "app.py"), &error), DORA_OK);
}

/* let_count adds a file. Returns: whether it has just changed. */
static bool let_count(watching *at, const char *name)
{
    dora_error error;
    bool has_changed;
    assert_int_equal(dr_sources_add(at->sources, in(at, name), &has_changed, &error), DORA_OK);
    return has_changed;
}

static void assert_changed(watching *at, const char *name)
{
    const char *path = dr_sources_read(at->sources, false);
    assert_non_null(path);
    assert_string_equal(path, in(at, name));
    assert_null(dr_sources_read(at->sources, false));
}

static void a_save_in_place_and_one_by_a_rename_count(void **state)
{
    watching *at = *state;
    begin(at);
    assert_false(let_count(at, "app.py"));
    assert_null(dr_sources_read(at->sources, false));
    unit_write(in(at, "app.py"), "1");
    assert_changed(at, "app.py");
    unit_replace(in(at, "app.py"), "2");
    assert_changed(at, "app.py");
}

static void any_ending_counts_that_was_loaded(void **state)
{
    watching *at = *state;
    begin(at);
    unit_write(in(at, "page.phtml"), "");
    assert_false(let_count(at, "page.phtml"));
    unit_write(in(at, "page.phtml"), "1");
    assert_changed(at, "page.phtml");
}

static void a_file_that_nobody_loaded_counts_only_where_loading_failed(void **state)
{
    watching *at = *state;
    begin(at);
    unit_write(in(at, "other.py"), "");
    unit_write(in(at, "notes.txt"), "");
    watch_tree(at);
    unit_write(in(at, "other.py"), "1");
    unit_write(in(at, "notes.txt"), "1");
    assert_null(dr_sources_read(at->sources, false));
    unit_write(in(at, "notes.txt"), "2");
    assert_null(dr_sources_read(at->sources, true));
    unit_write(in(at, "other.py"), "2");
    assert_non_null(dr_sources_read(at->sources, true));
}

static void a_file_that_changed_before_it_was_told_is_said_then_and_once(void **state)
{
    watching *at = *state;
    begin(at);
    unit_write(in(at, "late.py"), "");
    watch_tree(at);
    unit_write(in(at, "late.py"), "1");
    assert_null(dr_sources_read(at->sources, false));
    assert_true(let_count(at, "late.py"));
    assert_false(let_count(at, "late.py"));
}

static void source_that_comes_counts(void **state)
{
    watching *at = *state;
    begin(at);
    watch_tree(at);
    unit_write(in(at, "notes.txt"), "new");
    assert_null(dr_sources_read(at->sources, false));
    unit_write(in(at, "new.php"), "new");
    assert_changed(at, "new.php");
    unit_write(in(at, "new.php"), "newer");
    assert_changed(at, "new.php");
}

static void a_folder_that_goes_and_comes_is_watched_again(void **state)
{
    watching *at = *state;
    begin(at);
    watch_tree(at);
    for (int turn = 0; turn < 2; turn++) {
        assert_int_equal(mkdir(in(at, "part"), 0700), 0);
        assert_null(dr_sources_read(at->sources, false));
        unit_write(in(at, "part/a.py"), "");
        assert_changed(at, "part/a.py");
        assert_int_equal(unlink(in(at, "part/a.py")), 0);
        assert_int_equal(rmdir(in(at, "part")), 0);
        assert_null(dr_sources_read(at->sources, false));
    }
}

static void folders_of_tools_are_left_out(void **state)
{
    watching *at = *state;
    begin(at);
    assert_int_equal(mkdir(in(at, ".git"), 0700), 0);
    assert_int_equal(mkdir(in(at, "__pycache__"), 0700), 0);
    watch_tree(at);
    unit_write(in(at, ".git/a.py"), "");
    unit_write(in(at, "__pycache__/a.py"), "");
    assert_null(dr_sources_read(at->sources, false));
}

static void folders_are_watched_as_deep_as_the_limit(void **state)
{
    watching *at = *state;
    char name[64] = "";
    size_t len = 0;
    begin(at);
    for (uint32_t depth = 1; depth <= DR_DEV_DEPTH_MAX + 1; depth++) {
        len += (size_t)snprintf(name + len, sizeof(name) - len, "%sd", depth > 1 ? "/" : "");
        assert_int_equal(mkdir(in(at, name), 0700), 0);
    }
    watch_tree(at);
    (void)snprintf(name + len, sizeof(name) - len, "/a.py");
    unit_write(in(at, name), "");
    assert_null(dr_sources_read(at->sources, false));
    (void)snprintf(name + len - 2, sizeof(name) - len + 2, "/a.py");
    unit_write(in(at, name), "");
    assert_changed(at, name);
}

static void too_many_folders_are_told_once(void **state)
{
    watching *at = *state;
    dora_error error;
    bool has_changed;
    char name[32];
    begin(at);
    for (uint32_t i = 0; i < DR_DEV_FOLDERS_MAX; i++) {
        (void)snprintf(name, sizeof(name), "d%u/a.py", i); /* it need not be there */
        assert_int_equal(dr_sources_add(at->sources, in(at, name), &has_changed, &error), DORA_OK);
    }
    assert_int_equal(dr_sources_add(at->sources, in(at, "more/a.py"), &has_changed, &error),
                     DORA_EIO);
    assert_non_null(strstr(error.msg, "more cannot be watched"));
    assert_int_equal(dr_sources_add(at->sources, in(at, "most/a.py"), &has_changed, &error),
                     DORA_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(watching, a_save_in_place_and_one_by_a_rename_count),
        unit_in(watching, any_ending_counts_that_was_loaded),
        unit_in(watching, a_file_that_nobody_loaded_counts_only_where_loading_failed),
        unit_in(watching, a_file_that_changed_before_it_was_told_is_said_then_and_once),
        unit_in(watching, source_that_comes_counts),
        unit_in(watching, a_folder_that_goes_and_comes_is_watched_again),
        unit_in(watching, folders_of_tools_are_left_out),
        unit_in(watching, folders_are_watched_as_deep_as_the_limit),
        unit_in(watching, too_many_folders_are_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
