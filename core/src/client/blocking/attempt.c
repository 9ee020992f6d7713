/* attempt.c: one try at a call: node, connection, request, reply, and the connection put away. */
#include "client/blocking/attempt.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/code.h"
#include "client/balance/node_sync.h"
#include "client/blocking/left_stream.h"
#include "client/blocking/results.h"
#include "client/shared/follow_up.h"
#include "client/shared/hello.h"

static dora_err failed(dora_error *error, dora_err err)
{
    dora_error_set(error, err, "%s", dora_err_text(err));
    if (error != NULL && err != DORA_ENOMEM) {
        error->code = DORA_CODE_RECEIVE;
    }
    return err;
}

/* Chooses the node. Returns: DORA_OK, DORA_ECONNECT when every one was tried, or an error. */
static dora_err choose(dr_attempt *a, uint64_t now_ms, dora_error *error)
{
    dora_client *client = a->client;
    if (a->options->node != NULL) {
        const dr_nodes_owner owner = dr_conn_pool_owner(&client->conn_pool);
        return dr_nodes_name(&client->nodes, &a->node_address, &owner, &a->tries.node, error);
    }
    return dr_tries_pick(&a->tries, &client->nodes, now_ms, dr_random_next(&client->random));
}

/* Takes an idle connection that still lives, or opens one. With the lock held, which is given up
 * while a connection with submissions is read. */
static void take_peer(dr_attempt *a)
{
    dora_client *client = a->client;
    a->made.is_reused = false;
    a->peer = NULL;
    while (!a->tries.is_same) {
        dr_pooled_conn *peer = dr_conn_pool_take(&client->conn_pool, a->tries.node);
        a->peer = peer;
        a->made.is_reused = peer != NULL;
        if (peer != NULL && peer->pending > 0 && a->request.type == DR_TYPE_ST_S) {
            dr_conn_pool_give(&client->conn_pool, peer, peer->used_ns); /* others wait there */
            a->peer = NULL;
            a->made.is_reused = false;
            break;
        }
        if (peer != NULL && peer->is_left && !dr_left_stream_has_ended(peer)) {
            dr_results_drop(client, peer);
            continue;
        }
        if (peer == NULL || dr_peer_is_usable(peer, a->begun_ns)) {
            break;
        }
        if (peer->pending > 0) {
            pthread_mutex_unlock(&client->lock);
            dora_err err = dr_results_read(client, peer, true);
            pthread_mutex_lock(&client->lock);
            if (err == DORA_OK) {
                break;
            }
        }
        dr_results_drop(client, peer);
    }
    if (a->peer == NULL) {
        a->peer = dr_conn_pool_open(&client->conn_pool, a->tries.node, &client->settings.frame);
    }
}

/* Gives the call its guid the first time, and registers a submission under it. */
static dora_err name_call(dr_attempt *a, dora_error *error)
{
    dora_client *client = a->client;
    dora_answer *answer = a->answer;
    if (answer->guid[0] != '\0') {
        return DORA_OK;
    }
    dr_guid_make(&client->random, answer->guid);
    answer->guid[DR_GUID_LEN] = '\0';
    a->forks = client->forks;
    if (a->submission == NULL) {
        return DORA_OK;
    }
    memcpy(a->submission->answer->guid, answer->guid, sizeof answer->guid);
    dora_err err = dr_pending_add(&client->pending, a->submission);
    if (err == DORA_EFULL) {
        a->submission->answer->guid[0] = '\0';
        return dora_error_set(error, err, "%u submissions are outstanding; collect them first",
                              DR_PENDING_MAX);
    }
    return err == DORA_OK ? DORA_OK : failed(error, err);
}

/* Picks node and connection. */
static dora_err begin(dr_attempt *a, bool *is_over, dora_error *error)
{
    dora_client *client = a->client;
    a->begun_ns = dr_clock_ns();
    a->made.is_unsent = true;
    a->is_half_sent = false;
    a->made.is_overloaded = false;
    a->made.retry_after_ms = 0;
    pthread_mutex_lock(&client->lock);
    dora_err err = name_call(a, error);
    if (err == DORA_OK && a->begun_ns >= a->tries.deadline_ns) {
        err = failed(error, DORA_ETIMEDOUT);
    }
    if (err == DORA_OK) {
        err = choose(a, a->begun_ns / DR_NS_PER_MS, error);
        *is_over = err == DORA_ECONNECT;
    }
    if (err == DORA_OK) {
        client->nodes.items[a->tries.node].in_flight++;
        client->nodes.items[a->tries.node].asked_ms = a->begun_ns / DR_NS_PER_MS;
        take_peer(a);
    }
    pthread_mutex_unlock(&client->lock);
    return err;
}

/* Connects. While there are other nodes to try, one may take a fair part of the time only. */
static dora_err connect_peer(dr_attempt *a, dora_error *error)
{
    dora_client *client = a->client;
    dr_wait wait = a->wait;
    dr_address address;
    dr_tls_peer with;
    pthread_mutex_lock(&client->lock);
    address = client->nodes.items[a->tries.node].address;
    wait.deadline_ns =
        dr_tries_connect_ns(&a->tries, &client->nodes, a->begun_ns, a->wait.deadline_ns);
    const dora_err err = dr_client_tls_peer(&client->tls, &address, &with, error);
    pthread_mutex_unlock(&client->lock);
    return err == DORA_OK ? dr_wait_connect(&a->peer->stream, &address, &with, &wait, error) : err;
}

/* Looks for this call's reply in what was received; what is for others is theirs. */
static dora_err next_reply(dr_attempt *a, dora_error *error)
{
    for (;;) {
        dora_err err = dr_link_next(&a->peer->link, &a->incoming, error);
        if (err != DORA_OK) {
            return err;
        }
        bool is_result = a->submission != NULL && a->incoming.reply.is_result;
        if (!is_result && dr_incoming_is_for(&a->incoming, a->answer->guid)) {
            return DORA_OK;
        }
        dr_results_store(a->client, &a->incoming, true);
    }
}

static dora_err receive_some(dr_attempt *a, dora_error *error)
{
    char *room;
    size_t room_len;
    size_t got = 0;
    dora_err err = dr_link_room(&a->peer->link, &room, &room_len);
    if (err != DORA_OK) {
        return failed(error, err);
    }
    err = dr_wait_receive(&a->peer->stream, room, room_len, &a->wait, &got, error);
    dr_link_received(&a->peer->link, got);
    return err;
}

dora_err dr_attempt_more(dr_attempt *a, dora_error *error)
{
    dr_buf *out = &a->peer->link.out;
    dora_err err = next_reply(a, error);
    while (err == DORA_EAGAIN) {
        if (out->len > 0) {
            size_t sent = 0;
            err = dr_wait_send(&a->peer->stream, dr_buf_slice(out), &a->wait, &sent, error);
            dr_buf_consume(out, sent);
        }
        if (err == DORA_ECLOSED) { /* what came before is read first */
            dr_buf_clear(out);
            err = DORA_EAGAIN;
        }
        if (err == DORA_OK || err == DORA_EAGAIN) {
            err = receive_some(a, error);
        }
        if (err == DORA_OK) {
            err = next_reply(a, error);
        }
    }
    return err;
}

void dr_attempt_flush(dr_attempt *a)
{
    dr_loss loss;
    size_t sent = 0;
    dr_buf *out = &a->peer->link.out;
    if (a->peer->stream.fd >= 0) { /* else it is the parent's */
        (void)dr_stream_send(&a->peer->stream, dr_buf_slice(out), &sent, &loss);
        dr_buf_consume(out, sent);
    }
}

/* Sends the request, then waits for its reply, of a stream only until it is sent: the DORA_EAGAIN.
 * A server that closes before it has read everything
 * may have said why: what came is read first. */
static dora_err exchange(dr_attempt *a, dora_error *error)
{
    dora_slice rest = dr_buf_slice(&a->peer->link.out);
    size_t whole = rest.len;
    bool is_closed = false;
    for (;;) {
        size_t sent = 0;
        dora_err err = DORA_OK;
        if (rest.len > 0 && !is_closed) {
            err = dr_wait_send(&a->peer->stream, rest, &a->wait, &sent, error);
            rest.data += sent;
            rest.len -= sent;
            a->made.is_unsent = rest.len > 0;
            a->is_half_sent =
                rest.len > 0 && (rest.len < whole || dr_stream_is_amid(&a->peer->stream));
            is_closed = err == DORA_ECLOSED;
        }
        if (rest.len == 0 && a->request.type == DR_TYPE_ST_S) {
            dr_buf_clear(&a->peer->link.out);
            return DORA_EAGAIN;
        }
        if (err == DORA_OK || err == DORA_EAGAIN || is_closed) {
            err = receive_some(a, error);
        }
        if (err == DORA_OK) {
            err = next_reply(a, error);
        }
        if (err != DORA_EAGAIN) {
            return err;
        }
    }
}

/* Moves the reply into the answer and reads it. */
static dora_err finish(dr_attempt *a, dora_error *error)
{
    dora_answer *answer = a->answer;
    const dr_reply_message *reply = &a->incoming.reply;
    dora_err err = dr_link_take(&a->peer->link, &answer->body);
    if (err != DORA_OK) {
        return failed(error, err);
    }
    answer->reply = a->incoming.body;
    err = dr_answer_read(answer, a->request.type, a->request.api_count, reply, error);
    a->made.is_overloaded =
        dr_answer_is_overloaded(answer, a->request.type, reply, &a->made.retry_after_ms);
    return err;
}

/* The server has refused the client's certificate, or plain bytes: it was not connected. */
static void name_server(const dr_attempt *a, dora_error *error)
{
    dora_client *client = a->client;
    char text[DR_ADDRESS_TEXT_MAX];
    char reason[sizeof error->msg];
    if (error == NULL) {
        return;
    }
    pthread_mutex_lock(&client->lock);
    dr_address address = client->nodes.items[a->tries.node].address;
    pthread_mutex_unlock(&client->lock);
    address.is_tls = a->peer->stream.tls != NULL;
    snprintf(reason, sizeof reason, "%s", error->msg);
    dora_error_set(error, DORA_ECONNECT, "cannot connect to %s: %s",
                   dr_address_text(&address, text), reason);
    error->code = DORA_CODE_CONNECT;
}

/* Says who calls, where that is to be said on a new connection. */
static dora_err say_hello(dr_attempt *a, dora_error *error)
{
    dora_client *client = a->client;
    dr_address address;
    if (client->settings.token == NULL) {
        return DORA_OK;
    }
    pthread_mutex_lock(&client->lock);
    address = client->nodes.items[a->tries.node].address;
    pthread_mutex_unlock(&client->lock);
    return dr_hello_append(&a->peer->link, &client->settings, &address, error);
}

/* How long the caller waits; of a stream that has no end: -1. */
static int64_t timeout_ms(const dr_attempt *a, uint64_t now_ns)
{
    const uint64_t until_ns = a->request.type == DR_TYPE_ST_S ? a->until_ns : a->tries.deadline_ns;
    return until_ns == UINT64_MAX
               ? -1
               : (int64_t)((until_ns - now_ns + DR_NS_PER_MS - 1) / DR_NS_PER_MS);
}

/* Connects if need be, and talks. */
static dora_err session(dr_attempt *a, dora_error *error)
{
    if (a->peer == NULL) {
        return failed(error, DORA_ENOMEM);
    }
    if (!a->made.is_reused) {
        dora_err err = connect_peer(a, error);
        if (err != DORA_OK) {
            return err;
        }
    }
    if (a->client->forks != a->forks) { /* while it connected: the connection is the parent's */
        return failed(error, DORA_ECLOSED);
    }
    uint64_t now_ns = dr_clock_ns();
    if (now_ns >= a->tries.deadline_ns) {
        return failed(error, DORA_ETIMEDOUT);
    }
    a->request.timeout_ms = timeout_ms(a, now_ns);
    a->request.guid = (dora_slice){a->answer->guid, DR_GUID_LEN};
    a->request.attempt = a->tries.attempt;
    dr_buf_clear(&a->peer->link.out);
    dora_err err = a->made.is_reused ? DORA_OK : say_hello(a, error);
    if (err == DORA_OK) {
        err = dr_link_append(&a->peer->link, &a->request, a->apis, error);
    }
    if (err == DORA_OK) {
        err = exchange(a, error);
    }
    if (err == DORA_ECONNECT) {
        name_server(a, error);
    }
    return err;
}

/* Whether the server closes the connection after this reply. */
static bool is_last_word(const dr_attempt *a)
{
    const dr_incoming *incoming = &a->incoming;
    return dr_code_closes(incoming->reply.code) || dr_incoming_is_for(incoming, DR_GUID_NONE) ||
           dr_link_is_turned_away(&a->peer->link, incoming->reply.code);
}

/* The caller has given up: nobody waits for it at the server, either. What an older server answers
 * goes with the connection, or is nobody's. */
static void cancel(dr_attempt *a)
{
    const bool is_waited_for = a->request.type == DR_TYPE_W_S || a->request.type == DR_TYPE_W_M;
    dr_buf_clear(&a->peer->link.out);
    if (is_waited_for && !a->made.is_unsent &&
        dr_follow_up_cancel(&a->peer->link, a->answer->guid) == DORA_OK) {
        dr_attempt_flush(a);
    }
}

/* Keeps the connection after a good reply, and where results are still to come on it; else closes
 * it, since what comes on it next is not known. */
static void put_away(dr_attempt *a, dora_err err, uint64_t now_ns)
{
    dora_client *client = a->client;
    dr_pooled_conn *peer = a->peer;
    if (err == DORA_EINTERRUPTED) {
        cancel(a);
    }
    bool is_alive = err == DORA_OK || err == DORA_ETIMEDOUT || err == DORA_EINTERRUPTED;
    bool is_clean = err == DORA_OK && !a->made.is_unsent && dr_link_is_empty(&peer->link);
    /* What was not sent whole would stand in front of the next request. */
    peer->is_ending = peer->is_ending || a->is_half_sent ||
                      (err == DORA_EINTERRUPTED && peer->link.out.len > 0) ||
                      (err == DORA_OK && is_last_word(a));
    if (is_alive && peer->stream.fd >= 0 && (peer->pending > 0 || is_clean)) {
        dr_link_shrink(&peer->link);
        dr_conn_pool_give(&client->conn_pool, peer, now_ns);
        if (client->shares != NULL) {
            dr_share_wake(client);
        }
        return;
    }
    dr_results_drop(client, peer);
}

/* What this try says about its node and the other connections to it. */
static void judge_node(dr_attempt *a, uint64_t now_ns)
{
    dora_client *client = a->client;
    size_t node = a->tries.node;
    dr_advice advice = dr_tries_record_outcome(&client->nodes, node, &a->made, now_ns - a->begun_ns,
                                               now_ns / DR_NS_PER_MS);
    if (advice == DR_ADVICE_LEAVE) {
        dr_conn_pool_clear(&client->conn_pool, node);
    } else if (advice == DR_ADVICE_MAYBE_RAN) {
        dr_conn_pool_distrust(&client->conn_pool, node);
    }
}

static void end(dr_attempt *a, dora_err err)
{
    dora_client *client = a->client;
    uint64_t now_ns = dr_clock_ns();
    a->is_open = false;
    pthread_mutex_lock(&client->lock);
    dr_node *node = &client->nodes.items[a->tries.node];
    node->in_flight -= node->in_flight > 0 ? 1 : 0; /* 0 in a child that was forked meanwhile */
    if (err == DORA_OK && a->submission != NULL &&
        dr_answer_is_expected(a->request.type, &a->incoming.reply)) {
        dr_pending_accept(&client->pending, a->submission, a->peer);
    }
    if (a->peer != NULL) {
        put_away(a, err, now_ns);
        a->peer = NULL;
    }
    judge_node(a, now_ns);
    pthread_mutex_unlock(&client->lock);
}

/* Whether a stream has not ended: its request was sent, or what has come is not its last word. */
static bool stays_open(dr_attempt *a, dora_err err)
{
    const bool is_heard = err == DORA_OK && dr_reply_goes_on(&a->incoming.reply);
    if (err != DORA_EAGAIN && !is_heard) {
        return false;
    }
    a->is_open = true;
    a->made.code = is_heard ? a->incoming.reply.code : 0;
    if (is_heard) { /* the node is well; a handler that is silent from now on says nothing of it */
        const uint64_t now_ns = dr_clock_ns();
        a->first_ns = now_ns - a->begun_ns;
        pthread_mutex_lock(&a->client->lock);
        judge_node(a, now_ns);
        pthread_mutex_unlock(&a->client->lock);
    }
    return true;
}

dora_err dr_attempt_run(dr_attempt *a, bool *is_over, dora_error *error)
{
    *is_over = false;
    dora_err err = a->is_open ? DORA_OK : begin(a, is_over, error);
    a->made.err = err;
    if (err != DORA_OK) {
        return err;
    }
    err = a->is_open ? dr_attempt_more(a, error) : session(a, error);
    if (a->request.type == DR_TYPE_ST_S && stays_open(a, err)) {
        return DORA_OK;
    }
    err = err == DORA_OK ? finish(a, error) : err;
    a->made.err = err;
    a->made.code = err == DORA_OK ? a->incoming.reply.code : 0;
    end(a, err);
    return err;
}

dora_err dr_attempt_end(dr_attempt *a, dora_err err, dora_error *error)
{
    a->begun_ns = dr_clock_ns() - a->first_ns; /* what a node takes is how long it was silent */
    err = err == DORA_OK ? finish(a, error) : err;
    a->made.err = err;
    a->made.code = err == DORA_OK ? a->incoming.reply.code : 0;
    end(a, err);
    return err;
}

void dr_attempt_leave(dr_attempt *a)
{
    dora_client *client = a->client;
    dr_pooled_conn *peer = a->peer;
    if (peer->stream.fd < 0 || peer->link.out.len > 0) {
        (void)dr_attempt_end(a, DORA_EINTERRUPTED, NULL);
        return;
    }
    a->is_open = false;
    a->peer = NULL;
    peer->is_left = true;
    memcpy(peer->left, a->answer->guid, DR_GUID_LEN);
    pthread_mutex_lock(&client->lock);
    dr_node *node = &client->nodes.items[peer->node];
    node->in_flight -= node->in_flight > 0 ? 1 : 0;
    dr_conn_pool_give(&client->conn_pool, peer, dr_clock_ns());
    pthread_mutex_unlock(&client->lock);
}
