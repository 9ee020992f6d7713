/* cli.h: the subcommands of the `dora` program. */
#ifndef DR_CLI_CLI_H
#define DR_CLI_CLI_H

#include <dora/server.h>

/* Exit statuses, as README.md has them. */
typedef enum dr_exit {
    DR_EXIT_OK = 0,
    DR_EXIT_FAILED = 1, /* the handler's error; a server or a configuration that does not start */
    DR_EXIT_USAGE = 2,
    DR_EXIT_NOT_RUN = 3,
    DR_EXIT_CONNECTION = 4
} dr_exit;

/* dr_cli_serve and so on run one subcommand; `argv` begins after its name. Returns: the exit
 * status. */
int dr_cli_serve(int argc, char **argv, const dora_host *host);
int dr_cli_check(int argc, char **argv);
int dr_cli_call(int argc, char **argv);
int dr_cli_stat(int argc, char **argv);
int dr_cli_top(int argc, char **argv);
int dr_cli_reload(int argc, char **argv);
int dr_cli_stop(int argc, char **argv);
int dr_cli_monitor(int argc, char **argv);

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
