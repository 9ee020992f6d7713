/* await_server.h: a blocking call waits for a server to come back. */
#ifndef DR_CLIENT_AWAIT_SERVER_H
#define DR_CLIENT_AWAIT_SERVER_H

#include "client/blocking/attempt.h"

/* dr_await_server waits before all servers of a call are tried anew, as dr_tries_wait says after
 * the try `a->made`, and looks at the registry. Returns: DORA_OK: try them; DORA_EAGAIN: that is
 * over, or was never asked for: what is known of the call stands.
 * Errors: DORA_ECONNECT, where the registry knows no server at last; DORA_EINTERRUPTED;
 * DORA_ENOMEM. `a->made` has them, too. */
dora_err dr_await_server(dr_attempt *a, dora_error *error);

/* dr_await_first does so for a call that could not begin, since its registry knows no server.
 * Returns: DORA_OK: now it can. Errors: DORA_ECONNECT with the last reason why not; as above. */
dora_err dr_await_first(dr_attempt *a, dora_error *error);

#endif
