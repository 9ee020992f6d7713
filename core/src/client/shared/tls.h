/* tls.h: which of a client's servers are spoken to over TLS, and how. */
#ifndef DR_CLIENT_TLS_H
#define DR_CLIENT_TLS_H

#include "client/balance/nodes.h"
#include "transport/secure.h"

/* dr_client_tls is what the options say of TLS. Thread: one at a time. */
typedef struct dr_client_tls {
    dr_tls_context *context; /* NULL: not needed until now */
    char *name;              /* of all servers' certificates; NULL: that of the address */
    bool is_all;             /* every host and port is spoken to over TLS */
} dr_client_tls;

/* dr_client_tls_init reads the options, and the files that they name. Ownership: copies;
 * dr_client_tls_fini frees, after a failure too, and zeroed memory. Errors: DORA_EINVAL for a file,
 * naming it, and for files that no server of the options has a use for; DORA_ENOMEM. */
dora_err dr_client_tls_init(dr_client_tls *tls, const dora_client_options *options,
                            const dr_nodes *nodes, dora_error *error);
void dr_client_tls_fini(dr_client_tls *tls);

/* dr_client_tls_peer says with whom TLS is to be spoken at `address`, which is marked where that is
 * so; `peer` is without a context where it is not. A client that meets its first such server here
 * trusts whom the system trusts. Ownership: peer borrows, also from `address`.
 * Errors: DORA_ECONNECT (code 100010): the system's trust cannot be read; DORA_ENOMEM. */
dora_err dr_client_tls_peer(dr_client_tls *tls, dr_address *address, dr_tls_peer *peer,
                            dora_error *error);

#endif
