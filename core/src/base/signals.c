/* signals.c: what limits and broken descriptors send to a process that has to live on. */
#include "base/signals.h"

static const int numbers[DR_SIGNALS_SURVIVED] = {
    SIGPIPE, /* written to where nobody reads */
    SIGXFSZ, /* a file has reached `ulimit -f` */
    SIGXCPU, /* the soft limit of `ulimit -t`; the hard one kills */
    SIGIO    /* a descriptor that others hold, too, was told to send it (O_ASYNC) */
};

void dr_signals_survive(dr_signals *signals)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&ignore.sa_mask);
    for (int i = 0; i < DR_SIGNALS_SURVIVED; i++) {
        (void)sigaction(numbers[i], &ignore, &signals->before[i]);
    }
}

void dr_signals_restore(const dr_signals *signals)
{
    for (int i = 0; i < DR_SIGNALS_SURVIVED; i++) {
        (void)sigaction(numbers[i], &signals->before[i], NULL);
    }
}
