/* help.h: what the `dora` program says about itself, and how it reports errors. */
#ifndef DR_CLI_HELP_H
#define DR_CLI_HELP_H

#include <dora/server.h>

/* Exit statuses, as core/OPERATIONS.md has them. */
typedef enum dr_exit {
    DR_EXIT_OK = 0,
    DR_EXIT_FAILED = 1, /* the handler's error; a server or a configuration that does not start */
    DR_EXIT_USAGE = 2,
    DR_EXIT_NOT_RUN = 3,
    DR_EXIT_CONNECTION = 4,
    DR_EXIT_INTERRUPTED = 130 /* as a shell has it: 128, and the signal's number */
} dr_exit;

/* Parts of the help of several commands. */
#define DR_ABOUT_ADDRESS                                                                           \
    "ADDRESS is HOST:PORT, tls://HOST:PORT or unix:PATH (127.0.0.1:9567). A server takes "         \
    "commands\n"                                                                                   \
    "from its own machine alone, unless its control.allow says otherwise.\n"

#define DR_ABOUT_STATUS                                                                            \
    "\n"                                                                                           \
    "exit status: 0 ok, 1 refused, 2 wrong command line, 4 no server there or no answer\n"

/* dr_cli_help prints the help of `topic` (NULL: of the whole program) to stdout.
 * Returns: DR_EXIT_OK, or DR_EXIT_USAGE for an unknown topic. */
int dr_cli_help(const char *topic);

/* dr_cli_usage prints `message` (may be NULL) and how `topic` is called to stderr.
 * Returns: DR_EXIT_USAGE. */
int dr_cli_usage(const char *topic, const char *message);

/* dr_cli_wants_help says whether one of the arguments is --help or -h. */
bool dr_cli_wants_help(int argc, char *const *argv);

/* dr_cli_print_error prints each line of `message` to stderr behind "dora COMMAND: ". */
void dr_cli_print_error(const char *command, const char *message);

#endif
