/* results.h: frames that no call waits for. */
#ifndef DR_CLIENT_RESULTS_H
#define DR_CLIENT_RESULTS_H

#include "client/blocking/client.h"

/* dr_share_wake wakes everybody who collects: something has changed. Thread: the client's lock. */
void dr_share_wake(const dora_client *client);

/* dr_results_read takes what has come on a connection, without waiting, and stores the results of
 * submissions. Other frames were for calls that have ended: they are dropped.
 * Returns: DORA_OK while the connection lives; an error when it is of no use any more.
 * dr_results_store does so for one frame. Thread: whoever has the peer; takes the client's lock. */
dora_err dr_results_read(dora_client *client, dr_pooled_conn *peer, bool came_early);
void dr_results_store(dora_client *client, const dr_incoming *incoming, bool came_early);

/* dr_results_drop closes a connection, whose outstanding submissions are lost with it.
 * Thread: the client's lock. */
void dr_results_drop(dora_client *client, dr_pooled_conn *peer);

#endif
