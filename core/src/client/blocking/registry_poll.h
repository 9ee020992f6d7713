/* registry_poll.h: where a blocking client's nodes come from, when that is a registry. */
#ifndef DR_CLIENT_REGISTRY_POLL_H
#define DR_CLIENT_REGISTRY_POLL_H

#include "client/blocking/client.h"

#define DR_REGISTRY_POLL_REDIS_MS 1000u /* between two looks at Redis, while there are calls */
#define DR_REGISTRY_POLL_WAIT_MS 200u   /* one look waits for its answers, */
#define DR_REGISTRY_POLL_FIRST_MS 2000u /* the first one: no node is known yet */

/* dr_registry_poll is one registry and its connections. One thread at a time looks at it, without
 * the client's lock; meanwhile the others go on with the nodes that are known. */
typedef struct dr_registry_poll dr_registry_poll;

/* dr_registry_poll_new reads the options. Errors: DORA_EINVAL, naming the wrong part; DORA_ENOMEM.
 * Ownership: copies; gives; dr_registry_poll_free frees and closes (NULL is fine). */
dora_err dr_registry_poll_new(dr_registry_poll **source, const dora_client_options *options,
                              dora_error *error);
void dr_registry_poll_free(dr_registry_poll *source);

/* dr_registry_poll_begin is dr_tries_begin for a client with a source: it has a look first, where
 * that is due; the call's time begins afterwards. Then it tells the client's on_warning. Errors: as
 * dr_tries_begin; DORA_ECONNECT (code 100010) says why no node is known; DORA_EINTERRUPTED. Thread:
 * any, without the lock. */
dora_err dr_registry_poll_begin(dora_client *client, dr_tries *tries,
                                const dora_call_options *options, dora_error *error);

/* dr_registry_poll_again does so for a call that waits for a server to come back: its time goes on,
 * and only its group is looked for again. Errors: as above. */
dora_err dr_registry_poll_again(dora_client *client, dr_tries *tries,
                                const dora_call_options *options, dora_error *error);

/* dr_registry_poll_forget is for the child after a fork: the connections are the parent's. The
 * child begins anew with the nodes that are known. Thread: the client's lock. */
void dr_registry_poll_forget(dr_registry_poll *source);

#endif
