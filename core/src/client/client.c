/* client.c: a call: which node, which connection, and what may be tried again. */
#include <dora/client.h>

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "client/answer.h"
#include "client/fork.h"
#include "client/guid.h"
#include "client/keep.h"
#include "client/nodes.h"

#define TIMEOUT_MS_DEFAULT 3000u
#define NS_PER_MS 1000000u
#define CONNECT_MS_MAX 1000u /* to one node while there are others to try */

struct dora_client {
    pthread_mutex_t lock; /* guards nodes, keep and random */
    dr_nodes nodes;
    dr_keep keep;
    dr_random random;
    dr_fork_watch watch;
    dora_frame_options frame;
    char *salt;
    uint32_t timeout_ms;
};

/* One call under way. */
typedef struct attempt {
    dora_client *client;
    dr_request request;
    dora_answer *answer;
    uint64_t deadline_ns;
    uint32_t timeout_ms;
    dr_tried tried;
    size_t node;
    dr_peer *peer;
    bool is_reused;   /* the peer served a call before */
    bool is_unsent;   /* what failed is certain not to have run */
    bool was_retried; /* on a fresh connection, after a reused one turned out to be closed */
    char guid[DR_GUID_LEN];
} attempt;

static void on_child(void *user)
{
    dora_client *client = user;
    dr_keep_forget(&client->keep);
    dr_random_reset(&client->random);
    for (size_t i = 0; i < client->nodes.count; i++) {
        client->nodes.items[i].in_flight = 0;
    }
}

static dora_err client_init(dora_client *client, const dora_client_options *options,
                            dora_error *error)
{
    dora_err err = dr_nodes_parse(&client->nodes, options->nodes, error);
    if (err != DORA_OK) {
        return err;
    }
    client->timeout_ms = options->timeout_ms != 0 ? options->timeout_ms : TIMEOUT_MS_DEFAULT;
    client->frame.sign = options->sign;
    client->frame.gzip = options->gzip;
    client->frame.bytes_max = options->frame_bytes_max;
    if (options->salt != NULL) {
        size_t len = strlen(options->salt);
        client->salt = dr_alloc(len + 1);
        if (client->salt == NULL) {
            return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
        }
        memcpy(client->salt, options->salt, len + 1);
        client->frame.salt = (dora_slice){client->salt, len};
    }
    err = dr_keep_init(&client->keep, client->nodes.count);
    client->watch = (dr_fork_watch){.lock = &client->lock, .on_child = on_child, .user = client};
    if (err == DORA_OK) {
        err = dr_fork_watch_add(&client->watch);
    }
    if (err != DORA_OK) {
        return dora_error_set(error, err, "%s", dora_err_text(err));
    }
    return DORA_OK;
}

static void client_destroy(dora_client *client)
{
    dr_keep_fini(&client->keep);
    dr_nodes_fini(&client->nodes);
    pthread_mutex_destroy(&client->lock);
    dr_free(client->salt);
    dr_free(client);
}

dora_err dora_client_new(dora_client **client, const dora_client_options *options,
                         dora_error *error)
{
    *client = NULL;
    if (options == NULL || options->nodes == NULL || options->nodes[0] == '\0') {
        return dora_error_set(error, DORA_EINVAL, "no nodes: \"host:port\" is expected");
    }
    dora_client *made = dr_calloc(1, sizeof *made);
    if (made == NULL) {
        return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
    }
    pthread_mutex_init(&made->lock, NULL);
    dora_err err = client_init(made, options, error);
    if (err != DORA_OK) {
        client_destroy(made);
        return err;
    }
    *client = made;
    return DORA_OK;
}

void dora_client_free(dora_client *client)
{
    if (client == NULL) {
        return;
    }
    dr_fork_watch_remove(&client->watch);
    client_destroy(client);
}

/* Picks a node and an idle connection to it, if there is one. Returns: false when every node was
 * tried. */
static bool attempt_begin(attempt *a)
{
    dora_client *client = a->client;
    uint64_t now_ns = dr_clock_ns();
    a->is_unsent = true;
    pthread_mutex_lock(&client->lock);
    if (a->guid[0] == '\0') {
        dr_guid_make(&client->random, a->guid);
    }
    a->node = dr_nodes_pick(&client->nodes, &a->tried, now_ns / NS_PER_MS,
                            dr_random_next(&client->random));
    if (a->node == client->nodes.count) {
        pthread_mutex_unlock(&client->lock);
        return false;
    }
    client->nodes.items[a->node].in_flight++;
    a->peer = dr_keep_take(&client->keep, a->node);
    while (a->peer != NULL && !dr_peer_is_usable(a->peer, now_ns)) {
        dr_keep_drop(&client->keep, a->peer);
        a->peer = dr_keep_take(&client->keep, a->node);
    }
    a->is_reused = a->peer != NULL;
    if (a->peer == NULL) {
        a->peer = dr_keep_open(&client->keep, a->node, &client->frame);
    }
    pthread_mutex_unlock(&client->lock);
    return true;
}

/* Until when a connection may take: the whole time for the last node, else a fair part of it. */
static uint64_t connect_deadline(const attempt *a)
{
    size_t left = 0;
    uint64_t now_ns = dr_clock_ns();
    for (size_t i = 0; i < a->client->nodes.count; i++) {
        left += dr_tried_has(&a->tried, i) ? 0 : 1;
    }
    if (left < 2 || now_ns >= a->deadline_ns) {
        return a->deadline_ns;
    }
    uint64_t part = (a->deadline_ns - now_ns) / left;
    uint64_t most = (uint64_t)CONNECT_MS_MAX * NS_PER_MS;
    return now_ns + (part < most ? part : most);
}

static dora_err failed(dora_error *error, dora_err err)
{
    dora_error_set(error, err, "%s", dora_err_text(err));
    if (error != NULL && err != DORA_ENOMEM) {
        error->code = DORA_CODE_RECEIVE;
    }
    return err;
}

static dora_err receive_some(attempt *a, dora_error *error)
{
    char *room;
    size_t room_len;
    size_t got = 0;
    dora_err err = dr_link_room(&a->peer->link, &room, &room_len);
    if (err != DORA_OK) {
        return failed(error, err);
    }
    err = dr_socket_receive(&a->peer->socket, room, room_len, a->deadline_ns, a->timeout_ms, &got,
                            error);
    dr_link_received(&a->peer->link, got);
    return err;
}

/* Sends the request, then waits for its reply. */
static dora_err exchange(attempt *a, dr_reply_message *reply, dora_error *error)
{
    dora_slice rest = dr_buf_slice(&a->peer->link.out);
    for (;;) {
        size_t sent = 0;
        dora_err err = DORA_OK;
        if (rest.len > 0) {
            err = dr_socket_send(&a->peer->socket, rest, a->deadline_ns, &sent, error);
            rest.data += sent;
            rest.len -= sent;
            a->is_unsent = rest.len > 0;
        }
        if (err == DORA_ECLOSED && receive_some(a, NULL) == DORA_OK &&
            dr_link_reply(&a->peer->link, a->guid, reply, NULL) == DORA_OK) {
            return DORA_OK; /* it said why before it closed */
        }
        if (err == DORA_OK || err == DORA_EAGAIN) {
            err = receive_some(a, error);
        }
        if (err == DORA_OK) {
            err = dr_link_reply(&a->peer->link, a->guid, reply, error);
        }
        if (err != DORA_EAGAIN) {
            return err;
        }
    }
}

/* One try on one node. */
static dora_err attempt_run(attempt *a, dr_reply_message *reply, dora_error *error)
{
    if (a->peer == NULL) {
        return failed(error, DORA_ENOMEM);
    }
    if (!a->is_reused) {
        const dr_node *node = &a->client->nodes.items[a->node];
        dora_err err =
            dr_socket_connect(&a->peer->socket, node->host, node->port, connect_deadline(a), error);
        if (err != DORA_OK) {
            return err;
        }
    }
    uint64_t now_ns = dr_clock_ns();
    if (now_ns >= a->deadline_ns) {
        return failed(error, DORA_ETIMEDOUT);
    }
    a->request.timeout_ms = (int64_t)((a->deadline_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS);
    a->request.guid = (dora_slice){a->guid, DR_GUID_LEN};
    dora_err err = dr_link_request(&a->peer->link, &a->request, a->answer->apis, error);
    if (err != DORA_OK) {
        return err;
    }
    return exchange(a, reply, error);
}

static bool is_broken(dora_err err)
{
    return err == DORA_ECONNECT || err == DORA_ECLOSED || err == DORA_EIO || err == DORA_EPROTO;
}

/* Puts the connection away: kept after a good reply, else closed, since what comes on it next is
 * not known. */
static void attempt_end(attempt *a, dora_err err, const dr_reply_message *reply)
{
    dora_client *client = a->client;
    bool is_good = err == DORA_OK && reply->code == DORA_CODE_OK && !a->is_unsent &&
                   dr_link_is_empty(&a->peer->link);
    bool is_stopping = err == DORA_OK && reply->code == DORA_CODE_STOPPING;
    uint64_t now_ns = dr_clock_ns();
    pthread_mutex_lock(&client->lock);
    client->nodes.items[a->node].in_flight--;
    if (is_good) {
        dr_link_shrink(&a->peer->link);
        dr_keep_give(&client->keep, a->peer, now_ns);
    } else if (a->peer != NULL) {
        dr_keep_drop(&client->keep, a->peer);
    }
    a->peer = NULL;
    if (err == DORA_OK && !is_stopping) {
        dr_nodes_succeeded(&client->nodes, a->node);
    } else if (is_stopping) {
        dr_keep_clear(&client->keep, a->node);
    } else if (is_broken(err)) {
        dr_keep_doubt(&client->keep, a->node);
        if (!a->is_reused) {
            dr_nodes_failed(&client->nodes, a->node, now_ns / NS_PER_MS);
        }
    }
    pthread_mutex_unlock(&client->lock);
}

/* Whether the same call may go out again, and marks where not to. */
static bool may_retry(attempt *a, dora_err err, const dr_reply_message *reply)
{
    bool is_stopping = err == DORA_OK && reply->code == DORA_CODE_STOPPING;
    bool is_lost = a->is_unsent && (err == DORA_ECONNECT || err == DORA_ECLOSED || err == DORA_EIO);
    if (!is_stopping && !is_lost) {
        return false;
    }
    if (a->is_reused && !a->was_retried) {
        a->was_retried = true; /* a new server may listen there by now */
    } else {
        dr_tried_add(&a->tried, a->node);
    }
    return dr_clock_ns() < a->deadline_ns;
}

static dora_err refused(const dr_reply_message *reply, dora_error *error)
{
    dora_error_set(error, DORA_EREPLY, "%.*s", (int)(reply->msg.len < 4000 ? reply->msg.len : 4000),
                   reply->msg.data);
    if (error != NULL) {
        error->code = reply->code;
    }
    return DORA_EREPLY;
}

/* Runs the call whose apis stand in the answer. The reply's memory is then the answer's. */
static dora_err perform(attempt *a, dr_reply_message *reply, dora_error *error)
{
    dora_err err = DORA_ECONNECT;
    a->deadline_ns = dr_clock_ns() + (uint64_t)a->timeout_ms * NS_PER_MS;
    while (attempt_begin(a)) {
        dora_err taken = DORA_OK;
        err = attempt_run(a, reply, error);
        if (err == DORA_OK && reply->code != DORA_CODE_OK) {
            refused(reply, error);
        } else if (err == DORA_OK) {
            taken = dr_link_take(&a->peer->link, &a->answer->body);
        }
        attempt_end(a, taken == DORA_OK ? err : taken, reply);
        if (taken != DORA_OK) {
            return failed(error, taken);
        }
        if (err == DORA_OK && reply->code == DORA_CODE_OK) {
            return DORA_OK;
        }
        if (!may_retry(a, err, reply)) {
            break;
        }
    }
    return err == DORA_OK ? DORA_EREPLY : err;
}

static attempt attempt_make(dora_client *client, dr_call_type type, size_t count,
                            const dora_call_options *options, dora_answer *answer)
{
    uint32_t timeout_ms = options != NULL ? options->timeout_ms : 0;
    attempt a = {
        .client = client,
        .request = {.type = type, .api_count = count, .attempt = -1},
        .answer = answer,
        .timeout_ms = timeout_ms != 0 ? timeout_ms : client->timeout_ms,
    };
    return a;
}

dora_err dora_client_call(dora_client *client, const dora_call *call,
                          const dora_call_options *options, dora_answer *answer, dora_error *error)
{
    dr_reply_message reply = {.code = DORA_CODE_OK};
    dora_err err = dr_answer_begin_one(answer, call, error);
    if (err != DORA_OK) {
        return err;
    }
    attempt a = attempt_make(client, DR_TYPE_W_S, 1, options, answer);
    err = perform(&a, &reply, error);
    if (err != DORA_OK) {
        return err;
    }
    return dr_answer_finish_one(answer, &reply, error);
}

dora_err dora_client_call_many(dora_client *client, const dora_call *calls, size_t count,
                               const dora_call_options *options, dora_answer *answer,
                               dora_error *error)
{
    dr_reply_message reply = {.code = DORA_CODE_OK};
    dora_err err = dr_answer_begin_many(answer, calls, count, error);
    if (err != DORA_OK) {
        return err;
    }
    attempt a = attempt_make(client, DR_TYPE_W_M, count, options, answer);
    err = perform(&a, &reply, error);
    if (err != DORA_OK) {
        return err;
    }
    return dr_answer_finish_many(answer, count, &reply, error);
}
