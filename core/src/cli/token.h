/* token.h: the token that a command shows servers: from a file or the environment, never from the
 * command line, where everybody on the machine reads it. */
#ifndef DR_CLI_TOKEN_H
#define DR_CLI_TOKEN_H

#include <stdbool.h>

#include "cli/frames.h"
#include "cli/tls.h"

/* Part of their help. */
#define DR_ABOUT_CLIENT                                                                            \
    DR_ABOUT_TLS "\n"                                                                              \
                 "With a server that asks who calls (or in the environment: DORA_TOKEN):\n"        \
                 "  --token-file F   a file with the token\n" DR_ABOUT_FRAMES

/* dr_cli_token_take takes `--token-file FILE` out of the arguments of a command that asks servers,
 * and has dr_cli_token give what stands there. Returns: false after a message. */
bool dr_cli_token_take(const char *command, int *argc, char **argv);

/* dr_cli_token is that, or what DORA_TOKEN has; NULL: none. */
const char *dr_cli_token(void);

#endif
