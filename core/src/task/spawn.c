/* spawn.c: posix_spawn of a zygote: no code of the master runs between fork and exec. */
#include "task/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <dora/runtime.h>

#include "base/environment.h"
#include "base/folder.h"
#include "ipc/control.h"

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

/* high gives a descriptor that no target number of the child can collide with: the same, or a copy
 * where its number is low. */
static int high(int fd)
{
    return fd > DR_CONTROL_FD ? fd : fcntl(fd, F_DUPFD_CLOEXEC, DR_CONTROL_FD + 1);
}

/* set_output leaves the new process no terminal: neither its files nor its signals. */
static void set_output(posix_spawn_file_actions_t *files, posix_spawnattr_t *attributes, int output)
{
    short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    if (output >= 0) {
        posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(files, output, 1);
        posix_spawn_file_actions_adddup2(files, output, 2);
        posix_spawnattr_setpgroup(attributes, 0);
        flags |= POSIX_SPAWN_SETPGROUP;
    }
    posix_spawnattr_setflags(attributes, flags);
}

static void close_copy(int copy, int fd)
{
    if (copy >= 0 && copy != fd) {
        close(copy);
    }
}

dora_err dr_spawn_zygote(const char *const *argv, char *const *given, const char *folder,
                         int control_fd, int output_fd, pid_t *pid, dora_error *error)
{
    char entry[64];
    (void)snprintf(entry, sizeof(entry), "%s=%d", DORA_ZYGOTE_ENV, DR_CONTROL_FD);
    char **environment = environment_with(given != NULL ? given : dr_environment(), entry);
    const int control = high(control_fd);
    const int output = output_fd < 0 ? -1 : high(output_fd);
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t all;
    sigset_t none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    int failed = environment == NULL                             ? ENOMEM
                 : control < 0 || (output < 0 && output_fd >= 0) ? errno
                                                                 : 0;
    if (failed == 0) {
        set_output(&files, &attributes, output);
        posix_spawn_file_actions_adddup2(&files, control, DR_CONTROL_FD);
        if (folder != NULL && dr_folder_is_there(folder)) {
            posix_spawn_file_actions_addchdir_np(&files, folder);
        }
        posix_spawnattr_setsigdefault(&attributes, &all);
        posix_spawnattr_setsigmask(&attributes, &none);
        failed = posix_spawnp(pid, argv[0], &files, &attributes, (char *const *)(uintptr_t)argv,
                              environment);
    }
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    free(environment);
    close_copy(control, control_fd);
    close_copy(output, output_fd);
    if (failed != 0) {
        return dora_error_set(error, DORA_ELOAD, "cannot start %s: %s", argv[0], strerror(failed));
    }
    return DORA_OK;
}

void dr_spawn_limit_files(pid_t pid, uint64_t files_max)
{
    struct rlimit files;
    if (files_max > 0 && getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files_max < files.rlim_max ? files_max : files.rlim_max;
        (void)prlimit(pid, RLIMIT_NOFILE, &files, NULL);
    }
}
