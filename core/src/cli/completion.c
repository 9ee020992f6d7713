/* completion.c: `dora completion`: what a shell completes, from what the commands say of
 * themselves. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"

#define WORDS_MAX 64
#define WORD_BYTES 32

static const char usage[] = "usage: dora completion bash | zsh\n";

static const char help[] =
    "\n"
    "Prints what makes the shell complete commands and options of dora. In ~/.bashrc or ~/.zshrc\n"
    "(there below compinit):\n"
    "\n"
    "  source <(dora completion bash)\n"
    "  source <(dora completion zsh)\n";

/* words are the options of a command, each once. */
typedef struct words {
    char items[WORDS_MAX][WORD_BYTES];
    size_t count;
} words;

static void add(words *all, const char *word, size_t len)
{
    if (len >= WORD_BYTES || all->count == WORDS_MAX) {
        return;
    }
    for (size_t i = 0; i < all->count; i++) {
        if (strlen(all->items[i]) == len && memcmp(all->items[i], word, len) == 0) {
            return;
        }
    }
    memcpy(all->items[all->count], word, len);
    all->items[all->count++][len] = '\0';
}

/* Adds each option that stands behind `before`. */
static void add_options(words *all, const char *text, const char *before)
{
    const size_t before_len = strlen(before);
    while ((text = strstr(text, before)) != NULL) {
        text += before_len;
        const size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz-");
        if (len > 2 && text[0] == '-' && text[1] == '-') {
            add(all, text, len);
        }
    }
}

static void print_options(const dr_command *command)
{
    words all = {.count = 0};
    add_options(&all, command->usage, " ");
    add_options(&all, command->usage, "[");
    add_options(&all, command->help, "\n  "); /* a line of its own */
    add(&all, "--help", strlen("--help"));
    for (size_t i = 0; i < all.count; i++) {
        printf(i == 0 ? "%s" : " %s", all.items[i]);
    }
}

/* In single quotes, where a quote is none of the shell's. */
static void print_quoted(const char *name, const char *summary)
{
    printf("'%s:", name);
    for (; *summary != '\0'; summary++) {
        printf(*summary == '\'' ? "'\\%c'" : "%c", *summary);
    }
    printf("'");
}

static void print_names(void)
{
    for (size_t i = 0; dr_subcommands[i] != NULL; i++) {
        printf("%s ", dr_subcommands[i]->name);
    }
}

/* Where a shell finds no word, -o default makes it complete files. */
static void print_bash(void)
{
    fputs("# bash: what `dora completion bash` prints\n"
          "_dora()\n"
          "{\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} words= options=\n"
          "    case ${COMP_WORDS[1]} in\n",
          stdout);
    for (size_t i = 0; dr_subcommands[i] != NULL; i++) {
        printf("    %s) options='", dr_subcommands[i]->name);
        print_options(dr_subcommands[i]);
        printf("' ;;\n");
    }
    printf("    esac\n"
           "    case $COMP_CWORD:${COMP_WORDS[1]} in\n"
           "    1:*) words='");
    print_names();
    printf("help --help --version' ;;\n"
           "    2:help) words='");
    print_names();
    fputs("dora.json' ;;\n"
          "    2:completion) words='bash zsh' ;;\n"
          "    *) [[ $word != -* ]] || words=$options ;;\n"
          "    esac\n"
          "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
          "}\n"
          "complete -o default -F _dora dora\n",
          stdout);
}

static void print_zsh(void)
{
    fputs("#compdef dora\n"
          "# zsh: what `dora completion zsh` prints\n"
          "_dora()\n"
          "{\n"
          "    local -a commands\n"
          "    commands=(\n",
          stdout);
    for (size_t i = 0; dr_subcommands[i] != NULL; i++) {
        printf("        ");
        print_quoted(dr_subcommands[i]->name, dr_subcommands[i]->summary);
        printf("\n");
    }
    fputs("        'help:say more about a command'\n"
          "    )\n"
          "    if (( CURRENT == 2 )); then\n"
          "        _describe command commands\n"
          "        return\n"
          "    fi\n"
          "    case $words[2] in\n",
          stdout);
    for (size_t i = 0; dr_subcommands[i] != NULL; i++) {
        printf("    %s) [[ $words[CURRENT] != -* ]] || compadd -- ", dr_subcommands[i]->name);
        print_options(dr_subcommands[i]);
        printf(" ;;\n");
    }
    fputs("    help) compadd -- ", stdout);
    print_names();
    fputs("dora.json ;;\n"
          "    esac\n"
          "    [[ $words[2] != completion ]] || compadd bash zsh\n"
          "    _files\n"
          "}\n"
          "if [[ $funcstack[1] == _dora ]]; then\n"
          "    _dora \"$@\"\n"
          "else\n"
          "    compdef _dora dora\n"
          "fi\n",
          stdout);
}

static int run(int argc, char **argv, const dora_host *host)
{
    (void)host;
    if (dr_cli_wants_help(argc, argv)) {
        return dr_cli_help("completion");
    }
    if (argc == 1 && strcmp(argv[0], "bash") == 0) {
        print_bash();
    } else if (argc == 1 && strcmp(argv[0], "zsh") == 0) {
        print_zsh();
    } else {
        return dr_cli_usage("completion", "one shell is expected: bash or zsh");
    }
    return fflush(stdout) == 0 ? DR_EXIT_OK : DR_EXIT_FAILED;
}

const dr_command dr_command_completion = {
    .name = "completion",
    .arguments = "bash|zsh",
    .summary = "print what the shell completes",
    .usage = usage,
    .help = help,
    .run = run,
};
