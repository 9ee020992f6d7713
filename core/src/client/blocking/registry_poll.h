/* registry_poll.h: where a blocking client's nodes come from, when that is a registry. */
#ifndef DR_CLIENT_REGISTRY_POLL_H
#define DR_CLIENT_REGISTRY_POLL_H

#include "client/blocking/client.h"

#define DR_SOURCE_REDIS_MS 1000u         /* between two looks at Redis, while there are calls */
#define DR_SOURCE_WAIT_MS 200u           /* one look waits for its answers, */
#define DR_SOURCE_FIRST_MS 2000u         /* the first one: no node is known yet */
#define DR_SOURCE_HEARD_MAX (64u * 1024) /* bytes of warnings of one look; the others are lost */

/* dr_source is one registry and its connections. One thread at a time looks at it, without the
 * client's lock; meanwhile the others go on with the nodes that are known. */
typedef struct dr_source dr_source;

/* dr_source_new reads the options. Errors: DORA_EINVAL, naming the wrong part; DORA_ENOMEM.
 * Ownership: copies; gives; dr_source_free frees and closes (NULL is fine). */
dora_err dr_source_new(dr_source **source, const dora_client_options *options, dora_error *error);
void dr_source_free(dr_source *source);

/* dr_source_begin is dr_tries_begin for a client with a source: it has a look first, where that is
 * due; the call's time begins afterwards. Then it tells the client's on_warning.
 * Errors: as dr_tries_begin; DORA_ECONNECT (code 100010) says why no node is known;
 * DORA_EINTERRUPTED. Thread: any, without the lock. */
dora_err dr_source_begin(dora_client *client, dr_tries *tries, const dora_call_options *options,
                         dora_error *error);

/* dr_source_forget is for the child after a fork: the connections are the parent's. The child
 * begins anew with the nodes that are known. Thread: the client's lock. */
void dr_source_forget(dr_source *source);

#endif
