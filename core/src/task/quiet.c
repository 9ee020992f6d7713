/* quiet.c: the signals that a zygote and its workers leave to the master. */
#include "task/quiet.h"

#include <stddef.h>

/* SIGPIPE is not the master's, but a worker that writes to where nobody reads lives on, too. */
static const int numbers[DR_QUIET_SIGNALS] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE};

static void do_nothing(int number)
{
    (void)number;
}

static bool is_ours(const dr_quiet *self, size_t i, const struct sigaction *now)
{
    return (now->sa_flags & SA_SIGINFO) == 0 &&
           now->sa_handler == (numbers[i] == SIGPIPE ? SIG_IGN : self->handler);
}

static void set(const dr_quiet *self, size_t i)
{
    struct sigaction action = {.sa_handler = numbers[i] == SIGPIPE ? SIG_IGN : self->handler,
                               .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    (void)sigaction(numbers[i], &action, NULL);
}

void dr_quiet_begin(dr_quiet *self, bool resumes_sleep)
{
    self->handler = resumes_sleep ? do_nothing : SIG_IGN;
    for (size_t i = 0; i < DR_QUIET_SIGNALS; i++) {
        (void)sigaction(numbers[i], NULL, &self->before[i]);
        set(self, i);
    }
}

void dr_quiet_again(dr_quiet *self)
{
    for (size_t i = 0; i < DR_QUIET_SIGNALS; i++) {
        struct sigaction now;
        (void)sigaction(numbers[i], NULL, &now);
        if (!is_ours(self, i, &now)) {
            self->before[i] = now;
            set(self, i);
        }
    }
}

void dr_quiet_end(const dr_quiet *self)
{
    for (size_t i = 0; i < DR_QUIET_SIGNALS; i++) {
        struct sigaction now;
        (void)sigaction(numbers[i], NULL, &now);
        if (is_ours(self, i, &now)) {
            (void)sigaction(numbers[i], &self->before[i], NULL);
        }
    }
}

void dr_quiet_fill(sigset_t *set)
{
    sigemptyset(set);
    for (size_t i = 0; i < DR_QUIET_SIGNALS; i++) {
        sigaddset(set, numbers[i]);
    }
}
