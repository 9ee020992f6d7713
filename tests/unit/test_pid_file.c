/* test_pid_file.c: files with the process id: several of one server, two servers, strangers. */
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "server/master/pid_file.h"

static char folder[64];
static char path[2][96];

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/dora-pid-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    for (int i = 0; i < 2; i++) {
        (void)snprintf(path[i], sizeof(path[i]), "%s/%d.pid", folder, i);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(path[0]);
    (void)unlink(path[1]);
    return rmdir(folder);
}

static void assert_holds(const char *name, long pid)
{
    char text[64] = "";
    char expected[64];
    FILE *file = fopen(name, "re");
    assert_non_null(file);
    const size_t len = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    assert_int_equal(len, snprintf(expected, sizeof(expected), "%ld\n", pid));
    assert_string_equal(text, expected);
}

static void several_of_one_server(void **state)
{
    (void)state;
    dr_pid_files files = {0};
    dora_error error;
    assert_int_equal(dr_pid_files_add(&files, NULL, &error), DORA_OK);
    assert_int_equal(dr_pid_files_add(&files, path[0], &error), DORA_OK);
    assert_int_equal(dr_pid_files_add(&files, path[1], &error), DORA_OK);
    assert_int_equal(dr_pid_files_add(&files, path[0], &error), DORA_OK); /* it has it */
    assert_int_equal(files.count, 2);
    assert_holds(path[0], getpid());
    assert_holds(path[1], getpid());
    dr_pid_files_remove(&files);
    assert_int_not_equal(access(path[0], F_OK), 0);
    assert_int_not_equal(access(path[1], F_OK), 0);
    dr_pid_files_remove(&files);
}

static void two_servers(void **state)
{
    (void)state;
    dr_pid_files first = {0};
    dr_pid_files second = {0};
    dora_error error;
    char words[160];
    assert_int_equal(dr_pid_files_add(&first, path[0], &error), DORA_OK);
    assert_int_equal(dr_pid_files_add(&second, path[1], &error), DORA_OK);
    assert_int_equal(dr_pid_files_add(&second, path[0], &error), DORA_EIO);
    (void)snprintf(words, sizeof(words), "pid_file: %s belongs to process %d", path[0], getpid());
    assert_int_equal(strncmp(error.msg, words, strlen(words)), 0);
    dr_pid_files_remove(&second);
    assert_holds(path[0], getpid()); /* not the second's to remove */
    dr_pid_files_remove(&first);
    assert_int_equal(dr_pid_files_add(&second, path[0], &error), DORA_OK);
    dr_pid_files_remove(&second);
}

static void a_stale_one_is_replaced(void **state)
{
    (void)state;
    dr_pid_files files = {0};
    dora_error error;
    FILE *file = fopen(path[0], "we");
    assert_non_null(file);
    (void)fprintf(file, "%d\nand a second line\n", getppid()); /* a number in use again */
    fclose(file);
    assert_int_equal(dr_pid_files_add(&files, path[0], &error), DORA_OK);
    assert_holds(path[0], getpid());
    dr_pid_files_remove(&files);
}

static void what_another_put_there_stays(void **state)
{
    (void)state;
    dr_pid_files files = {0};
    dora_error error;
    assert_int_equal(dr_pid_files_add(&files, path[0], &error), DORA_OK);
    assert_int_equal(unlink(path[0]), 0);
    FILE *file = fopen(path[0], "we");
    assert_non_null(file);
    (void)fputs("1\n", file);
    fclose(file);
    dr_pid_files_remove(&files);
    assert_holds(path[0], 1);
}

static void places_where_none_can_be(void **state)
{
    (void)state;
    dr_pid_files files = {0};
    dora_error error;
    assert_int_equal(dr_pid_files_add(&files, "/nonexistent/x.pid", &error), DORA_EIO);
    assert_string_equal(error.msg, "pid_file: cannot open /nonexistent/x.pid: "
                                   "No such file or directory");
    assert_int_equal(dr_pid_files_add(&files, "/dev/null", &error), DORA_EIO);
    assert_string_equal(error.msg, "pid_file: /dev/null is no regular file");
    assert_int_equal(dr_pid_files_add(&files, folder, &error), DORA_EIO);
    assert_int_equal(files.count, 0);
    dr_pid_files_remove(&files);
}

static void put(const char *name, const char *text)
{
    FILE *file = fopen(name, "we");
    assert_non_null(file);
    (void)fputs(text, file);
    fclose(file);
}

static void assert_text(const char *name, const char *expected)
{
    char text[512] = "";
    FILE *file = fopen(name, "re");
    assert_non_null(file);
    (void)!fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    assert_string_equal(text, expected);
}

/* assert_refused: `path[0]` may not become a pid file, and the error says why. */
static void assert_refused(const char *why)
{
    dr_pid_files files = {0};
    dora_error error;
    assert_int_equal(dr_pid_files_add(&files, path[0], &error), DORA_EIO);
    assert_non_null(strstr(error.msg, path[0]));
    assert_non_null(strstr(error.msg, why));
    dr_pid_files_remove(&files);
}

static void a_link_is_not_followed(void **state)
{
    (void)state;
    put(path[1], "4711\n"); /* even where it is a pid file that it leads to */
    assert_int_equal(symlink(path[1], path[0]), 0);
    assert_refused("is a symbolic link");
    assert_text(path[1], "4711\n");
    assert_int_equal(unlink(path[1]), 0);
    assert_refused("is a symbolic link"); /* nor made where it leads to */
    assert_int_not_equal(access(path[1], F_OK), 0);
}

static void a_hard_link_is_refused(void **state)
{
    (void)state;
    put(path[1], "4711\n");
    assert_int_equal(link(path[1], path[0]), 0);
    assert_refused("hard links");
    assert_text(path[1], "4711\n");
}

static void a_file_that_is_not_ours_is_not_emptied(void **state)
{
    (void)state;
    char longer[300];
    put(path[0], "name = value\n");
    assert_refused("holds something else");
    assert_text(path[0], "name = value\n");
    put(path[0], "12 apples\n");
    assert_refused("holds something else");
    memset(longer, '7', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    put(path[0], longer);
    assert_refused("holds something else");
    assert_text(path[0], longer);
}

static void a_file_of_another_user_is_refused(void **state)
{
    (void)state;
    put(path[0], "4711\n");
    if (chown(path[0], 65534, 65534) != 0) {
        skip(); /* only root can give a file away */
    }
    assert_refused("belongs to another user");
    assert_text(path[0], "4711\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(several_of_one_server, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_servers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stale_one_is_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_another_put_there_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_link_is_not_followed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_hard_link_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_is_not_ours_is_not_emptied, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_of_another_user_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(places_where_none_can_be, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
