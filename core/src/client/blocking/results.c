/* results.c: frames that no call waits for: results of submissions, and late replies. */
#include "client/blocking/results.h"

#include "client/blocking/share.h"

#include <unistd.h>

#define READS_MAX 64 /* in one go: a server that never stops talking does not hold the caller */

void dr_share_wake(const dora_client *client)
{
    const uint64_t one = 1;
    for (const dr_share *share = client->shares; share != NULL; share = share->next) {
        if (share->event_fd >= 0 && write(share->event_fd, &one, sizeof one) < 0) {
            continue; /* it is full: the reader is awake */
        }
    }
}

void dr_results_store(dora_client *client, const dr_incoming *incoming, bool came_early)
{
    pthread_mutex_lock(&client->lock);
    dr_submission *submission = dr_pending_find(&client->pending, incoming->guid);
    if (submission != NULL && incoming->reply.is_result && !submission->is_done) {
        dr_pending_finish(submission, incoming, came_early);
        if (submission->share != NULL) {
            submission->share->waiting--;
            dr_share_wake(client);
        }
    }
    pthread_mutex_unlock(&client->lock);
}

/* Stores what is whole of the bytes that were received. */
static dora_err store_all(dora_client *client, dr_pooled_conn *peer, bool came_early)
{
    for (;;) {
        dr_incoming incoming;
        dora_err err = dr_link_next(&peer->link, &incoming, NULL);
        if (err != DORA_OK) {
            return err == DORA_EAGAIN ? DORA_OK : err;
        }
        if (dr_incoming_is_for(&incoming, DR_GUID_NONE)) {
            return DORA_ECLOSED; /* the server's last word */
        }
        dr_results_store(client, &incoming, came_early);
    }
}

dora_err dr_results_read(dora_client *client, dr_pooled_conn *peer, bool came_early)
{
    dora_err err = store_all(client, peer, came_early);
    for (int i = 0; err == DORA_OK; i++) {
        if (i >= READS_MAX && !dr_stream_has_more(&peer->stream)) {
            return DORA_OK; /* the socket says again that there is more */
        }
        char *room;
        size_t room_len;
        size_t got = 0;
        dr_loss loss;
        err = dr_link_room(&peer->link, &room, &room_len);
        if (err == DORA_OK) {
            err = dr_stream_receive(&peer->stream, room, room_len, false, &got, &loss);
        }
        if (err == DORA_EAGAIN) {
            return DORA_OK;
        }
        if (err == DORA_OK) {
            dr_link_received(&peer->link, got);
            err = store_all(client, peer, came_early);
        }
    }
    return err;
}

void dr_results_drop(dora_client *client, dr_pooled_conn *peer)
{
    if (peer->pending > 0) {
        for (dr_submission *at = client->pending.first; at != NULL; at = at->next) {
            if (at->peer == peer && at->share != NULL) {
                at->share->waiting--;
            }
        }
        dr_pending_lose(&client->pending, peer);
        dr_share_wake(client);
    }
    dr_conn_pool_drop(&client->conn_pool, peer);
}
