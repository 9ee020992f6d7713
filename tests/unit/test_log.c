/* test_log.c: levels, both formats, printed lines cut and joined, a reader that hangs, a file that
 * is moved away. */
#include "unit_folder.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/limits.h"
#include "base/log.h"

/* logging is a log, its file in a folder, and what else a test has open. */
typedef struct logging {
    unit_folder folder;
    char path[72];
    dr_log *log;
    int fds[4];
    int stderr_fd; /* as it was */
} logging;

/* end_log ends the log: all that it was told is written. */
static void end_log(logging *at)
{
    dr_log_free(at->log);
    at->log = NULL;
}

/* limit_files bounds how large a file this process may write; RLIM_INFINITY: not at all. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void logging_begin(logging *at)
{
    unit_folder_make(&at->folder);
    (void)snprintf(at->path, sizeof(at->path), "%s/log", at->folder.path);
}

static void logging_end(logging *at)
{
    limit_files(RLIM_INFINITY);
    if (at->stderr_fd > 0) {
        (void)dup2(at->stderr_fd, STDERR_FILENO);
    }
    unit_close(&at->stderr_fd);
    for (size_t i = 0; i < 4; i++) {
        unit_close(&at->fds[i]); /* a reader that hangs, before the writer is waited for */
    }
    end_log(at);
    unit_folder_remove(&at->folder);
}
UNIT_SCENE(logging, logging_end)

static char *slurp(const logging *at)
{
    char *text = calloc(1, 1 << 21);
    assert_non_null(text);
    unit_read(at->path, text, 1 << 21);
    return text;
}

static void levels_and_text(void **state)
{
    logging *at = *state;
    logging_begin(at);
    dora_error error;
    assert_int_equal(dr_log_new(&at->log, at->path, false, DR_LOG_NOTICE, &error), DORA_OK);
    dr_log_write(at->log, DR_LOG_DEBUG, "a", "debug %d", 1);
    dr_log_write(at->log, DR_LOG_INFO, "a", "info");
    dr_log_write(at->log, DR_LOG_ERROR, "a", "an error");
    dr_log_write(at->log, DR_LOG_SNAP, "a", "snap");
    end_log(at);
    char *text = slurp(at);
    assert_non_null(strstr(text, " debug [a] debug 1\n"));
    assert_null(strstr(text, "info"));
    assert_non_null(strstr(text, " error [a] an error\n")); /* above the level, and kept */
    assert_null(strstr(text, "snap"));
    free(text);
}

static void the_threshold_never_drops_errors(void **state)
{
    (void)state;
    for (uint32_t threshold = 1; threshold <= 9; threshold++) {
        for (int level = 1; level <= 9; level++) {
            const bool is_error = level >= DR_LOG_ERROR && level <= DR_LOG_EXCEPTION;
            assert_int_equal(dr_log_is_wanted(threshold, level),
                             level <= (int)threshold || is_error);
        }
    }
}

static const dr_log_entry full_entry = {.level = DR_LOG_PERFORMANCE,
                                        .time_ns = 1482239138123456789u,
                                        .tag = {"a\nb", 3},
                                        .file = {"app/users.py", 12},
                                        .line = 17,
                                        .pid = 4711,
                                        .pool = "users",
                                        .msg = {"say \"hi\"\t\\ \x01\xff\xc3\xa9", 15}};

static void json_has_the_keys_of_the_original(void **state)
{
    (void)state;
    dr_buf line = {0};
    assert_int_equal(dr_log_line_json(&line, &full_entry), DORA_OK);
    assert_slice(dr_buf_slice(&line),
                 "{\"v\":9,\"e\":1482239138.123456,\"g\":\"a\\u000ab\",\"p\":\"app/users.py\","
                 "\"l\":17,\"m\":\"say \\\"hi\\\"\\u0009\\\\ \\u0001?\xc3\xa9\",\"pid\":4711,"
                 "\"pool\":\"users\"}\n");
    dr_buf_clear(&line);
    const dr_log_entry least = {.level = 77};
    assert_int_equal(dr_log_line_json(&line, &least), DORA_OK);
    assert_slice(dr_buf_slice(&line), "{\"v\":9,\"e\":0.000000,\"g\":\"\",\"p\":\"\",\"l\":0,"
                                      "\"m\":\"\",\"pid\":null,\"pool\":null}\n");
    dr_buf_fini(&line);
}

static void a_message_may_be_a_value(void **state)
{
    (void)state;
    dr_buf line = {0};
    dr_log_entry entry = full_entry;
    entry.is_value = true;
    entry.msg = text_slice("{\"a\":[1]}");
    assert_int_equal(dr_log_line_json(&line, &entry), DORA_OK);
    assert_non_null(strstr(line.data, ",\"m\":{\"a\":[1]},\"pid\""));
    dr_buf_clear(&line);
    entry.msg = text_slice("1}\n{\"forged\":1"); /* more than one line: a text after all */
    assert_int_equal(dr_log_line_json(&line, &entry), DORA_OK);
    assert_non_null(strstr(line.data, ",\"m\":\"1}\\u000a{"));
    dr_buf_clear(&line);
    entry.msg.len = 0;
    assert_int_equal(dr_log_line_json(&line, &entry), DORA_OK);
    assert_non_null(strstr(line.data, ",\"m\":\"\","));
    dr_buf_fini(&line);
}

static void a_message_cannot_look_like_another_entry(void **state)
{
    (void)state;
    dr_buf line = {0};
    dr_log_entry entry = full_entry;
    assert_int_equal(dr_log_line_text(&line, &entry), DORA_OK);
    assert_non_null(strstr(line.data, "2016-12-20T13:05:38.123Z performance [a\\x0ab] "
                                      "[app/users.py:17] say \"hi\""));
    dr_buf_clear(&line);
    entry.msg = text_slice("first\n2016-12-20T13:05:38.123Z error [x] forged\n\n");
    entry.file.len = 0;
    assert_int_equal(dr_log_line_text(&line, &entry), DORA_OK);
    assert_slice(dr_buf_slice(&line), "2016-12-20T13:05:38.123Z performance [a\\x0ab] first\n"
                                      "    2016-12-20T13:05:38.123Z error [x] forged\n");
    dr_buf_fini(&line);
}

static void no_text_steers_the_terminal(void **state)
{
    logging *at = *state;
    logging_begin(at);
    dora_error error;
    static dr_log_carry carry;
    assert_int_equal(dr_log_new(&at->log, at->path, false, 9, &error), DORA_OK);
    dr_log_write(at->log, DR_LOG_ERROR, "call", "no such api: %s",
                 "/a\x1b]0;x\x07\r\n2026 error [x] y");
    dr_log_write(at->log, DR_LOG_ERROR, "call",
                 "\xe4\xb8\xad\xe6\x96\x87\xe2\x80\xae \xff\xc2\x9b");
    dr_log_write_lines(at->log, DR_LOG_ERROR, "master", "one\n\ttwo\x1b");
    dr_log_lines(at->log, "users", &carry, "50 %\r100 %\x1b[2J\n", 15);
    dr_log_record(at->log, &full_entry);
    end_log(at);
    char *text = slurp(at);
    assert_non_null(strstr(text, "] no such api: /a\\x1b]0;x\\x07\\x0d\\x0a2026 error [x] y\n"));
    assert_non_null(strstr(text, "] \xe4\xb8\xad\xe6\x96\x87\\xe2\\x80\\xae \\xff\\xc2\\x9b\n"));
    assert_non_null(strstr(text, "] one\n    \ttwo\\x1b\n"));
    assert_non_null(strstr(text, "] 50 %\\x0d100 %\\x1b[2J\n"));
    assert_non_null(strstr(text, "] say \"hi\"\t\\ \\x01\\xff\xc3\xa9\n"));
    free(text);
}

static void json_does_not_steer_it_either(void **state)
{
    (void)state;
    dr_buf line = {0};
    dr_log_entry entry = full_entry;
    entry.is_value = true;
    entry.msg = text_slice("{\"a\x7f\":\"\xc2\x9b\xe2\x80\xae\xe4\xb8\xad\"}");
    assert_int_equal(dr_log_line_json(&line, &entry), DORA_OK);
    assert_non_null(strstr(line.data, "\"m\":{\"a\\u007f\":\"\\u009b\\u202e\xe4\xb8\xad\"},"));
    dr_buf_clear(&line);
    entry.is_value = false;
    assert_int_equal(dr_log_line_json(&line, &entry), DORA_OK);
    json_t *record = json_loadb(line.data, line.len, 0, NULL);
    assert_non_null(record);
    assert_slice(entry.msg, json_string_value(json_object_get(record, "m")));
    assert_null(memmem(line.data, line.len, "\xe2\x80\xae", 3)); /* it ends with no NUL */
    json_decref(record);
    dr_buf_fini(&line);
}

static void a_cut_line_parts_no_character(void **state)
{
    logging *at = *state;
    logging_begin(at);
    dora_error error;
    static dr_log_carry carry;
    memset(&carry, 0, sizeof(carry));
    char *longest = calloc(1, 3 * 4000 + 1);
    assert_non_null(longest);
    for (int i = 0; i < 4000; i++) {
        memcpy(longest + 3 * i, "\xe4\xb8\xad", 3);
    }
    assert_int_equal(dr_log_new(&at->log, at->path, false, 9, &error), DORA_OK);
    dr_log_lines(at->log, "w", &carry, longest, 3 * 4000);
    dr_log_lines(at->log, "w", &carry, "\n", 1);
    dr_log_write(at->log, DR_LOG_ERROR, "a", "%s", longest);
    end_log(at);
    char *text = slurp(at);
    assert_null(strstr(text, "\\x"));
    size_t count = 0;
    for (const char *here = text; (here = strstr(here, "\xe4\xb8\xad")) != NULL; here++) {
        count++;
    }
    assert_int_equal(count, 4000 + (DR_LOG_LINE_MAX - 1) / 3);
    free(text);
    free(longest);
}

static void a_log_of_json(void **state)
{
    logging *at = *state;
    logging_begin(at);
    dora_error error;
    static dr_log_carry carry;
    assert_int_equal(dr_log_new(&at->log, at->path, true, DR_LOG_DEBUG, &error), DORA_OK);
    dr_log_write(at->log, DR_LOG_ERROR, "master", "one %d", 1);
    dr_log_write(at->log, DR_LOG_SNAP, "master", "hi"); /* above the threshold */
    dr_log_record(at->log, &full_entry);                /* who made it has asked */
    dr_log_lines(at->log, "users", &carry, "two\n", 4); /* what is printed has no level */
    end_log(at);
    char *text = slurp(at);
    json_t *line = json_loads(text, JSON_DISABLE_EOF_CHECK, NULL);
    assert_non_null(line);
    assert_string_equal(json_string_value(json_object_get(line, "m")), "one 1");
    assert_int_equal(json_integer_value(json_object_get(line, "v")), DR_LOG_ERROR);
    assert_true(json_real_value(json_object_get(line, "e")) > 1600000000.0);
    assert_int_equal(json_integer_value(json_object_get(line, "pid")), getpid());
    json_decref(line);
    assert_null(strstr(text, "\"m\":\"hi\""));
    assert_non_null(strstr(text, "\"m\":\"say \\\"hi\\\""));
    assert_non_null(strstr(text, "\"m\":\"two\",\"pid\":null,\"pool\":\"users\"}\n"));
    free(text);
}

static void the_queue_is_counted(void **state)
{
    logging *at = *state;
    logging_begin(at);
    dora_error error;
    char fifo[80];
    uint64_t lines = 0;
    uint64_t bytes = 0;
    (void)snprintf(fifo, sizeof(fifo), "%s.fifo", at->path);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    int *reader = &at->fds[0];
    *reader = open(fifo, O_RDONLY | O_NONBLOCK);
    assert_int_equal(dr_log_new(&at->log, fifo, false, 9, &error), DORA_OK);
    dr_log_queue(at->log, &lines, &bytes);
    assert_int_equal(lines + bytes, 0);
    for (int i = 0; i < 10000; i++) { /* more than the fifo takes, less than is dropped */
        dr_log_write(at->log, DR_LOG_INFO, "a", "a line");
    }
    dr_log_queue(at->log, &lines, &bytes);
    assert_true(lines > 0 && lines <= 10000);
    assert_int_equal(bytes, lines * strlen("2016-12-20T13:05:38.123Z info [a] a line\n"));
    assert_int_equal(dr_log_dropped(at->log), 0);
    unit_close(reader);
    end_log(at);
}

static uint64_t count_lines(const char *text)
{
    uint64_t count = 0;
    for (const char *here = text; (here = strchr(here, '\n')) != NULL; here++) {
        count++;
    }
    return count;
}

static void a_moved_file_is_followed(void **state)
{
    logging *at = *state;
    logging_begin(at);
    dora_error error;
    char old[80];
    uint64_t lines = 1;
    uint64_t bytes = 0;
    (void)snprintf(old, sizeof(old), "%s.1", at->path);
    assert_int_equal(dr_log_new(&at->log, at->path, false, 9, &error), DORA_OK);
    uint64_t total = 0;
    for (int turn = 0; turn < 5; turn++) {
        for (int i = 0; i < 1000; i++) {
            dr_log_write(at->log, DR_LOG_INFO, "a", "line %d of turn %d", i, turn);
        }
        while (dr_log_queue(at->log, &lines, &bytes), lines > 0) {
        }
        assert_int_equal(rename(at->path, old), 0);
        char *text = NULL;
        dr_log_reopen(at->log);
        while (access(at->path, F_OK) != 0) { /* the writer's thread makes it */
        }
        text = calloc(1, 1 << 21);
        assert_non_null(text);
        unit_read(old, text, 1 << 21);
        total += count_lines(text);
        free(text);
        (void)unlink(old);
    }
    end_log(at);
    assert_int_equal(total, 5000);
}

static void a_file_that_cannot_be_opened_again_is_kept(void **state)
{
    logging *at = *state;
    logging_begin(at);
    dora_error error;
    char folder[80];
    char moved[80];
    char file[160];
    (void)snprintf(folder, sizeof(folder), "%s.d", at->path);
    (void)snprintf(moved, sizeof(moved), "%s.e", at->path);
    (void)snprintf(file, sizeof(file), "%s/log", folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(dr_log_new(&at->log, file, false, 9, &error), DORA_OK);
    assert_int_equal(rename(folder, moved), 0);
    dr_log_reopen(at->log);
    dr_log_write(at->log, DR_LOG_INFO, "a", "still there");
    end_log(at);
    (void)snprintf(file, sizeof(file), "%s/log", moved);
    assert_int_equal(rename(file, at->path), 0);
    assert_int_equal(rmdir(moved), 0);
    char *text = slurp(at);
    assert_non_null(strstr(text, "log.file: cannot open"));
    assert_non_null(strstr(text, "still there"));
    free(text);
}

static void printed_lines_are_joined_and_cut(void **state)
{
    logging *at = *state;
    logging_begin(at);
    dora_error error;
    static dr_log_carry carry;
    memset(&carry, 0, sizeof(carry));
    char *longest = malloc(20000);
    assert_non_null(longest);
    memset(longest, 'x', 20000);
    longest[19999] = '\n';
    assert_int_equal(dr_log_new(&at->log, at->path, false, 9, &error), DORA_OK);
    dr_log_lines(at->log, "w", &carry, "one\ntw", 6);
    dr_log_lines(at->log, "w", &carry, "o\n", 2);
    dr_log_lines(at->log, "w", &carry, longest, 20000);
    end_log(at);
    char *text = slurp(at);
    assert_non_null(strstr(text, "[w] one\n"));
    assert_non_null(strstr(text, "[w] two\n"));
    size_t count = 0;
    for (const char *here = text; (here = strchr(here, 'x')) != NULL; here++) {
        count++;
    }
    assert_int_equal(count, 19999); /* over several lines, none lost */
    free(text);
    free(longest);
}

static void a_reader_that_hangs_costs_lines_not_time(void **state)
{
    logging *at = *state;
    logging_begin(at);
    dora_error error;
    char fifo[80];
    (void)snprintf(fifo, sizeof(fifo), "%s.fifo", at->path);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    int *reader = &at->fds[0];
    *reader = open(fifo, O_RDONLY | O_NONBLOCK);
    assert_int_equal(dr_log_new(&at->log, fifo, false, 9, &error), DORA_OK);
    for (int i = 0; i < 100000; i++) {
        dr_log_write(at->log, DR_LOG_INFO, "a", "a line that nobody reads, number %d", i);
    }
    assert_true(dr_log_dropped(at->log) > 0);
    unit_close(reader); /* the writer's thread gets an error and goes on */
    end_log(at);
}

static void wait_until_written(dr_log *log)
{
    uint64_t lines = 1;
    uint64_t bytes = 0;
    while (dr_log_queue(log, &lines, &bytes), lines > 0) {
        usleep(100); /* between two looks */
    }
}

/* count_whole counts the numbered lines that are there from end to end; `*told`: those that the log
 * says are missing. */
static uint64_t count_whole(char *text, uint64_t *told)
{
    uint64_t count = 0;
    *told = 0;
    for (char *rest = NULL, *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        const char *message = strstr(line, "] ");
        uint64_t number = 0;
        if (message == NULL) {
            continue;
        }
        if (strstr(message, " lines were dropped") != NULL) {
            assert_int_equal(sscanf(message, "] %" SCNu64 " lines", &number), 1);
            *told += number;
        }
        const size_t len = strlen(message);
        count += strncmp(message, "] line ", 7) == 0 && strcmp(message + len - 4, " end") == 0;
    }
    return count;
}

/* The disk is full again and again, at places that no line ends at. */
static void lines_lost_on_a_full_disk_are_counted(void **state)
{
    logging *at = *state;
    logging_begin(at);
    dora_error error;
    uint64_t written = 0;
    uint64_t told = 0;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(dr_log_new(&at->log, at->path, false, 9, &error), DORA_OK);
    for (rlim_t bytes = 500; bytes < 9000; bytes += 487) {
        limit_files(bytes);
        for (int turn = 0; turn < 3; turn++) { /* the line about the lost is lost as well */
            for (int i = 0; i < 7; i++) {
                dr_log_write(at->log, DR_LOG_INFO, "a", "line %d of turn %d end", i, turn);
                written++;
            }
            wait_until_written(at->log);
        }
    }
    limit_files(RLIM_INFINITY);
    dr_log_write(at->log, DR_LOG_INFO, "a", "line 1 of the last turn end");
    written++;
    wait_until_written(at->log);
    const uint64_t dropped = dr_log_dropped(at->log);
    end_log(at);
    char *text = slurp(at);
    const uint64_t there = count_whole(text, &told);
    free(text);
    assert_true(dropped > 0);
    assert_int_equal(told, dropped);
    assert_int_equal(there + dropped, written);
}

static void a_link_is_not_followed(void **state)
{
    logging *at = *state;
    logging_begin(at);
    dora_error error;
    char name[80];
    (void)snprintf(name, sizeof(name), "%s.link", at->path);
    assert_int_equal(symlink(at->path, name), 0);
    assert_int_equal(dr_log_new(&at->log, name, false, 9, &error), DORA_EIO);
    assert_non_null(strstr(error.msg, "log.file: cannot open "));
    assert_non_null(strstr(error.msg, name));
    assert_non_null(strstr(error.msg, "symbolic link"));
}

static void a_link_that_comes_later_is_not_followed(void **state)
{
    logging *at = *state;
    logging_begin(at);
    dora_error error;
    char victim[80];
    struct stat status;
    (void)snprintf(victim, sizeof(victim), "%s.victim", at->path);
    const int fd = open(victim, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    assert_true(fd >= 0 && close(fd) == 0);
    assert_int_equal(dr_log_new(&at->log, at->path, false, 9, &error), DORA_OK);
    const int kept = at->fds[0] = open(at->path, O_RDONLY | O_CLOEXEC);
    assert_true(kept >= 0 && unlink(at->path) == 0 && symlink(victim, at->path) == 0);
    dr_log_reopen(at->log);
    dr_log_write(at->log, DR_LOG_INFO, "a", "after the link");
    end_log(at);
    assert_true(stat(victim, &status) == 0 && status.st_size == 0);
    char text[1024] = "";
    assert_true(read(kept, text, sizeof(text) - 1) > 0);
    assert_non_null(strstr(text, "symbolic link"));
    assert_non_null(strstr(text, "after the link"));
}

/* /dev/stderr is a link on Linux, and cannot be opened at all where it is a socket. */
static void standard_streams_have_names(void **state)
{
    logging *at = *state;
    logging_begin(at);
    dora_error error;
    int *ends = at->fds;
    char text[256] = "";
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    at->stderr_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    const dora_err err = dr_log_new(&at->log, "/dev/stderr", false, 9, &error);
    (void)dup2(at->stderr_fd, STDERR_FILENO);
    assert_int_equal(err, DORA_OK);
    dr_log_write(at->log, DR_LOG_INFO, "a", "to the standard error");
    end_log(at);
    assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
    assert_non_null(strstr(text, "to the standard error"));
    assert_int_equal(dr_log_new(&at->log, "/dev/null", false, 9, &error), DORA_OK);
    end_log(at);
}

static void a_fifo_that_nobody_reads_holds_up_nothing(void **state)
{
    logging *at = *state;
    logging_begin(at);
    dora_error error;
    char fifo[80];
    (void)snprintf(fifo, sizeof(fifo), "%s.fifo", at->path);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(dr_log_new(&at->log, fifo, false, 9, &error), DORA_EIO);
    assert_non_null(strstr(error.msg, "a fifo that nobody reads"));
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
        unit_in(logging, levels_and_text),
        cmocka_unit_test(the_threshold_never_drops_errors),
        cmocka_unit_test(json_has_the_keys_of_the_original),
        cmocka_unit_test(a_message_may_be_a_value),
        cmocka_unit_test(a_message_cannot_look_like_another_entry),
        unit_in(logging, no_text_steers_the_terminal),
        cmocka_unit_test(json_does_not_steer_it_either),
        unit_in(logging, a_cut_line_parts_no_character),
        unit_in(logging, a_log_of_json),
        unit_in(logging, the_queue_is_counted),
        unit_in(logging, a_moved_file_is_followed),
        unit_in(logging, a_file_that_cannot_be_opened_again_is_kept),
        unit_in(logging, lines_lost_on_a_full_disk_are_counted),
        unit_in(logging, a_link_is_not_followed),
        unit_in(logging, a_link_that_comes_later_is_not_followed),
        unit_in(logging, standard_streams_have_names),
        unit_in(logging, a_fifo_that_nobody_reads_holds_up_nothing),
        unit_in(logging, printed_lines_are_joined_and_cut),
        unit_in(logging, a_reader_that_hangs_costs_lines_not_time),
        cmocka_unit_test(a_file_that_cannot_be_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
