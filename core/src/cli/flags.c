/* flags.c: flags that all commands have which speak to servers. */
#include "cli/flags.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/help.h"

/* flag_of gives the flag at the beginning of `arg`; `*value` is what stands behind its "=". */
static const dr_cli_flag *flag_of(const dr_cli_flag *flags, const char *arg, const char **value)
{
    for (const dr_cli_flag *flag = flags; flag->name != NULL; flag++) {
        const size_t len = strlen(flag->name);
        if (strncmp(arg, flag->name, len) == 0 &&
            (arg[len] == '\0' || (arg[len] == '=' && !flag->is_switch))) {
            *value = arg[len] == '=' ? arg + len + 1 : NULL;
            return flag;
        }
    }
    return NULL;
}

bool dr_cli_flags_take(const char *command, const dr_cli_flag *flags, int *argc, char **argv)
{
    int kept = 0;
    for (int i = 0; i < *argc; i++) {
        const char *value = NULL;
        const dr_cli_flag *flag = flag_of(flags, argv[i], &value);
        if (flag == NULL) {
            argv[kept++] = argv[i];
            continue;
        }
        if (flag->is_switch) {
            value = "1";
        } else if (value == NULL && i + 1 < *argc) {
            value = argv[++i];
        }
        if (value == NULL || value[0] == '\0' || setenv(flag->variable, value, 1) != 0) {
            char message[64];
            (void)snprintf(message, sizeof message, "%s needs a value", flag->name);
            (void)dr_cli_usage(command, message);
            return false;
        }
        if (flag->is_given != NULL) {
            *flag->is_given = true;
        }
    }
    *argc = kept;
    return true;
}
