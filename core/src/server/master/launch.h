/* launch.h: how the zygote of a pool is started. Thread: the supervisor's. */
#ifndef DR_SERVER_LAUNCH_H
#define DR_SERVER_LAUNCH_H

#include "task/crew.h"

struct dr_server;

/* dr_launch_command is the command line that starts a zygote of one pool, made when first wanted.
 * Every generation is started by the same. dr_launch_command_fini frees what it
 * has. */
typedef struct dr_launch_command {
    const char *const *argv;
    const char **words; /* what `argv` has, where the host's own words do not do */
    char *app;          /* an application's absolute path, where the pool runs in another folder */
    char setting[4096];
} dr_launch_command;

void dr_launch_command_fini(dr_launch_command *command);

/* dr_launch makes a crew for a pool, adds it to the server's list, and starts it.
 * Errors: DORA_ENOMEM, DORA_ELOAD, DORA_EIO; DORA_ECONFIG for its env_file. The crew may be in the
 * list all the same. */
dora_err dr_launch(struct dr_server *server, uint32_t pool, bool is_on_trial, dr_crew **crew,
                   dora_error *error);

/* dr_launch_all starts the first crew of every pool; after an error those of later pools are NULL.
 * Errors: as dr_launch. */
dora_err dr_launch_all(struct dr_server *server, dora_error *error);

#endif
