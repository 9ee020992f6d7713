/* interrupt.c: Ctrl-C, for commands that have something to say before they end. */
#include "cli/interrupt.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/command.h"

#define ASK_MS 100    /* between two looks at what came while nobody reads */
#define PATIENCE_S 1u /* from a Ctrl-C on, for what cannot be interrupted: the look-up of a name */

/* A signal handler takes no argument. */
static volatile sig_atomic_t is_talking; /* a server may have a call of ours */
static volatile sig_atomic_t has_come;

static void leave(int number)
{
    (void)number;
    _exit(DR_EXIT_INTERRUPTED);
}

static void on_interrupt(int number)
{
    if (!is_talking || has_come) {
        leave(number);
    }
    has_come = 1;
    (void)alarm(PATIENCE_S);
}

void dr_interrupt_hold(void)
{
    struct sigaction now;
    struct sigaction interrupt = {.sa_handler = on_interrupt}; /* no SA_RESTART: waits return */
    struct sigaction late = {.sa_handler = leave};
    if (sigaction(SIGINT, NULL, &now) != 0 || now.sa_handler == SIG_IGN) {
        return;
    }
    sigemptyset(&interrupt.sa_mask);
    sigemptyset(&late.sa_mask);
    (void)sigaction(SIGALRM, &late, NULL);
    (void)sigaction(SIGINT, &interrupt, NULL);
}

void dr_interrupt_release(void)
{
    is_talking = 0;
}

bool dr_interrupt_came(void *user)
{
    (void)user;
    is_talking = 1;
    return has_come != 0;
}

/* Waits until stdout takes something. Returns: false where it never will. */
static bool wait_for_room(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    int ready = 0;
    while (ready == 0 && !has_come) {
        ready = poll(&out, 1, ASK_MS);
        ready = ready < 0 && errno == EINTR ? 0 : ready;
    }
    return ready >= 0;
}

dora_err dr_interrupt_print(dora_slice text)
{
    if (fflush(stdout) != 0) {
        return DORA_EIO;
    }
    while (text.len > 0) {
        if (!wait_for_room()) {
            return DORA_EIO;
        }
        if (has_come) {
            return DORA_EINTERRUPTED;
        }
        const size_t len =
            text.len < PIPE_BUF ? text.len : PIPE_BUF; /* a pipe with room has that */
        const ssize_t count = write(STDOUT_FILENO, text.data, len);
        if (count < 0 && errno != EINTR && errno != EAGAIN) {
            return DORA_EIO;
        }
        text.data += count > 0 ? count : 0;
        text.len -= count > 0 ? (size_t)count : 0;
    }
    return DORA_OK;
}
