/* spawn.h: starting a zygote's process. */
#ifndef DR_TASK_SPAWN_H
#define DR_TASK_SPAWN_H

#include <sys/types.h>

#include <dora/error.h>

/* dr_spawn_zygote starts `argv` (NULL-ended; looked up in PATH) in a process group of its own, with
 * `control_fd` as its descriptor 3, `output_fd` as 1 and 2, an empty input, default signals, the
 * environment `given` (NULL-ended; NULL: this process's own) and DORA_ZYGOTE; in `folder`, where
 * that is not NULL and can be entered. `output_fd` -1: it has this process's input, output and
 * group, so that it may ask who sits at the terminal.
 * Errors: DORA_ELOAD names the program and why. */
dora_err dr_spawn_zygote(const char *const *argv, char *const *given, const char *folder,
                         int control_fd, int output_fd, pid_t *pid, dora_error *error);

/* dr_spawn_limit_files gives a child its own soft limit on descriptors; 0 leaves the master's. */
void dr_spawn_limit_files(pid_t pid, uint64_t files_max);

#endif
