/* daemon.c: a server that leaves its terminal, and a parent that waits until it serves. */
#include "server/master/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/threads.h"

/* let_signals_end makes Ctrl-C end the waiting parent: its host's handlers, which may only note the
 * signal for later, are not needed any more. What is ignored (nohup) stays ignored. */
static void let_signals_end(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct sigaction now;
        if (sigaction(numbers[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN) {
            (void)signal(numbers[i], SIG_DFL);
        }
    }
}

/* wait_for is the rest of the parent's life. Its host's buffers and destructors are the child's
 * now, so it must not run any clean-up. */
static _Noreturn void wait_for(pid_t child, int ready_fd)
{
    char byte;
    ssize_t got;
    int status = 0;
    let_signals_end();
    do {
        got = read(ready_fd, &byte, 1);
    } while (got < 0 && errno == EINTR);
    if (got == 1) {
        _exit(0);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFSIGNALED(status)) {
        fprintf(stderr, "dora serve: process %d was killed by signal %d (%s) before it was ready\n",
                (int)child, WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else if (WEXITSTATUS(status) == 0) {
        fputs("dora serve: the server was stopped before it was ready\n", stderr);
    }
    _exit(WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : 1);
}

dora_err dr_daemon_fork(int *ready_fd, dora_error *error)
{
    int ends[2];
    const int threads = dr_thread_count();
    if (threads > 1) {
        return dora_error_set(error, DORA_ECONFIG,
                              "daemonize: this process has %d threads, and a daemon would keep one "
                              "of them; start threads in a worker_start hook, or start the server "
                              "by `dora serve`",
                              threads);
    }
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return dora_error_set(error, DORA_EIO, "daemonize: cannot make a pipe: %s",
                              strerror(errno));
    }
    (void)fflush(NULL); /* else both would write what is buffered */
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child < 0) {
        const char *why = strerror(errno);
        close(ends[0]);
        close(ends[1]);
        return dora_error_set(error, DORA_EIO, "daemonize: cannot fork: %s", why);
    }
    if (child > 0) {
        close(ends[1]);
        wait_for(child, ends[0]);
    }
    close(ends[0]);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    if (getppid() != parent) {
        _exit(1);
    }
    (void)setsid();
    *ready_fd = ends[1];
    return DORA_OK;
}

void dr_daemon_ready(int ready_fd)
{
    const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (nothing >= 0) {
        (void)dup2(nothing, STDIN_FILENO);
        close(nothing);
    }
    (void)prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
    (void)!write(ready_fd, "", 1);
    close(ready_fd);
}
