/* flags.h: flags that all commands have which speak to servers. */
#ifndef DR_CLI_FLAGS_H
#define DR_CLI_FLAGS_H

#include <stdbool.h>

/* dr_cli_flag is one, and the variable of the environment that says the same; a table of them ends
 * with name NULL. */
typedef struct dr_cli_flag {
    const char *name;
    const char *variable;
    bool is_switch; /* it has no value, and sets "1" */
    bool *is_given; /* NULL: nobody asks */
} dr_cli_flag;

/* dr_cli_flags_take takes these flags out of the arguments of `command`, and puts them into the
 * environment of this run. Returns: false after a message. */
bool dr_cli_flags_take(const char *command, const dr_cli_flag *flags, int *argc, char **argv);

#endif
