/* commands.c: the list of the subcommands. */
#include "cli/command.h"

#include <stddef.h>

const dr_command *const dr_commands[] = {
    &dr_command_serve, &dr_command_check,   &dr_command_call,
    &dr_command_stat,  &dr_command_top,     &dr_command_reload,
    &dr_command_stop,  &dr_command_monitor, NULL,
};
