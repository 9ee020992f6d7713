/* frames.h: the frames of the commands that speak to servers, which are as the server's `sign`,
 * `salt` and `gzip` have them. */
#ifndef DR_CLI_FRAMES_H
#define DR_CLI_FRAMES_H

#include <dora/client.h>

/* Part of their help. */
#define DR_ABOUT_FRAMES                                                                            \
    "\n"                                                                                           \
    "With a server that has sign or gzip (or in the environment: DORA_SIGN=1, DORA_GZIP=1,\n"      \
    "DORA_SALT):\n"                                                                                \
    "  --sign           a checksum in each frame, with\n"                                          \
    "  --salt TEXT      its salt (the protocol's)\n"                                               \
    "  --gzip           compressed bodies\n"

/* dr_cli_frames_take takes these flags out of the arguments of `command`, and puts them into the
 * environment of this run. Returns: false after a message: a value is none, or --salt stands
 * without --sign. */
bool dr_cli_frames_take(const char *command, int *argc, char **argv);

/* dr_cli_frames_fill sets what the environment says. */
void dr_cli_frames_fill(dora_client_options *options);

#endif
