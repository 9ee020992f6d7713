/* main.c: dora_main, from the command line to the subcommand. */
#include <dora/dora.h>

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {{"check", dr_cli_check},    {"call", dr_cli_call},     {"stat", dr_cli_stat},
                {"top", dr_cli_top},        {"reload", dr_cli_reload}, {"stop", dr_cli_stop},
                {"monitor", dr_cli_monitor}};

int dora_main(int argc, char **argv, const dora_host *host)
{
    const char *command = argc > 1 ? argv[1] : "";
    if (strcmp(command, "serve") == 0) {
        return dr_cli_serve(argc - 2, argv + 2, host);
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(command, commands[i].name) == 0) {
            return commands[i].run(argc - 2, argv + 2);
        }
    }
    if (strcmp(command, "zygote") == 0) { /* not for people: how a server starts a C pool */
        return dora_zygote_run(NULL);
    }
    if (strcmp(command, "--version") == 0 || strcmp(command, "-V") == 0) {
        printf("dora %s\n", DORA_VERSION);
        return DR_EXIT_OK;
    }
    if (strcmp(command, "help") == 0) {
        return dr_cli_help(argc > 2 ? argv[2] : NULL);
    }
    if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0) {
        return dr_cli_help(NULL);
    }
    if (argc < 2) {
        fputs("dora: a command is missing; `dora help` lists them\n", stderr);
        return DR_EXIT_USAGE;
    }
    return dr_cli_help(command);
}
