/* settings.h: what a client's options say, read once. */
#ifndef DR_CLIENT_SETTINGS_H
#define DR_CLIENT_SETTINGS_H

#include "client/balance/nodes.h"

#include <dora/wire.h>

#define DR_TIMEOUT_MS_DEFAULT 3000u

typedef struct dr_settings {
    dora_frame_options frame; /* its salt points to `salt` */
    char *salt;               /* NULL: the protocol's default */
    char *token;              /* NULL: none */
    bool is_tls;              /* every server is spoken to over TLS */
    uint32_t timeout_ms;
    uint32_t retry;
    uint32_t wait_ms;
    dora_priority priority;
} dr_settings;

/* dr_settings_read reads the options (NULL: none) and makes the nodes. Ownership: copies;
 * dr_settings_fini and dr_nodes_fini free, after a failure too.
 * Errors: as dora_client_new. */
dora_err dr_settings_read(dr_settings *settings, dr_nodes *nodes,
                          const dora_client_options *options, dora_error *error);
void dr_settings_fini(dr_settings *settings);

/* dr_settings_may_tell says whether a server may hear the token: nobody between can read it.
 * Errors: DORA_EINVAL (code 100205) names the server and the mend. */
dora_err dr_settings_may_tell(const dr_settings *settings, const dr_address *address,
                              dora_error *error);

#endif
