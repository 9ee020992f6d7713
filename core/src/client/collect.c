/* collect.c: the results of submissions: all connections at once, under one deadline.
 *
 * A collect claims what is outstanding when it begins. It takes the connections on which results
 * are to come, as a call takes one, and waits for all of them in one poll. A connection that
 * another thread uses for a call is read by that thread, which stores what is not its own; an
 * event descriptor, made only when there is such a connection, then wakes the collect.
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
#include "client/client.h"

struct dora_collection {
    dora_collected *items;
    dr_submission **submissions; /* what they point into */
    size_t count;
};

typedef struct collector {
    dr_share *shares; /* one for each client */
    size_t share_count;
    int event_fd;
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

/* Claims what nobody else collects. Returns: how many. */
static size_t claim(dr_share *share)
{
    dora_client *client = share->client;
    size_t count = 0;
    pthread_mutex_lock(&client->lock);
    share->forks = client->forks;
    share->next = client->shares;
    client->shares = share;
    for (dr_submission *at = client->pending.first; at != NULL; at = at->next) {
        if (at->is_accepted && at->share == NULL) {
            at->share = share;
            share->waiting += at->is_done ? 0 : 1;
            count++;
        }
    }
    pthread_mutex_unlock(&client->lock);
    return count;
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

/* Puts the connections back, and moves what was claimed into the collection, or, where that is
 * NULL, leaves it outstanding. Returns: whether this is still the process that began. */
static bool settle(dr_share *share, dora_collection *collection)
{
    dora_client *client = share->client;
    dr_submission *next = NULL;
    uint64_t now_ns = dr_clock_ns();
    pthread_mutex_lock(&client->lock);
    bool is_mine = share->forks == client->forks; /* else all of it is the parent's */
    leave(share);
    for (dr_submission *at = is_mine ? client->pending.first : NULL; at != NULL; at = next) {
        next = at->next;
        if (at->share != share) {
            continue;
        }
        at->share = NULL;
        if (collection == NULL) {
            continue;
        }
        if (!at->is_done) {
            at->peer->is_ending = true; /* its result may still come */
            dr_pending_fail(at, &dr_pending_late);
        }
        dr_pending_remove(&client->pending, at);
        collection->submissions[collection->count++] = at;
    }
    while (is_mine && share->peers != NULL) {
        dr_peer *peer = share->peers;
        share->peers = peer->idle_next;
        peer->idle_next = NULL;
        dr_link_shrink(&peer->link);
        dr_keep_give(&client->keep, peer, now_ns);
    }
    dr_share_wake(client);
    pthread_mutex_unlock(&client->lock);
    return is_mine;
}

/* Reads what has come on a connection of a share; a broken one is dropped. `link` points to it in
 * the chain. Returns: the link of the next one. */
static dr_peer **read_peer(dr_share *share, dr_peer **link)
{
    dora_client *client = share->client;
    dr_peer *peer = *link;
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
    dora_client *client = share->client;
    for (;;) {
        pthread_mutex_lock(&client->lock);
        dr_peer *peer = share->waiting > 0 ? dr_keep_take_pending(&client->keep) : NULL;
        pthread_mutex_unlock(&client->lock);
        if (peer == NULL) {
            return;
        }
        peer->idle_next = share->peers;
        share->peers = peer;
        read_peer(share, &share->peers);
    }
}

/* Counts what is still to come. `*is_elsewhere` is set where connections with outstanding
 * submissions are in the hands of other threads. */
static size_t count_waiting(dr_share *share, bool *is_elsewhere)
{
    dora_client *client = share->client;
    size_t waiting = 0;
    size_t held = 0;
    size_t all = 0;
    pthread_mutex_lock(&client->lock);
    if (share->forks == client->forks) {
        waiting = share->waiting;
        for (const dr_peer *peer = share->peers; peer != NULL; peer = peer->idle_next) {
            held += peer->pending > 0 ? 1 : 0;
        }
        for (const dr_peer *peer = client->keep.all; peer != NULL; peer = peer->next) {
            all += peer->pending > 0 ? 1 : 0;
        }
    }
    *is_elsewhere = *is_elsewhere || (waiting > 0 && all > held);
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
        const dr_peer *peer = c->shares[i].peers;
        while (err == DORA_OK && peer != NULL) {
            err = poll_add(c, peer->socket.fd);
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
        dr_peer **link = &c->shares[i].peers;
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
        if (is_elsewhere && c->event_fd < 0) {
            err = make_event(c, error);
            if (err != DORA_OK) {
                return err;
            }
            continue; /* it may have come before the descriptor was there */
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

static dora_collection *collection_new(size_t room)
{
    dora_collection *made = dr_calloc(1, sizeof *made);
    if (made == NULL) {
        return NULL;
    }
    made->items = dr_calloc(room, sizeof *made->items);
    made->submissions = dr_calloc(room, sizeof(dr_submission *));
    if (made->items == NULL || made->submissions == NULL) {
        dora_collection_free(made);
        return NULL;
    }
    return made;
}

static void collection_fill(dora_collection *collection)
{
    for (size_t i = 0; i < collection->count; i++) {
        const dr_submission *from = collection->submissions[i];
        collection->items[i] = (dora_collected){
            .guid = from->answer->guid,
            .is_many = from->is_many,
            .came_early = from->came_early,
            .err = from->err,
            .error = from->error,
            .answer = from->answer,
        };
    }
}

static void set_wait(collector *c, const dora_client *first, const dora_call_options *options)
{
    uint32_t timeout_ms = options != NULL ? options->timeout_ms : 0;
    uint64_t nested_ns = dr_deadline_get();
    timeout_ms = timeout_ms != 0 || first == NULL ? timeout_ms : first->settings.timeout_ms;
    c->wait.deadline_ns = dr_clock_ns() + (uint64_t)timeout_ms * DR_NS_PER_MS;
    if (nested_ns != 0 && nested_ns < c->wait.deadline_ns) {
        c->wait.deadline_ns = nested_ns;
    }
    if (options != NULL) {
        c->wait.is_interrupted = options->is_interrupted;
        c->wait.user = options->user;
    }
}

dora_err dora_client_collect(dora_client *const *clients, size_t count,
                             const dora_call_options *options, dora_collection **collection,
                             dora_error *error)
{
    collector c = {.event_fd = -1, .share_count = count};
    size_t claimed = 0;
    *collection = NULL;
    c.shares = dr_calloc(count, sizeof *c.shares);
    if (c.shares == NULL) {
        return failed(error, DORA_ENOMEM, 0);
    }
    for (size_t i = 0; i < count; i++) {
        c.shares[i] = (dr_share){.client = clients[i], .event_fd = -1};
        claimed += claim(&c.shares[i]);
    }
    set_wait(&c, count > 0 ? clients[0] : NULL, options);
    dora_collection *made = collection_new(claimed);
    dora_err err = made != NULL ? wait_for_all(&c, error) : failed(error, DORA_ENOMEM, 0);
    bool is_parent = true;
    for (size_t i = 0; i < count; i++) {
        is_parent = settle(&c.shares[i], err == DORA_OK ? made : NULL) && is_parent;
    }
    if (c.event_fd >= 0 && is_parent) {
        close(c.event_fd);
    }
    dr_free(c.polls);
    dr_free(c.shares);
    if (err != DORA_OK) {
        dora_collection_free(made);
        return err;
    }
    collection_fill(made);
    *collection = made;
    return DORA_OK;
}

size_t dora_collection_count(const dora_collection *collection)
{
    return collection->count;
}

const dora_collected *dora_collection_at(const dora_collection *collection, size_t index)
{
    return index < collection->count ? &collection->items[index] : NULL;
}

void dora_collection_free(dora_collection *collection)
{
    if (collection == NULL) {
        return;
    }
    for (size_t i = 0; i < collection->count; i++) {
        dr_submission_free(collection->submissions[i]);
    }
    dr_free(collection->submissions);
    dr_free(collection->items);
    dr_free(collection);
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
    dr_keep_sweep(&client->keep);
    pthread_mutex_unlock(&client->lock);
}
