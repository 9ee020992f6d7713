/* test_log.c: levels, both formats, printed lines cut and joined, and a reader that hangs. */
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/limits.h"
#include "base/log.h"

static char path[64];

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(path, sizeof(path), "/tmp/dora-log-XXXXXX");
    const int fd = mkstemp(path);
    return fd < 0 || close(fd) != 0;
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(path);
}

static char *slurp(void)
{
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    char *text = calloc(1, 1 << 21);
    assert_non_null(text);
    (void)fread(text, 1, (1 << 21) - 1, file);
    fclose(file);
    return text;
}

static void levels_and_text(void **state)
{
    (void)state;
    dr_log *log = NULL;
    dora_error error;
    assert_int_equal(dr_log_new(&log, path, false, DR_LOG_NOTICE, &error), DORA_OK);
    dr_log_write(log, DR_LOG_DEBUG, "a", "debug %d", 1);
    dr_log_write(log, DR_LOG_INFO, "a", "info");
    dr_log_write(log, DR_LOG_ERROR, "a", "an error");
    dr_log_write(log, DR_LOG_SNAP, "a", "snap");
    dr_log_free(log);
    char *text = slurp();
    assert_non_null(strstr(text, " debug [a] debug 1\n"));
    assert_null(strstr(text, "info"));
    assert_non_null(strstr(text, " error [a] an error\n")); /* above the level, and kept */
    assert_null(strstr(text, "snap"));
    free(text);
}

static void json_is_json(void **state)
{
    (void)state;
    dr_log *log = NULL;
    dora_error error;
    assert_int_equal(dr_log_new(&log, path, true, 9, &error), DORA_OK);
    dr_log_write(log, DR_LOG_INFO, "pool", "say \"hi\"\t\\ %s", "\x01");
    dr_log_free(log);
    char *text = slurp();
    json_error_t why;
    json_t *line = json_loads(text, 0, &why);
    assert_non_null(line);
    assert_string_equal(json_string_value(json_object_get(line, "message")), "say \"hi\"\t\\ \x01");
    assert_int_equal(json_integer_value(json_object_get(line, "level")), DR_LOG_INFO);
    json_decref(line);
    free(text);
}

static void printed_lines_are_joined_and_cut(void **state)
{
    (void)state;
    dr_log *log = NULL;
    dora_error error;
    static dr_log_carry carry;
    memset(&carry, 0, sizeof(carry));
    char *longest = malloc(20000);
    assert_non_null(longest);
    memset(longest, 'x', 20000);
    longest[19999] = '\n';
    assert_int_equal(dr_log_new(&log, path, false, 9, &error), DORA_OK);
    dr_log_lines(log, "w", &carry, "one\ntw", 6);
    dr_log_lines(log, "w", &carry, "o\n", 2);
    dr_log_lines(log, "w", &carry, longest, 20000);
    dr_log_free(log);
    char *text = slurp();
    assert_non_null(strstr(text, "[w] one\n"));
    assert_non_null(strstr(text, "[w] two\n"));
    size_t count = 0;
    for (const char *at = text; (at = strchr(at, 'x')) != NULL; at++) {
        count++;
    }
    assert_int_equal(count, 19999); /* over several lines, none lost */
    free(text);
    free(longest);
}

static void a_reader_that_hangs_costs_lines_not_time(void **state)
{
    (void)state;
    dr_log *log = NULL;
    dora_error error;
    char fifo[80];
    (void)snprintf(fifo, sizeof(fifo), "%s.fifo", path);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    const int reader = open(fifo, O_RDONLY | O_NONBLOCK);
    assert_int_equal(dr_log_new(&log, fifo, false, 9, &error), DORA_OK);
    for (int i = 0; i < 100000; i++) {
        dr_log_write(log, DR_LOG_INFO, "a", "a line that nobody reads, number %d", i);
    }
    assert_true(dr_log_dropped(log) > 0);
    close(reader); /* the writer's thread gets an error and goes on */
    (void)unlink(fifo);
    dr_log_free(log);
}

static void a_file_that_cannot_be_is_named(void **state)
{
    (void)state;
    dr_log *log = NULL;
    dora_error error;
    assert_int_equal(dr_log_new(&log, "/nonexistent/x.log", false, 4, &error), DORA_EIO);
    assert_non_null(strstr(error.msg, "log.file"));
    assert_non_null(strstr(error.msg, "/nonexistent/x.log"));
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(levels_and_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(json_is_json, set_up, tear_down),
        cmocka_unit_test_setup_teardown(printed_lines_are_joined_and_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reader_that_hangs_costs_lines_not_time, set_up,
                                        tear_down),
        cmocka_unit_test(a_file_that_cannot_be_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
