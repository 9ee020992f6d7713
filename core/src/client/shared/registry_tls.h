/* registry_tls.h: with what a client speaks to the Redis of its registry, where that is TLS. */
#ifndef DR_CLIENT_REGISTRY_TLS_H
#define DR_CLIENT_REGISTRY_TLS_H

#include <dora/client.h>

#include "discovery/registry.h"

/* dr_registry_tls_open reads the files of the options, tls_ca and the others, where a Redis of the
 * registry is "rediss://", and has it use them; else `*tls` is NULL. A Redis' certificate is to
 * name the host of its url: tls_name is the servers'. Ownership: gives.
 * Errors: as dr_tls_context_client. */
dora_err dr_registry_tls_open(dr_registry *registry, const dora_client_options *options,
                              dr_tls_context **tls, dora_error *error);

#endif
