/* signals.c: what a process that has to live on does with signals, and what it did before. */
#include "base/signals.h"

#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

static const int survived[] = {
    SIGPIPE, /* written to where nobody reads */
    SIGXFSZ, /* a file has reached `ulimit -f` */
    SIGXCPU, /* the soft limit of `ulimit -t`; the hard one kills */
    SIGIO    /* a descriptor that others hold, too, was told to send it (O_ASYNC) */
};

static void end(int number)
{
    _exit(128 + number);
}

void dr_signals_end_first(void)
{
    static const int ending[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    struct sigaction action = {.sa_handler = end};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; getpid() == 1 && i < sizeof(ending) / sizeof(ending[0]); i++) {
        struct sigaction before;
        if (sigaction(ending[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL) {
            (void)sigaction(ending[i], &action, NULL);
        }
    }
}

void dr_signals_survive(dr_signals *signals)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&ignore.sa_mask);
    for (int number = 1; number < DR_SIGNALS; number++) {
        (void)sigaction(number, NULL, &signals->before[number]);
    }
    for (size_t i = 0; i < sizeof(survived) / sizeof(survived[0]); i++) {
        (void)sigaction(survived[i], &ignore, NULL);
    }
}

void dr_signals_restore(const dr_signals *signals)
{
    for (int number = 1; number < DR_SIGNALS; number++) {
        if (number != SIGKILL && number != SIGSTOP) {
            (void)sigaction(number, &signals->before[number], NULL);
        }
    }
}

void dr_signals_ignored(const dr_signals *signals, sigset_t *ignored)
{
    sigemptyset(ignored);
    for (int number = 1; number < DR_SIGNALS; number++) {
        if (signals->before[number].sa_handler == SIG_IGN) {
            sigaddset(ignored, number);
        }
    }
}

void dr_signals_default(const sigset_t *ignored)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    for (int number = 1; number <= SIGRTMAX; number++) {
        const bool is_ignored = ignored != NULL && sigismember(ignored, number) == 1;
        action.sa_handler = is_ignored ? SIG_IGN : SIG_DFL;
        (void)sigaction(number, &action, NULL);
    }
}

void dr_signals_unblock(void)
{
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}
