/* frames.c: the frames of the commands that speak to servers. */
#include "cli/frames.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/help.h"

static const char salt_flag[] = "--salt";

static const char *const switches[][2] = {{"--sign", "DORA_SIGN"}, {"--gzip", "DORA_GZIP"}};

static bool take_switch(const char *arg)
{
    for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
        if (strcmp(arg, switches[i][0]) == 0) {
            return setenv(switches[i][1], "1", 1) == 0;
        }
    }
    return false;
}

static bool is_on(const char *variable)
{
    const char *text = getenv(variable);
    return text != NULL && strcmp(text, "1") == 0;
}

/* are_whole says whether what is set makes sense, else after a message. */
static bool are_whole(const char *command, bool has_salt)
{
    for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
        const char *text = getenv(switches[i][1]);
        if (text != NULL && text[0] != '\0' && strcmp(text, "0") != 0 && strcmp(text, "1") != 0) {
            char message[128];
            (void)snprintf(message, sizeof(message), "%s in the environment must be 1 or 0",
                           switches[i][1]);
            (void)dr_cli_usage(command, message);
            return false;
        }
    }
    if (has_salt && !is_on("DORA_SIGN")) {
        (void)dr_cli_usage(command, "--salt goes with --sign");
        return false;
    }
    return true;
}

bool dr_cli_frames_take(const char *command, int *argc, char **argv)
{
    const size_t len = sizeof(salt_flag) - 1;
    int kept = 0;
    bool has_salt = false;
    for (int i = 0; i < *argc; i++) {
        if (take_switch(argv[i])) {
            continue;
        }
        if (strncmp(argv[i], salt_flag, len) != 0 ||
            (argv[i][len] != '\0' && argv[i][len] != '=')) {
            argv[kept++] = argv[i];
            continue;
        }
        const char *salt = argv[i][len] == '=' ? argv[i] + len + 1
                           : i + 1 < *argc     ? argv[++i]
                                               : NULL;
        if (salt == NULL || setenv("DORA_SALT", salt, 1) != 0) {
            (void)dr_cli_usage(command, "--salt needs a value");
            return false;
        }
        has_salt = true;
    }
    *argc = kept;
    return are_whole(command, has_salt);
}

void dr_cli_frames_fill(dora_client_options *options)
{
    options->sign = is_on("DORA_SIGN");
    options->gzip = is_on("DORA_GZIP");
    options->salt = getenv("DORA_SALT");
}
