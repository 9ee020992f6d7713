/* main.c: dora_main, from the command line to the subcommand. */
#include <dora/dora.h>

#include <stdio.h>
#include <string.h>

#include "base/signals.h"
#include "base/sized.h"
#include "cli/command.h"
#include "cli/frames.h"
#include "cli/manual.h"
#include "cli/tls.h"
#include "cli/token.h"

static int run_command(const dr_command *command, int argc, char **argv, const dora_host *host)
{
    if (command->is_client && (!dr_cli_tls_take(command->name, &argc, argv) ||
                               !dr_cli_token_take(command->name, &argc, argv) ||
                               !dr_cli_frames_take(command->name, &argc, argv))) {
        return DR_EXIT_USAGE;
    }
    return command->run(argc, argv, host);
}

static int run(int argc, char **argv, const dora_host *host)
{
    const char *command = argc > 1 ? argv[1] : "";
    dr_signals_end_first();
    for (size_t i = 0; dr_subcommands[i] != NULL; i++) {
        if (strcmp(command, dr_subcommands[i]->name) == 0) {
            return run_command(dr_subcommands[i], argc - 2, argv + 2, host);
        }
    }
    if (strcmp(command, "zygote") == 0) { /* not for people: how a server starts a C pool */
        return dora_zygote_run(NULL);
    }
    if (strcmp(command, "--version") == 0 || strcmp(command, "-V") == 0) {
        printf("dora %s\n", DORA_VERSION);
        return DR_EXIT_OK;
    }
    if (strcmp(command, "help") == 0 && argc > 2 && strcmp(argv[2], "--man") == 0) {
        return dr_cli_manual(argc > 3 ? argv[3] : "dora"); /* not for people: for the build */
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

int dora_main(int argc, char **argv, const dora_host *host)
{
    static const dr_sized type = DR_SIZED(dora_host, may_use);
    dora_host room;
    dora_error error;
    const void *taken = host;
    if (dr_sized_take(&type, &taken, &room, &error) != DORA_OK) {
        fprintf(stderr, "dora: %s\n", error.msg);
        return DR_EXIT_FAILED;
    }
    return run(argc, argv, taken);
}
