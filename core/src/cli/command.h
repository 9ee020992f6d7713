/* command.h: what a subcommand of the `dora` program is. */
#ifndef DR_CLI_COMMAND_H
#define DR_CLI_COMMAND_H

#include "cli/help.h"

/* dr_command is one subcommand. `run` gets the arguments behind its name. Returns: the exit status,
 * as core/OPERATIONS.md has them. */
typedef struct dr_command {
    const char *name;
    const char *arguments; /* in the list of all */
    const char *summary;
    const char *usage;
    const char *help; /* behind the usage */
    int (*run)(int argc, char **argv, const dora_host *host);
    bool is_client; /* it speaks to servers: the flags of tls.h are taken out of its arguments */
} dr_command;

/* DR_COMMANDS lists them, in the order of the help; each is the file of its name. */
#define DR_COMMANDS(X)                                                                             \
    X(serve)                                                                                       \
    X(check)                                                                                       \
    X(call) X(stat) X(apis) X(top) X(reload) X(upgrade) X(forgive) X(stop) X(monitor) X(completion)

#define DR_COMMAND_DECLARE(name) extern const dr_command dr_command_##name;
DR_COMMANDS(DR_COMMAND_DECLARE)
#undef DR_COMMAND_DECLARE

/* dr_subcommands is all of them; NULL ends it. */
extern const dr_command *const dr_subcommands[];

#endif
