/* spawn.c: a zygote's process: forked, given what it may have and no more, and made the program. */
#include "task/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <dora/runtime.h>

#include "base/environment.h"
#include "base/folder.h"
#include "ipc/control.h"

enum {
    FAILURE_FD = DR_CONTROL_FD + 1, /* closed by the exec, or it says why there is none */
    FIRST_CLOSED_FD
};

/* failure is what the process says where it does not come to be the program. */
typedef struct failure {
    const char *what; /* of this program's texts: both processes have them at the same place */
    int why;
} failure;

/* environment_with gives an environment and one more entry. The list is the caller's to free. */
static char **environment_with(char *const *own, char *entry)
{
    size_t count = 0;
    while (own != NULL && own[count] != NULL) {
        count++;
    }
    char **list = calloc(count + 2, sizeof(*list));
    if (list != NULL && count > 0) {
        memcpy(list, own, count * sizeof(*list));
    }
    if (list != NULL) {
        list[count] = entry;
    }
    return list;
}

/* high gives a copy that no target number of the child can collide with; -1: there is none. */
static int high(int fd)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, FIRST_CLOSED_FD);
}

static void close_if(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

/* close_others: what the master has, and what it was started with, is no affair of a pool. */
static void close_others(void)
{
    struct rlimit files;
    if (syscall(SYS_close_range, FIRST_CLOSED_FD, ~0u, 0) == 0 ||
        getrlimit(RLIMIT_NOFILE, &files) != 0) {
        return;
    }
    for (int fd = FIRST_CLOSED_FD; (rlim_t)fd < files.rlim_cur; fd++) { /* before Linux 5.9 */
        (void)close(fd);
    }
}

/* place_files gives the process its descriptors, and no terminal: neither its files nor its
 * signals. */
static int place_files(int control, int output, int failure_fd)
{
    if (output >= 0) {
        const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
            dup2(output, STDERR_FILENO) < 0 || setpgid(0, 0) != 0) {
            return errno;
        }
    }
    if (dup3(failure_fd, FAILURE_FD, O_CLOEXEC) < 0 || dup2(control, DR_CONTROL_FD) < 0) {
        return errno;
    }
    close_others();
    return 0;
}

static void set_default_signals(void)
{
    const struct sigaction action = {.sa_handler = SIG_DFL};
    for (int number = 1; number <= SIGRTMAX; number++) {
        (void)sigaction(number, &action, NULL);
    }
}

static void unblock_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* become is the new process's life until it is the program. Of a process with many threads it has
 * one, so it takes no lock: nothing that allocates, and none of the host's fork handlers. */
static _Noreturn void become(const dr_spawn *order, char *const *environment, int control,
                             int output, int failure_fd)
{
    failure failed = {"its descriptors", 0};
    set_default_signals();
    failed.why = place_files(control, output, failure_fd);
    if (failed.why != 0) {
        (void)!write(failure_fd, &failed, sizeof(failed));
        _exit(1);
    }
    failed.why = dr_rights_take(order->rights, &failed.what);
    if (failed.why == 0 && order->folder != NULL && chdir(order->folder) != 0) {
        failed = (failure){"cwd", errno};
    }
    if (failed.why == 0) {
        unblock_signals();
        (void)execvpe(order->argv[0], (char *const *)(uintptr_t)order->argv, environment);
        failed = (failure){NULL, errno};
    }
    (void)!write(FAILURE_FD, &failed, sizeof(failed));
    _exit(1);
}

/* await_program waits until the process is the program. Returns: false where it says why not; it
 * has ended then. */
static bool await_program(int failure_fd, pid_t pid, failure *failed)
{
    ssize_t got;
    do {
        got = read(failure_fd, failed, sizeof(*failed));
    } while (got < 0 && errno == EINTR);
    if (got <= 0) {
        return true; /* the program, or an end that its pidfd tells */
    }
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    return false;
}

static dora_err tell(const dr_spawn *order, const failure *failed, dora_error *error)
{
    const dr_rights *rights = order->rights;
    const char *as = rights->has_account ? " as " : "";
    const char *user = rights->has_account ? rights->account.user : "";
    if (failed->what == NULL) {
        return dora_error_set(error, DORA_ELOAD, "cannot start %s%s%s: %s", order->argv[0], as,
                              user, strerror(failed->why));
    }
    const bool is_folder = strcmp(failed->what, "cwd") == 0;
    return dora_error_set(error, DORA_ELOAD, "cannot start %s%s%s: %s%s%s: %s%s", order->argv[0],
                          as, user, failed->what, is_folder ? ": " : "",
                          is_folder ? order->folder : "", strerror(failed->why),
                          is_folder ? "; name a folder that this user may enter as the pool's "
                                      "\"cwd\""
                                    : "");
}

/* fork_zygote makes the process and waits for the program. Signals wait meanwhile: the master's
 * handlers, run in the new process, would speak through pipes that both have. */
static dora_err fork_zygote(const dr_spawn *order, char *const *environment, int control,
                            int output, pid_t *pid, dora_error *error)
{
    int ends[2];
    sigset_t all;
    sigset_t before;
    failure failed = {NULL, 0};
    if (pipe2(ends, O_CLOEXEC) != 0) {
        failed.why = errno;
        return tell(order, &failed, error);
    }
    const int failure_fd = high(ends[1]);
    close(ends[1]);
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    *pid = failure_fd < 0 ? -1 : _Fork();
    if (*pid == 0) {
        become(order, environment, control, output, failure_fd);
    }
    failed.why = errno;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    close_if(failure_fd);
    const bool is_started = *pid > 0 && await_program(ends[0], *pid, &failed);
    close(ends[0]);
    return is_started ? DORA_OK : tell(order, &failed, error);
}

dora_err dr_spawn_zygote(const dr_spawn *order, pid_t *pid, dora_error *error)
{
    char entry[64];
    dr_spawn given = *order;
    dora_err err = DORA_OK;
    (void)snprintf(entry, sizeof(entry), "%s=%d", DORA_ZYGOTE_ENV, DR_CONTROL_FD);
    char **environment =
        environment_with(given.environment != NULL ? given.environment : dr_environment(), entry);
    const int control = high(given.control_fd);
    const int output = given.output_fd < 0 ? -1 : high(given.output_fd);
    if (given.folder != NULL && !dr_folder_is_there(given.folder)) {
        given.folder = NULL;
    }
    if (environment == NULL || control < 0 || (output < 0 && given.output_fd >= 0)) {
        const failure failed = {"its descriptors", environment == NULL ? ENOMEM : errno};
        err = tell(order, &failed, error);
    } else {
        err = fork_zygote(&given, environment, control, output, pid, error);
    }
    free(environment);
    close_if(control);
    close_if(output);
    return err;
}
