/* test_program.c: a program that is started anew: its signals. */
#include "unit.h"

#include <fcntl.h>
#include <signal.h>

#include "base/environment.h"
#include "base/signals.h"
#include "server/upgrade/program.h"

/* start is a program under way, and the pipe by which it tells. */
typedef struct start {
    int ends[2];
    int link_fd;
    pid_t pid;
    char said[8192];
} start;

static void start_end(start *self)
{
    (void)signal(SIGHUP, SIG_DFL);
    (void)signal(SIGUSR2, SIG_DFL);
    unit_close(&self->ends[0]);
    unit_close(&self->ends[1]);
    unit_close(&self->link_fd);
    if (self->pid > 0) {
        (void)unit_wait(self->pid);
    }
}
UNIT_SCENE(start, start_end)

static void read_all(start *self)
{
    size_t len = 0;
    ssize_t got = 1;
    unit_close(&self->ends[1]);
    while (got > 0 && len < sizeof(self->said) - 1) {
        got = read(self->ends[0], self->said + len, sizeof(self->said) - 1 - len);
        len += got > 0 ? (size_t)got : 0;
    }
    self->said[len] = '\0';
}

/* ignored says whether the program ignores a signal. */
static bool ignored(const start *self, int number)
{
    const char *line = strstr(self->said, "SigIgn:");
    assert_non_null(line);
    return (strtoull(line + 7, NULL, 16) >> (number - 1) & 1) != 0;
}

/* What nohup has said holds for the next one; what this process has come to ignore does not. */
static void it_ignores_what_this_one_was_started_with(void **state)
{
    start *self = *state;
    const char *const words[] = {"cat", "/proc/self/status", NULL};
    dr_signals before;
    sigset_t set;
    dora_error error;
    assert_int_equal(pipe2(self->ends, O_CLOEXEC), 0);
    self->link_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    (void)signal(SIGHUP, SIG_IGN);
    dr_signals_survive(&before);
    (void)signal(SIGHUP, SIG_DFL);
    (void)signal(SIGUSR2, SIG_IGN);
    dr_signals_ignored(&before, &set);
    const dr_program_start how = {.words = words,
                                  .environment = dr_environment(),
                                  .link_fd = self->link_fd,
                                  .output_fd = self->ends[1],
                                  .ignored = &set};
    assert_int_equal(dr_program_fork(&how, &self->pid, &error), DORA_OK);
    dr_signals_restore(&before);
    read_all(self);
    assert_true(ignored(self, SIGHUP));
    assert_false(ignored(self, SIGUSR2));
    assert_false(ignored(self, SIGTERM));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(start, it_ignores_what_this_one_was_started_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
