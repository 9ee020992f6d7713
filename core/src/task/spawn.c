/* spawn.c: a zygote's process: forked, given what it may have and no more, and made the program. */
#include "task/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <dora/runtime.h>

#include "base/descriptor.h"
#include "base/environment.h"
#include "base/folder.h"
#include "base/signals.h"
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
    /* What the master has, and what it was started with, is no affair of a pool. */
    dr_descriptor_close_from(FIRST_CLOSED_FD);
    return 0;
}

/* become is the new process's life until it is the program. Of a process with many threads it has
 * one, so it takes no lock: nothing that allocates, and none of the host's fork handlers. */
static _Noreturn void become(const dr_spawn *order, char *const *environment, int control,
                             int output, int failure_fd)
{
    failure failed = {"its descriptors", 0};
    dr_signals_default(NULL);
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
        dr_signals_unblock();
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

/* limit_of is what helps where the system gives no more of something, which is not the program's
 * fault. Returns: NULL where that is not the reason. */
static const char *limit_of(int why)
{
    switch (why) {
    case EMFILE:
        return "; raise the limit of open files (ulimit -n, LimitNOFILE of systemd)";
    case EAGAIN:
        return "; raise the limit of processes (ulimit -u, TasksMax of systemd)";
    case ENFILE:
    case ENOMEM:
        return "";
    default:
        return NULL;
    }
}

/* tell says why. Returns: DORA_ELOAD where the program itself could not be started, for which the
 * caller may know what helps, otherwise DORA_EIO. */
static dora_err tell(const dr_spawn *order, const failure *failed, dora_error *error)
{
    const dr_rights *rights = order->rights;
    const char *as = rights->has_account ? " as " : "";
    const char *user = rights->has_account ? rights->account.user : "";
    const bool is_folder = failed->what != NULL && strcmp(failed->what, "cwd") == 0;
    const char *mend = limit_of(failed->why);
    const dora_err err = failed->what == NULL && mend == NULL ? DORA_ELOAD : DORA_EIO;
    if (mend == NULL) {
        mend = is_folder ? "; name a folder that this user may enter as the pool's \"cwd\"" : "";
    }
    return dora_error_set(error, err, "cannot start %s%s%s: %s%s%s%s%s%s", order->argv[0], as, user,
                          failed->what != NULL ? failed->what : "",
                          failed->what != NULL ? ": " : "", is_folder ? order->folder : "",
                          is_folder ? ": " : "", strerror(failed->why), mend);
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
    const int failure_fd = dr_descriptor_high(ends[1], FIRST_CLOSED_FD);
    close(ends[1]);
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    *pid = failure_fd < 0 ? -1 : _Fork();
    if (*pid == 0) {
        become(order, environment, control, output, failure_fd);
    }
    failed.why = errno;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    dr_descriptor_close(failure_fd);
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
    const int control = dr_descriptor_high(given.control_fd, FIRST_CLOSED_FD);
    const int output =
        given.output_fd < 0 ? -1 : dr_descriptor_high(given.output_fd, FIRST_CLOSED_FD);
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
    dr_descriptor_close(control);
    dr_descriptor_close(output);
    return err;
}
