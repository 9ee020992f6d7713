/* token.c: the token that a command shows servers. */
#include "cli/token.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "cli/command.h"
#include "cli/help.h"

static const char flag[] = "--token-file";
static const char variable[] = "DORA_TOKEN";

/* take_file reads the one line of a file into the environment, which commands ask. */
static bool take_file(const char *command, const char *path)
{
    char text[DR_TOKEN_BYTES_MAX + 2];
    char message[512];
    FILE *file = fopen(path, "re");
    const char *line = file != NULL ? fgets(text, sizeof(text), file) : NULL;
    const char *problem = file == NULL ? strerror(errno) : "there is no token in it";
    if (file != NULL) {
        (void)fclose(file);
    }
    if (line != NULL) {
        text[strcspn(text, "\r\n")] = '\0';
    }
    if (line == NULL || text[0] == '\0' || setenv(variable, text, 1) != 0) {
        (void)snprintf(message, sizeof(message), "%s %s: %s", flag, path, problem);
        (void)dr_cli_usage(command, message);
        return false;
    }
    return true;
}

bool dr_cli_token_take(const char *command, int *argc, char **argv)
{
    const size_t len = sizeof(flag) - 1;
    int kept = 0;
    for (int i = 0; i < *argc; i++) {
        if (strncmp(argv[i], flag, len) != 0 || (argv[i][len] != '\0' && argv[i][len] != '=')) {
            argv[kept++] = argv[i];
            continue;
        }
        const char *path = argv[i][len] == '=' ? argv[i] + len + 1 : i + 1 < *argc ? argv[++i] : "";
        if (!take_file(command, path)) {
            return false;
        }
    }
    *argc = kept;
    return true;
}

const char *dr_cli_token(void)
{
    const char *token = getenv(variable);
    return token != NULL && token[0] != '\0' ? token : NULL;
}
