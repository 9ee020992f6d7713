/* call_stream.h: `dora call --stream`: parts as they come. */
#ifndef DR_CLI_CALL_STREAM_H
#define DR_CLI_CALL_STREAM_H

#include <dora/client.h>

/* dr_call_stream prints each part as a line of JSON, then the result; progress on stderr, where
 * that is a terminal. Errors: as dora_client_stream; DORA_EHANDLER for the handler's error, its
 * code and message, or a value that is no JSON; DORA_EFULL where nothing can be printed. */
dora_err dr_call_stream(dora_client *client, const dora_call *call,
                        const dora_call_options *options, dora_error *error);

#endif
