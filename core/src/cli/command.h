/* command.h: what a subcommand of the `dora` program is. */
#ifndef DR_CLI_COMMAND_H
#define DR_CLI_COMMAND_H

#include "cli/help.h"

/* dr_command is one subcommand. `run` gets the arguments behind its name. Returns: the exit status,
 * as README.md has them. */
typedef struct dr_command {
    const char *name;
    const char *arguments; /* in the list of all */
    const char *summary;
    const char *usage;
    const char *help; /* behind the usage */
    int (*run)(int argc, char **argv, const dora_host *host);
} dr_command;

/* Each stands in the file of its name; commands.c lists them. */
extern const dr_command dr_command_serve;
extern const dr_command dr_command_check;
extern const dr_command dr_command_call;
extern const dr_command dr_command_stat;
extern const dr_command dr_command_top;
extern const dr_command dr_command_reload;
extern const dr_command dr_command_stop;
extern const dr_command dr_command_monitor;

/* dr_commands is all of them, in the order of the help; NULL ends it. */
extern const dr_command *const dr_commands[];

#endif
