/* commands.c: the subcommands as a table. */
#include "cli/command.h"

#include <stddef.h>

#define ADDRESS_OF(name) &dr_command_##name,
const dr_command *const dr_subcommands[] = {DR_COMMANDS(ADDRESS_OF) NULL};
