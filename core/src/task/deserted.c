/* deserted.c: a zygote whose master has ended while it loads ends as well, with what it has
 * started. */
#include "task/deserted.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/control.h"

#define SIGNAL (SIGRTMAX - 6) /* an application that takes it while it loads undoes only this */

static bool has_hung_up(void)
{
    struct pollfd watched = {.fd = DR_CONTROL_FD, .events = POLLRDHUP};
    return poll(&watched, 1, 0) > 0 && (watched.revents & (POLLRDHUP | POLLHUP)) != 0;
}

/* end_all ends the group of processes, which is the zygote's own or that of the program that has
 * started it; at a terminal it is the master's, and others may belong to it. */
static void end_all(void)
{
    const pid_t group = getpgrp();
    const bool is_own = group == getpid() || group == getppid();
    (void)kill(is_own ? 0 : getpid(), SIGKILL);
}

/* on_end: the parent has ended, or something has happened to the socket. */
static void on_end(int number, siginfo_t *info, void *context)
{
    const int saved = errno;
    (void)number;
    (void)context;
    if (info->si_code == SI_USER || has_hung_up()) {
        end_all();
    }
    errno = saved;
}

static bool is_parent_master(void)
{
    struct ucred peer = {.pid = 0};
    socklen_t len = sizeof(peer);
    return getsockopt(DR_CONTROL_FD, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
           peer.pid == getppid();
}

void dr_deserted_begin(void)
{
    struct sigaction action = {.sa_sigaction = on_end, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigemptyset(&action.sa_mask);
    (void)sigaction(SIGNAL, &action, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGNAL, 0, 0, 0);
    if (!is_parent_master()) { /* it has ended already, or a program between us lives on */
        (void)fcntl(DR_CONTROL_FD, F_SETOWN, getpid());
        (void)fcntl(DR_CONTROL_FD, F_SETSIG, SIGNAL);
        (void)fcntl(DR_CONTROL_FD, F_SETFL, fcntl(DR_CONTROL_FD, F_GETFL) | O_ASYNC);
        if (has_hung_up()) {
            end_all();
        }
    }
}

void dr_deserted_end(void)
{
    (void)prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
    (void)fcntl(DR_CONTROL_FD, F_SETFL, fcntl(DR_CONTROL_FD, F_GETFL) & ~O_ASYNC);
    (void)signal(SIGNAL, SIG_DFL);
}
