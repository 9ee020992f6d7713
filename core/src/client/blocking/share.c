/* share.c: what somebody collects: all that nobody else does, or the results of some guids. */
#include "client/blocking/share.h"

#include "base/clock.h"
#include "client/blocking/results.h"

static void join(dr_share *share)
{
    dora_client *client = share->client;
    share->forks = client->forks;
    share->next = client->shares;
    client->shares = share;
}

static void leave(dr_share *share)
{
    dr_share **link = &share->client->shares;
    while (*link != NULL && *link != share) {
        link = &(*link)->next;
    }
    if (*link != NULL) {
        *link = share->next;
    }
}

static void own(dr_share *share, dr_submission *submission)
{
    submission->share = share;
    share->waiting += submission->is_done ? 0 : 1;
    share->only = share->claimed++ == 0 ? submission : NULL;
}

void dr_share_join(dr_share *share)
{
    pthread_mutex_lock(&share->client->lock);
    join(share);
    pthread_mutex_unlock(&share->client->lock);
}

size_t dr_share_claim_all(dr_share *share)
{
    dora_client *client = share->client;
    pthread_mutex_lock(&client->lock);
    join(share);
    for (dr_submission *at = client->pending.first; at != NULL; at = at->next) {
        if (at->is_accepted && at->share == NULL) {
            own(share, at);
        }
    }
    pthread_mutex_unlock(&client->lock);
    return share->claimed;
}

/* Takes a submission away from a collect of everything, which then waits for less. */
static void disown(dr_submission *submission)
{
    dr_share *share = submission->share;
    share->waiting -= submission->is_done ? 0 : 1;
    share->only = NULL;
    dr_share_wake(share->client);
}

static const dora_error *claim(dr_share *share, const char *guid)
{
    dr_submission *at = dr_pending_find(&share->client->pending, guid);
    if (at == NULL || !at->is_accepted) {
        return &dr_pending_gone;
    }
    if (at->share != NULL && at->share->is_named) {
        return at->share == share ? NULL : &dr_pending_taken;
    }
    if (at->share != NULL) {
        disown(at);
    }
    own(share, at);
    return NULL;
}

const dora_error *dr_share_claim(dr_share *share, const char *guid)
{
    pthread_mutex_lock(&share->client->lock);
    const dora_error *refusal = claim(share, guid);
    pthread_mutex_unlock(&share->client->lock);
    return refusal;
}

/* With the lock: whether a guid's result is there. `*peer` is set where it is still to come. */
static bool is_done(const dora_client *client, const char *guid, dr_pooled_conn **peer)
{
    const dr_submission *at = dr_pending_find(&client->pending, guid);
    if (at == NULL || !at->is_accepted || at->is_done) {
        return true;
    }
    *peer = at->peer;
    return false;
}

bool dr_share_look(dora_client *client, const char *guid)
{
    dr_pooled_conn *peer = NULL;
    pthread_mutex_lock(&client->lock);
    bool is_there = is_done(client, guid, &peer);
    if (!is_there) {
        peer = dr_conn_pool_take_this(&client->conn_pool, peer);
    }
    if (!is_there && peer != NULL) {
        pthread_mutex_unlock(&client->lock);
        const dora_err err = dr_results_read(client, peer, false);
        const uint64_t now_ns = dr_clock_ns();
        pthread_mutex_lock(&client->lock);
        if (err == DORA_OK) {
            dr_link_shrink(&peer->link);
            dr_conn_pool_give(&client->conn_pool, peer, now_ns);
        } else {
            dr_results_drop(client, peer);
        }
        dr_share_wake(client);
        is_there = is_done(client, guid, &peer);
    }
    pthread_mutex_unlock(&client->lock);
    return is_there;
}

/* Moves a claimed submission into the collection, or leaves it outstanding. */
static void give(const dr_share *share, dr_submission *submission, dora_collection *collection)
{
    submission->share = NULL;
    if (collection == NULL || (share->is_patient && !submission->is_done)) {
        return;
    }
    if (!submission->is_done) {
        submission->peer->is_ending = true; /* its result may still come */
        dr_pending_fail(submission, &dr_pending_late);
    }
    dr_pending_remove(&share->client->pending, submission);
    dr_collection_add(collection, submission);
}

/* Gives all that was claimed. The usual one is found at once: others may have many outstanding. */
static void give_all(const dr_share *share, dora_collection *collection)
{
    if (share->only != NULL) {
        give(share, share->only, collection);
        return;
    }
    dr_submission *next = NULL;
    dr_submission *at = share->claimed > 0 ? share->client->pending.first : NULL;
    for (; at != NULL; at = next) {
        next = at->next;
        if (at->share == share) {
            give(share, at, collection);
        }
    }
}

bool dr_share_settle(dr_share *share, dora_collection *collection)
{
    dora_client *client = share->client;
    uint64_t now_ns = dr_clock_ns();
    pthread_mutex_lock(&client->lock);
    bool is_mine = share->forks == client->forks; /* else all of it is the parent's */
    leave(share);
    if (is_mine) {
        give_all(share, collection);
    }
    while (is_mine && share->peers != NULL) {
        dr_pooled_conn *peer = share->peers;
        share->peers = peer->idle_next;
        peer->idle_next = NULL;
        dr_link_shrink(&peer->link);
        dr_conn_pool_give(&client->conn_pool, peer, now_ns);
    }
    dr_share_wake(client);
    pthread_mutex_unlock(&client->lock);
    return is_mine;
}

/* A share of one submission leaves the other connections to the calls of other threads. */
static dr_pooled_conn *take_peer(dr_share *share)
{
    dr_conn_pool *pool = &share->client->conn_pool;
    if (share->waiting == 0) {
        return NULL;
    }
    return share->only != NULL ? dr_conn_pool_take_this(pool, share->only->peer)
                               : dr_conn_pool_take_pending(pool);
}

dr_pooled_conn *dr_share_take_peer(dr_share *share)
{
    pthread_mutex_lock(&share->client->lock);
    dr_pooled_conn *peer = share->forks == share->client->forks ? take_peer(share) : NULL;
    pthread_mutex_unlock(&share->client->lock);
    return peer;
}

static size_t count_pending(const dr_pooled_conn *held, const dr_pooled_conn *all)
{
    size_t count = 0;
    for (const dr_pooled_conn *peer = held; peer != NULL; peer = peer->idle_next) {
        count += peer->pending > 0 ? 1 : 0;
    }
    for (const dr_pooled_conn *peer = all; peer != NULL; peer = peer->next) {
        count += peer->pending > 0 ? 1 : 0;
    }
    return count;
}

bool dr_share_is_elsewhere(const dr_share *share)
{
    if (share->only != NULL) {
        return share->only->peer != share->peers;
    }
    return count_pending(NULL, share->client->conn_pool.all) > count_pending(share->peers, NULL);
}
