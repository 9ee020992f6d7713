/* interrupt.c: Ctrl-C, for commands that have something to say before they end. */
#include "cli/interrupt.h"

#include <signal.h>

void dr_interrupt_hold(void)
{
    struct sigaction now;
    sigset_t interrupt;
    if (sigaction(SIGINT, NULL, &now) != 0 || now.sa_handler == SIG_IGN) {
        return; /* where it is blocked, one that is ignored would wait, too */
    }
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &interrupt, NULL);
}

bool dr_interrupt_came(void *user)
{
    (void)user;
    sigset_t waiting;
    return sigpending(&waiting) == 0 && sigismember(&waiting, SIGINT) == 1;
}
