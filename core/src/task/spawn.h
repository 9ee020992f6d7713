/* spawn.h: starting a zygote's process. */
#ifndef DR_TASK_SPAWN_H
#define DR_TASK_SPAWN_H

#include <sys/types.h>

#include <dora/error.h>

#include "base/rights.h"

/* dr_spawn is how it is started; all of it borrowed. */
typedef struct dr_spawn {
    const char *const *argv;  /* NULL-ended; looked up in PATH */
    char *const *environment; /* NULL-ended; NULL: this process's own; DORA_ZYGOTE is added */
    const char *folder;       /* where; NULL, or one that is not there: here */
    int control_fd;           /* its descriptor 3 */
    int output_fd;            /* 1 and 2. -1: it has this process's input, output and group of
                               * processes, so that it may ask who sits at the terminal */
    const dr_rights *rights;
} dr_spawn;

/* dr_spawn_zygote starts the process: in a group of its own, with an empty input, default signals,
 * the given rights, and no other descriptor. Errors: DORA_ELOAD where the program itself is to
 * blame, DORA_EIO where a right, the folder or a limit of the system is; the message says why. */
dora_err dr_spawn_zygote(const dr_spawn *order, pid_t *pid, dora_error *error);

#endif
