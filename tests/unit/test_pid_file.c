/* test_pid_file.c: files with the process id: several of one server, two servers, strangers. */
#include "unit_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include "server/master/pid_file.h"

/* pids is what a server or two have of pid files, in a folder. */
typedef struct pids {
    unit_folder folder;
    char path[2][96];
    dr_pid_files files;
    dr_pid_files second;
} pids;

static void pids_begin(pids *at)
{
    unit_folder_make(&at->folder);
    const unit_folder folder = at->folder; /* else a compiler takes source and target for one */
    for (int i = 0; i < 2; i++) {
        (void)snprintf(at->path[i], sizeof(at->path[i]), "%s/%d.pid", folder.path, i);
    }
}

static void pids_end(pids *at)
{
    dr_pid_files_remove(&at->files);
    dr_pid_files_remove(&at->second);
    unit_folder_remove(&at->folder);
}
UNIT_SCENE(pids, pids_end)

static void assert_text(const char *name, const char *expected)
{
    char text[512];
    unit_read(name, text, sizeof(text));
    assert_string_equal(text, expected);
}

static void assert_holds(const char *name, long pid)
{
    char expected[64];
    (void)snprintf(expected, sizeof(expected), "%ld\n", pid);
    assert_text(name, expected);
}

static void several_of_one_server(void **state)
{
    pids *at = *state;
    pids_begin(at);
    dora_error error;
    assert_int_equal(dr_pid_files_add(&at->files, NULL, &error), DORA_OK);
    assert_int_equal(dr_pid_files_add(&at->files, at->path[0], &error), DORA_OK);
    assert_int_equal(dr_pid_files_add(&at->files, at->path[1], &error), DORA_OK);
    assert_int_equal(dr_pid_files_add(&at->files, at->path[0], &error), DORA_OK); /* it has it */
    assert_int_equal(at->files.count, 2);
    assert_holds(at->path[0], getpid());
    assert_holds(at->path[1], getpid());
    dr_pid_files_remove(&at->files);
    assert_int_not_equal(access(at->path[0], F_OK), 0);
    assert_int_not_equal(access(at->path[1], F_OK), 0);
    dr_pid_files_remove(&at->files);
}

static void two_servers(void **state)
{
    pids *at = *state;
    pids_begin(at);
    dora_error error;
    char words[160];
    assert_int_equal(dr_pid_files_add(&at->files, at->path[0], &error), DORA_OK);
    assert_int_equal(dr_pid_files_add(&at->second, at->path[1], &error), DORA_OK);
    assert_int_equal(dr_pid_files_add(&at->second, at->path[0], &error), DORA_EIO);
    (void)snprintf(words, sizeof(words), "pid_file: %s belongs to process %d", at->path[0],
                   getpid());
    assert_int_equal(strncmp(error.msg, words, strlen(words)), 0);
    dr_pid_files_remove(&at->second);
    assert_holds(at->path[0], getpid()); /* not the second's to remove */
    dr_pid_files_remove(&at->files);
    assert_int_equal(dr_pid_files_add(&at->second, at->path[0], &error), DORA_OK);
    dr_pid_files_remove(&at->second);
}

static void a_stale_one_is_replaced(void **state)
{
    pids *at = *state;
    pids_begin(at);
    dora_error error;
    char stale[64]; /* a number in use again */
    (void)snprintf(stale, sizeof(stale), "%d\nand a second line\n", getppid());
    unit_write(at->path[0], stale);
    assert_int_equal(dr_pid_files_add(&at->files, at->path[0], &error), DORA_OK);
    assert_holds(at->path[0], getpid());
    dr_pid_files_remove(&at->files);
}

static void what_another_put_there_stays(void **state)
{
    pids *at = *state;
    pids_begin(at);
    dora_error error;
    assert_int_equal(dr_pid_files_add(&at->files, at->path[0], &error), DORA_OK);
    assert_int_equal(unlink(at->path[0]), 0);
    unit_write(at->path[0], "1\n");
    dr_pid_files_remove(&at->files);
    assert_holds(at->path[0], 1);
}

static void places_where_none_can_be(void **state)
{
    pids *at = *state;
    pids_begin(at);
    dora_error error;
    assert_int_equal(dr_pid_files_add(&at->files, "/nonexistent/x.pid", &error), DORA_EIO);
    assert_string_equal(error.msg, "pid_file: cannot open /nonexistent/x.pid: "
                                   "No such file or directory");
    assert_int_equal(dr_pid_files_add(&at->files, "/dev/null", &error), DORA_EIO);
    assert_string_equal(error.msg, "pid_file: /dev/null is no regular file");
    assert_int_equal(dr_pid_files_add(&at->files, at->folder.path, &error), DORA_EIO);
    assert_int_equal(at->files.count, 0);
    dr_pid_files_remove(&at->files);
}

/* assert_refused: `path[0]` may not become a pid file, and the error says why. */
static void assert_refused(pids *at, const char *why)
{
    dora_error error;
    assert_int_equal(dr_pid_files_add(&at->files, at->path[0], &error), DORA_EIO);
    assert_non_null(strstr(error.msg, at->path[0]));
    assert_non_null(strstr(error.msg, why));
    dr_pid_files_remove(&at->files);
}

static void a_link_is_not_followed(void **state)
{
    pids *at = *state;
    pids_begin(at);
    unit_write(at->path[1], "4711\n"); /* even where it is a pid file that it leads to */
    assert_int_equal(symlink(at->path[1], at->path[0]), 0);
    assert_refused(at, "is a symbolic link");
    assert_text(at->path[1], "4711\n");
    assert_int_equal(unlink(at->path[1]), 0);
    assert_refused(at, "is a symbolic link"); /* nor made where it leads to */
    assert_int_not_equal(access(at->path[1], F_OK), 0);
}

static void a_hard_link_is_refused(void **state)
{
    pids *at = *state;
    pids_begin(at);
    unit_write(at->path[1], "4711\n");
    assert_int_equal(link(at->path[1], at->path[0]), 0);
    assert_refused(at, "hard links");
    assert_text(at->path[1], "4711\n");
}

static void a_file_that_is_not_ours_is_not_emptied(void **state)
{
    pids *at = *state;
    pids_begin(at);
    char longer[300];
    unit_write(at->path[0], "name = value\n");
    assert_refused(at, "holds something else");
    assert_text(at->path[0], "name = value\n");
    unit_write(at->path[0], "12 apples\n");
    assert_refused(at, "holds something else");
    memset(longer, '7', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    unit_write(at->path[0], longer);
    assert_refused(at, "holds something else");
    assert_text(at->path[0], longer);
}

static void a_file_of_another_user_is_refused(void **state)
{
    pids *at = *state;
    pids_begin(at);
    unit_write(at->path[0], "4711\n");
    if (chown(at->path[0], 65534, 65534) != 0) {
        skip(); /* only root can give a file away */
    }
    assert_refused(at, "belongs to another user");
    assert_text(at->path[0], "4711\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(pids, several_of_one_server),
        unit_in(pids, two_servers),
        unit_in(pids, a_stale_one_is_replaced),
        unit_in(pids, what_another_put_there_stays),
        unit_in(pids, a_link_is_not_followed),
        unit_in(pids, a_hard_link_is_refused),
        unit_in(pids, a_file_that_is_not_ours_is_not_emptied),
        unit_in(pids, a_file_of_another_user_is_refused),
        unit_in(pids, places_where_none_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
