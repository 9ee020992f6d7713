/* client.h: the inside of a dora_client, and what its files share. */
#ifndef DR_CLIENT_H
#define DR_CLIENT_H

#include "base/guid.h"
#include "client/balance/nodes.h"
#include "client/balance/tries.h"
#include "client/blocking/conn_pool.h"
#include "client/blocking/pending.h"
#include "client/shared/fork.h"
#include "client/shared/tls.h"

typedef struct dr_share dr_share; /* share.h */

struct dora_client {
    pthread_mutex_t lock; /* guards all down to `forks`; never held while waiting */
    dr_nodes nodes;
    dr_conn_pool conn_pool;
    dr_pending pending;
    dr_share *shares;     /* of those who collect at the moment */
    dora_stream *streams; /* that were not freed */
    dr_random random;
    struct dr_registry_poll *source; /* of the nodes; NULL: they are always the same */
    dr_client_tls tls;
    uint32_t forks; /* how often the process of this client was made by a fork */
    dr_fork_watch watch;
    dr_settings settings;
};

/* dr_client_command is dora_client_control with a parameter: an encoded value, or empty. */
dora_err dr_client_command(dora_client *client, const char *command, dora_slice param,
                           const dora_call_options *options, dora_answer *answer,
                           dora_error *error);

#endif
