/* frames.c: the frames of the commands that speak to servers. */
#include "cli/frames.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/flags.h"
#include "cli/help.h"

static bool is_on(const char *variable)
{
    const char *text = getenv(variable);
    return text != NULL && strcmp(text, "1") == 0;
}

/* are_whole says whether what is set makes sense, else after a message. */
static bool are_whole(const char *command, bool has_salt)
{
    static const char *const switches[] = {"DORA_SIGN", "DORA_GZIP"};
    for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
        const char *text = getenv(switches[i]);
        if (text != NULL && text[0] != '\0' && strcmp(text, "0") != 0 && strcmp(text, "1") != 0) {
            char message[128];
            (void)snprintf(message, sizeof(message), "%s in the environment must be 1 or 0",
                           switches[i]);
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
    bool has_salt = false;
    const dr_cli_flag flags[] = {{.name = "--sign", .variable = "DORA_SIGN", .is_switch = true},
                                 {.name = "--gzip", .variable = "DORA_GZIP", .is_switch = true},
                                 {.name = "--salt", .variable = "DORA_SALT", .is_given = &has_salt},
                                 {.name = NULL}};
    return dr_cli_flags_take(command, flags, argc, argv) && are_whole(command, has_salt);
}

void dr_cli_frames_fill(dora_client_options *options)
{
    options->sign = is_on("DORA_SIGN");
    options->gzip = is_on("DORA_GZIP");
    options->salt = getenv("DORA_SALT");
}
