/* program.c: this very program, started once more from what lies on disk now. */
#include "server/upgrade/program.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/descriptor.h"
#include "base/folder.h"
#include "base/signals.h"

#define COMMAND_LINE "/proc/self/cmdline"

enum {
    FAILURE_FD = DR_UPGRADE_FD + 1, /* closed by the exec, or it says why there is none */
    FIRST_CLOSED_FD
};

/* failure is what the process says where it does not come to be the program. */
typedef struct failure {
    bool is_program; /* it is the program that cannot be run */
    int why;
} failure;

static dora_err read_all(dr_buf *text)
{
    ssize_t got = 1;
    dora_err err = DORA_OK;
    const int fd = open(COMMAND_LINE, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && err == DORA_OK && got > 0) {
        err = dr_buf_reserve(text, 4096);
        got = err == DORA_OK ? read(fd, text->data + text->len, 4096) : 0;
        text->len += got > 0 ? (size_t)got : 0;
    }
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0 && got == 0 ? err : DORA_EIO;
}

char **dr_program_words(void)
{
    dr_buf text = {0};
    char **list = NULL;
    size_t count = 0;
    if (read_all(&text) == DORA_OK && text.len > 0 && text.data[text.len - 1] == '\0') {
        for (size_t i = 0; i < text.len; i++) {
            count += text.data[i] == '\0';
        }
        list = malloc((count + 1) * sizeof(*list) + text.len);
    }
    if (list != NULL) {
        char *at = (char *)(list + count + 1);
        memcpy(at, text.data, text.len);
        for (size_t i = 0; i < count; i++, at += strlen(at) + 1) {
            list[i] = at;
        }
        list[count] = NULL;
    }
    dr_buf_fini(&text);
    return list;
}

static int place_files(const dr_program_start *start, int failure_fd)
{
    struct rlimit files;
    if (dup2(start->output_fd, STDOUT_FILENO) < 0 || dup2(start->output_fd, STDERR_FILENO) < 0 ||
        dup3(failure_fd, FAILURE_FD, O_CLOEXEC) < 0 || dup2(start->link_fd, DR_UPGRADE_FD) < 0) {
        return errno;
    }
    /* Connections and sockets of this process are no affair of the new one, but for what it is
     * given over the link. */
    dr_descriptor_close_from(FIRST_CLOSED_FD);
    if (start->files_max != 0 && getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = (rlim_t)start->files_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    return 0;
}

/* become is the new process's life until it is the program. Of a process with many threads it has
 * one, so it takes no lock: nothing that allocates, and none of the host's fork handlers. */
static _Noreturn void become(const dr_program_start *start, int failure_fd)
{
    failure failed = {false, place_files(start, failure_fd)};
    if (failed.why != 0) {
        (void)!write(failure_fd, &failed, sizeof(failed));
        _exit(1);
    }
    if (start->folder == NULL || chdir(start->folder) == 0) {
        dr_signals_default(start->ignored);
        dr_signals_unblock();
        (void)execvpe(start->words[0], (char *const *)(uintptr_t)start->words, start->environment);
    }
    failed = (failure){true, errno};
    (void)!write(FAILURE_FD, &failed, sizeof(failed));
    _exit(1);
}

static dora_err tell(const dr_program_start *start, const failure *failed, dora_error *error)
{
    return dora_error_set(error, DORA_ELOAD, "cannot start %s: %s%s", start->words[0],
                          failed->is_program ? "" : "its descriptors: ", strerror(failed->why));
}

/* await_program waits until the process is the program. Returns: false where it says why not; it
 * has ended then. */
static bool await_program(int failure_fd, pid_t pid, failure *failed)
{
    ssize_t got;
    do {
        got = read(failure_fd, failed, sizeof(*failed));
    } while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof(*failed)) {
        return true; /* the program, or an end that its pidfd tells */
    }
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    return false;
}

/* fork_program: signals wait meanwhile, since this process's handlers, run in the new one, would
 * speak through pipes that both have. */
static dora_err fork_program(const dr_program_start *start, pid_t *pid, dora_error *error)
{
    int ends[2];
    sigset_t all;
    sigset_t before;
    failure failed = {false, 0};
    if (pipe2(ends, O_CLOEXEC) != 0) {
        failed.why = errno;
        return tell(start, &failed, error);
    }
    const int failure_fd = dr_descriptor_high(ends[1], FIRST_CLOSED_FD);
    close(ends[1]);
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    *pid = failure_fd < 0 ? -1 : _Fork();
    if (*pid == 0) {
        become(start, failure_fd);
    }
    failed.why = errno;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    dr_descriptor_close(failure_fd);
    const bool is_started = *pid > 0 && await_program(ends[0], *pid, &failed);
    close(ends[0]);
    return is_started ? DORA_OK : tell(start, &failed, error);
}

dora_err dr_program_fork(const dr_program_start *start, pid_t *pid, dora_error *error)
{
    dora_err err = DORA_OK;
    dr_program_start given = *start;
    given.link_fd = dr_descriptor_high(start->link_fd, FIRST_CLOSED_FD);
    given.output_fd = dr_descriptor_high(start->output_fd, FIRST_CLOSED_FD);
    if (given.folder != NULL && !dr_folder_is_there(given.folder)) {
        given.folder = NULL;
    }
    if (given.link_fd < 0 || given.output_fd < 0) {
        const failure failed = {false, errno};
        err = tell(&given, &failed, error);
    } else {
        err = fork_program(&given, pid, error);
    }
    dr_descriptor_close(given.link_fd);
    dr_descriptor_close(given.output_fd);
    return err;
}
