/* help.c: what the `dora` program says about itself, and how it reports errors. */
#include "cli/help.h"

#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/manual.h"
#include "cli/text.h"
#include "server/config/suggest.h"

#define COMMANDS_MAX 32

static void print_row(FILE *to, const char *name, const char *arguments, const char *summary)
{
    char left[64];
    snprintf(left, sizeof left, "%s%s%s", name, arguments[0] != '\0' ? " " : "", arguments);
    fprintf(to, "  %-22s %s\n", left, summary);
}

static void print_all(FILE *to)
{
    fputs("usage: dora COMMAND [ARGUMENTS]\n\n", to);
    for (size_t i = 0; dr_subcommands[i] != NULL; i++) {
        print_row(to, dr_subcommands[i]->name, dr_subcommands[i]->arguments,
                  dr_subcommands[i]->summary);
    }
    print_row(to, "help", "COMMAND|dora.json", "say more about a command, or list the keys");
    print_row(to, "--version", "", "print the version");
}

static const dr_command *find(const char *name)
{
    for (size_t i = 0; dr_subcommands[i] != NULL; i++) {
        if (strcmp(dr_subcommands[i]->name, name) == 0) {
            return dr_subcommands[i];
        }
    }
    return NULL;
}

static int refuse(const char *topic)
{
    const char *names[COMMANDS_MAX] = {"help"};
    for (size_t i = 0; dr_subcommands[i] != NULL && i < COMMANDS_MAX - 2; i++) {
        names[i + 1] = dr_subcommands[i]->name;
    }
    const char *near = dr_suggest(topic, names);
    dr_text_print(stderr, "", "dora: unknown command %s", topic);
    fprintf(stderr, near != NULL ? "; did you mean %s?\n" : "\n", near);
    print_all(stderr);
    return DR_EXIT_USAGE;
}

int dr_cli_help(const char *topic)
{
    const dr_command *command = topic != NULL ? find(topic) : NULL;
    if (topic == NULL) {
        print_all(stdout);
    } else if (command != NULL) {
        fputs(command->usage, stdout);
        fputs(command->help, stdout);
    } else if (strcmp(topic, "help") == 0) {
        fputs("usage: dora help [COMMAND | dora.json]\n", stdout);
    } else if (strcmp(topic, "dora.json") == 0) {
        return dr_cli_keys();
    } else {
        return refuse(topic);
    }
    return DR_EXIT_OK;
}

int dr_cli_usage(const char *topic, const char *message)
{
    if (message != NULL) {
        dr_cli_print_error(topic, message);
    }
    const dr_command *command = find(topic);
    if (command != NULL) {
        fputs(command->usage, stderr);
        fprintf(stderr, "`dora help %s` says more\n", topic);
    }
    return DR_EXIT_USAGE;
}

bool dr_cli_wants_help(int argc, char *const *argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return true;
        }
    }
    return false;
}

void dr_cli_print_error(const char *command, const char *message)
{
    while (message[0] != '\0') {
        size_t len = strcspn(message, "\n");
        dr_text_print(stderr, "\t", "dora %s: %.*s", command, (int)len, message);
        fputc('\n', stderr);
        message += len + (message[len] == '\n' ? 1 : 0);
    }
}
