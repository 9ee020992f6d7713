/* hello.h: the first frame of a connection, which says who sends it by a token. Pure. */
#ifndef DR_CLIENT_HELLO_H
#define DR_CLIENT_HELLO_H

#include "base/guid.h"
#include "client/balance/settings.h"
#include "client/shared/link.h"

/* dr_hello_append puts the frame behind what is in link->out, where the settings have a token and
 * `address` is one that it may be sent to: a Unix socket, loopback, or one that is spoken to by
 * TLS. It needs no answer of its own before calls follow; dr_link_next takes it.
 * Errors: DORA_EINVAL (code 100205) names the server that must not hear the token; DORA_ENOMEM. */
dora_err dr_hello_append(dr_link *link, const dr_settings *settings, const dr_address *address,
                         dora_error *error);

#endif
