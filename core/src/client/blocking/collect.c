/* collect.c: the results of submissions: all connections at once, under one deadline.
 *
 * Who collects claims first (share.c): all that is outstanding, or what it names. It takes the
 * connections on which results are to come, as a call takes one, and waits for all of them in one
 * poll. A connection that another thread uses is read by that thread, which stores what is not its
 * own; an event descriptor, made only when there is such a connection, then wakes who collects. Who
 * collects everything has one in any case: others may take all of it away.
 */
#include <dora/client.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/mem.h"
#include "client/blocking/results.h"
#include "client/blocking/share.h"
#include "client/shared/options.h"

typedef struct collector {
    dr_share *shares; /* one for each client */
    size_t share_count;
    int event_fd;
    bool may_lose;        /* what it has claimed, to somebody who names it */
    struct pollfd *polls; /* the event's first, then one for each peer of each share, in order */
    size_t poll_count;
    size_t poll_room;
    dr_wait wait;
} collector;

static dora_err failed(dora_error *error, dora_err err, int number)
{
    dora_error_set(error, err, "%s", number != 0 ? strerror(number) : dora_err_text(err));
    if (error != NULL) {
        error->os_error = number;
    }
    return err;
}

/* Reads what has come on a connection of a share; a broken one is dropped. `link` points to it in
 * the chain. Returns: the link of the next one. */
static dr_pooled_conn **read_peer(dr_share *share, dr_pooled_conn **link)
{
    dora_client *client = share->client;
    dr_pooled_conn *peer = *link;
    if (dr_results_read(client, peer, false) == DORA_OK) {
        return &peer->idle_next;
    }
    *link = peer->idle_next;
    pthread_mutex_lock(&client->lock);
    dr_results_drop(client, peer);
    pthread_mutex_unlock(&client->lock);
    return link;
}

/* Takes the connections that have become idle and reads what has come on them already. */
static void gather(dr_share *share)
{
    for (;;) {
        dr_pooled_conn *peer = dr_share_take_peer(share);
        if (peer == NULL) {
            return;
        }
        peer->idle_next = share->peers;
        share->peers = peer;
        read_peer(share, &share->peers);
    }
}

/* Counts what is still to come. `*is_elsewhere` is set where it comes on connections that other
 * threads hold. */
static size_t count_waiting(dr_share *share, bool *is_elsewhere)
{
    dora_client *client = share->client;
    size_t waiting = 0;
    pthread_mutex_lock(&client->lock);
    if (share->forks == client->forks) {
        waiting = share->waiting;
        *is_elsewhere = *is_elsewhere || (waiting > 0 && dr_share_is_elsewhere(share));
    }
    pthread_mutex_unlock(&client->lock);
    return waiting;
}

/* Makes the descriptor by which other threads say that something has come. */
static dora_err make_event(collector *c, dora_error *error)
{
    c->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (c->event_fd < 0) {
        return failed(error, DORA_EIO, errno);
    }
    for (size_t i = 0; i < c->share_count; i++) {
        pthread_mutex_lock(&c->shares[i].client->lock);
        c->shares[i].event_fd = c->event_fd;
        pthread_mutex_unlock(&c->shares[i].client->lock);
    }
    return DORA_OK;
}

static dora_err poll_add(collector *c, int fd)
{
    if (c->poll_count == c->poll_room) {
        size_t room = c->poll_room > 0 ? c->poll_room * 2 : 16;
        struct pollfd *polls = dr_realloc(c->polls, room * sizeof *polls);
        if (polls == NULL) {
            return DORA_ENOMEM;
        }
        c->polls = polls;
        c->poll_room = room;
    }
    c->polls[c->poll_count++] = (struct pollfd){.fd = fd, .events = POLLIN};
    return DORA_OK;
}

/* Says what to wait for: the event, and each connection that is held. */
static dora_err fill_polls(collector *c)
{
    c->poll_count = 0;
    dora_err err = poll_add(c, c->event_fd);
    for (size_t i = 0; err == DORA_OK && i < c->share_count; i++) {
        const dr_pooled_conn *peer = c->shares[i].peers;
        while (err == DORA_OK && peer != NULL) {
            err = poll_add(c, peer->stream.fd);
            peer = peer->idle_next;
        }
    }
    return err;
}

static void read_ready(collector *c)
{
    uint64_t count;
    size_t at = 1;
    if (c->polls[0].revents != 0 && read(c->event_fd, &count, sizeof count) < 0) {
        c->polls[0].revents = 0; /* somebody else's wake-up: nothing to do */
    }
    for (size_t i = 0; i < c->share_count; i++) {
        dr_pooled_conn **link = &c->shares[i].peers;
        while (*link != NULL) {
            bool is_ready = c->polls[at++].revents != 0;
            link = is_ready ? read_peer(&c->shares[i], link) : &(*link)->idle_next;
        }
    }
}

/* Waits until all is there, or the time is over. */
static dora_err wait_for_all(collector *c, dora_error *error)
{
    for (;;) {
        bool is_elsewhere = false;
        size_t waiting = 0;
        for (size_t i = 0; i < c->share_count; i++) {
            gather(&c->shares[i]);
            waiting += count_waiting(&c->shares[i], &is_elsewhere);
        }
        uint32_t ms = dr_wait_left_ms(&c->wait);
        if (waiting == 0 || ms == 0) {
            return DORA_OK;
        }
        dora_err err = DORA_OK;
        if ((is_elsewhere || c->may_lose) && c->event_fd < 0) {
            err = make_event(c, error);
            if (err != DORA_OK) {
                return err;
            }
            continue; /* it may have come, or been taken, before the descriptor was there */
        }
        err = fill_polls(c);
        if (err != DORA_OK) {
            return failed(error, err, 0);
        }
        int ready = poll(c->polls, c->poll_count, (int)dr_wait_slice_ms(&c->wait, ms));
        if (ready > 0) {
            read_ready(c);
        } else if (ready < 0 && errno != EINTR) {
            return failed(error, DORA_EIO, errno);
        } else if (dr_wait_is_interrupted(&c->wait)) {
            return failed(error, DORA_EINTERRUPTED, EINTR);
        }
    }
}

static void set_wait(collector *c, const dora_client *first, const dora_call_options *options)
{
    uint32_t timeout_ms = options->timeout_ms;
    uint64_t nested_ns = dr_deadline_get();
    timeout_ms = timeout_ms != 0 || first == NULL ? timeout_ms : first->settings.timeout_ms;
    c->wait.deadline_ns = dr_clock_ns() + (uint64_t)timeout_ms * DR_NS_PER_MS;
    if (nested_ns != 0 && nested_ns < c->wait.deadline_ns) {
        c->wait.deadline_ns = nested_ns;
    }
    c->wait.is_interrupted = options->is_interrupted;
    c->wait.user = options->user;
}

/* Waits for what the shares have claimed, and gives it all up again: into `made` what has come, and
 * what has not unless the shares leave it outstanding. Ownership: takes `made`, which may be NULL
 * (out of memory), where it fails. */
static dora_err collect(collector *c, dora_collection *made, dora_error *error)
{
    dora_err err = made != NULL ? wait_for_all(c, error) : failed(error, DORA_ENOMEM, 0);
    bool is_parent = true;
    for (size_t i = 0; i < c->share_count; i++) {
        is_parent = dr_share_settle(&c->shares[i], err == DORA_OK ? made : NULL) && is_parent;
    }
    if (c->event_fd >= 0 && is_parent) {
        close(c->event_fd);
    }
    dr_free(c->polls);
    if (err != DORA_OK) {
        dora_collection_free(made);
    }
    return err;
}

dora_err dora_client_collect(dora_client *const *clients, size_t count,
                             const dora_call_options *options, dora_collection **collection,
                             dora_error *error)
{
    collector c = {.event_fd = -1, .share_count = count, .may_lose = true};
    size_t claimed = 0;
    dora_call_options room;
    *collection = NULL;
    dora_err err = dr_call_options_take(&options, &room, error);
    if (err != DORA_OK) {
        return err;
    }
    c.shares = dr_calloc(count, sizeof *c.shares);
    if (c.shares == NULL) {
        return failed(error, DORA_ENOMEM, 0);
    }
    for (size_t i = 0; i < count; i++) {
        c.shares[i] = (dr_share){.client = clients[i], .event_fd = -1};
        claimed += dr_share_claim_all(&c.shares[i]);
    }
    set_wait(&c, count > 0 ? clients[0] : NULL, options);
    dora_collection *made = dr_collection_new(claimed);
    err = collect(&c, made, error);
    dr_free(c.shares);
    *collection = err == DORA_OK ? made : NULL;
    return err;
}

static dora_err check_guids(const dora_slice *guids, size_t count, dora_error *error)
{
    for (size_t i = 0; i < count; i++) {
        if (guids[i].len != DR_GUID_LEN) {
            return dora_error_set(error, DORA_EINVAL,
                                  "a guid of a submission has %d bytes; this one has %zu",
                                  DR_GUID_LEN, guids[i].len);
        }
    }
    return DORA_OK;
}

/* A collect of these guids, whose share says how it ends. */
static dora_err collect_named(dr_share *share, const dora_slice *guids, size_t count,
                              const dora_call_options *options, dora_collection **collection,
                              dora_error *error)
{
    collector c = {.event_fd = -1, .shares = share, .share_count = 1};
    dora_call_options room;
    *collection = NULL;
    dora_err err = dr_call_options_take(&options, &room, error);
    if (err == DORA_OK) {
        err = check_guids(guids, count, error);
    }
    if (err != DORA_OK) {
        return err;
    }
    share->is_named = true;
    dora_collection *made = dr_collection_new(count);
    dr_share_join(share);
    for (size_t i = 0; made != NULL && i < count; i++) {
        const dora_error *refusal = dr_share_claim(share, guids[i].data);
        if (refusal != NULL && !dr_collection_refuse(made, guids[i].data, refusal)) {
            dora_collection_free(made);
            made = NULL;
        }
    }
    set_wait(&c, share->client, options);
    err = collect(&c, made, error);
    *collection = err == DORA_OK ? made : NULL;
    return err;
}

dora_err dora_client_collect_these(dora_client *client, const dora_slice *guids, size_t count,
                                   const dora_call_options *options, dora_collection **collection,
                                   dora_error *error)
{
    dr_share share = {.client = client, .event_fd = -1};
    return collect_named(&share, guids, count, options, collection, error);
}

dora_err dora_client_result(dora_client *client, dora_slice guid, const dora_call_options *options,
                            dora_collection **collection, dora_error *error)
{
    dr_share share = {.client = client, .event_fd = -1, .is_patient = true};
    dora_err err = collect_named(&share, &guid, 1, options, collection, error);
    if (err != DORA_OK || (*collection)->count > 0) {
        return err;
    }
    dora_collection_free(*collection);
    *collection = NULL;
    const dora_error *why =
        share.forks == client->forks ? &dr_pending_patient : &dr_pending_gone; /* a parent's */
    if (error != NULL) {
        *error = *why;
    }
    return why->err;
}

bool dora_client_is_done(dora_client *client, dora_slice guid)
{
    return guid.len != DR_GUID_LEN || dr_share_look(client, guid.data);
}

size_t dora_client_pending(dora_client *client)
{
    pthread_mutex_lock(&client->lock);
    size_t count = client->pending.accepted;
    pthread_mutex_unlock(&client->lock);
    return count;
}

void dora_client_forget(dora_client *client)
{
    dr_submission *next = NULL;
    pthread_mutex_lock(&client->lock);
    for (dr_submission *at = client->pending.first; at != NULL; at = next) {
        next = at->next;
        if (at->is_accepted && at->share == NULL) {
            if (at->peer != NULL) {
                at->peer->is_ending = true; /* its result comes all the same */
            }
            dr_pending_remove(&client->pending, at);
            dr_submission_free(at);
        }
    }
    dr_conn_pool_sweep(&client->conn_pool);
    pthread_mutex_unlock(&client->lock);
}
