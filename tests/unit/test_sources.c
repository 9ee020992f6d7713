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

/* watches gives how many folders the system watches for us. */
static size_t watches(const watching *at)
{
    char path[64];
    char line[512];
    size_t count = 0;
    (void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", dr_sources_fd(at->sources));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        count += strncmp(line, "inotify ", 8) == 0;
    }
    (void)fclose(file);
    return count;
}

static void what_is_loaded_no_more_counts_no_more(void **state)
{
    watching *at = *state;
    begin(at);
    assert_int_equal(mkdir(in(at, "lib"), 0700), 0);
    unit_write(in(at, "lib/part.inc"), "");
    unit_write(in(at, "old.inc"), "");
    watch_tree(at);
    (void)let_count(at, "app.py");
    (void)let_count(at, "old.inc");
    (void)let_count(at, "lib/part.inc");
    dr_sources_begin(at->sources);
    (void)let_count(at, "app.py");
    unit_write(in(at, "old.inc"), "1");
    assert_changed(at, "old.inc"); /* as long as the new ones do not serve */
    dr_sources_settle(at->sources);
    unit_write(in(at, "old.inc"), "2");
    unit_write(in(at, "lib/part.inc"), "2");
    assert_null(dr_sources_read(at->sources, false));
    unit_write(in(at, "app.py"), "2");
    assert_changed(at, "app.py");
    unit_write(in(at, "lib/new.py"), "");
    assert_changed(at, "lib/new.py"); /* its folder is the application's own */
}

static void a_folder_elsewhere_is_watched_as_long_as_something_in_it_counts(void **state)
{
    watching *at = *state;
    begin(at);
    assert_int_equal(mkdir(in(at, "other"), 0700), 0);
    assert_int_equal(symlink("other", in(at, "link")), 0);
    unit_write(in(at, "other/a.py"), "");
    (void)let_count(at, "app.py");
    assert_int_equal(watches(at), 1);
    for (int turn = 0; turn < 3; turn++) {
        dr_sources_begin(at->sources);
        (void)let_count(at, "app.py");
        (void)let_count(at, "other/a.py");
        (void)let_count(at, "link/a.py");
        dr_sources_settle(at->sources);
        assert_int_equal(watches(at), 2);
        unit_write(in(at, "other/a.py"), "1");
        assert_non_null(dr_sources_read(at->sources, false));
        dr_sources_begin(at->sources);
        (void)let_count(at, "app.py");
        (void)let_count(at, "other/a.py"); /* by its own path only */
        dr_sources_settle(at->sources);
        assert_int_equal(watches(at), 2);
        unit_write(in(at, "other/a.py"), "2");
        assert_changed(at, "other/a.py");
        dr_sources_begin(at->sources);
        (void)let_count(at, "app.py");
        dr_sources_settle(at->sources);
        assert_int_equal(watches(at), 1);
        unit_write(in(at, "other/a.py"), "3");
        assert_null(dr_sources_read(at->sources, false));
    }
}

static void files_that_are_none_of_the_application_are_not_kept(void **state)
{
    watching *at = *state;
    char path[64];
    begin(at);
    watch_tree(at);
    for (uint32_t i = 0; i < DR_DEV_RECENT_MAX + 10; i++) {
        (void)snprintf(path, sizeof(path), "upload.%u", i);
        unit_write(in(at, path), "");
        assert_null(dr_sources_read(at->sources, false));
    }
    assert_true(dr_sources_known(at->sources) <= DR_DEV_RECENT_MAX);
    (void)let_count(at, "app.py");
    unit_write(in(at, "app.py"), "1");
    assert_changed(at, "app.py");
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
        unit_in(watching, what_is_loaded_no_more_counts_no_more),
        unit_in(watching, a_folder_elsewhere_is_watched_as_long_as_something_in_it_counts),
        unit_in(watching, files_that_are_none_of_the_application_are_not_kept),
        unit_in(watching, too_many_folders_are_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
