/* client.h: the inside of a dora_client, and what its files share. */
#ifndef DR_CLIENT_H
#define DR_CLIENT_H

#include "base/guid.h"
#include "client/balance/nodes.h"
#include "client/balance/tries.h"
#include "client/blocking/conn_pool.h"
#include "client/blocking/pending.h"
#include "client/shared/fork.h"

typedef struct dr_share dr_share; /* share.h */

struct dora_client {
    pthread_mutex_t lock; /* guards all down to `forks`; never held while waiting */
    dr_nodes nodes;
    dr_keep keep;
    dr_pending pending;
    dr_share *shares; /* of those who collect at the moment */
    dr_random random;
    struct dr_source *source; /* of the nodes; NULL: they are always the same */
    uint32_t forks;           /* how often the process of this client was made by a fork */
    dr_fork_watch watch;
    dr_settings settings;
};

/* dr_share_wake wakes everybody who collects: something has changed. Thread: the client's lock. */
void dr_share_wake(const dora_client *client);

/* dr_results_read takes what has come on a connection, without waiting, and stores the results of
 * submissions. Other frames were for calls that have ended: they are dropped.
 * Returns: DORA_OK while the connection lives; an error when it is of no use any more.
 * dr_results_store does so for one frame. Thread: whoever has the peer; takes the client's lock. */
dora_err dr_results_read(dora_client *client, dr_peer *peer, bool came_early);
void dr_results_store(dora_client *client, const dr_incoming *incoming, bool came_early);

/* dr_results_drop closes a connection, whose outstanding submissions are lost with it.
 * Thread: the client's lock. */
void dr_results_drop(dora_client *client, dr_peer *peer);

#endif
