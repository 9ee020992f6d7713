/* client.c: making a client, and the calls that people make. */
#include "client/blocking/client.h"

#include <unistd.h>

#include <dora/client.h>

#include "base/mem.h"
#include "client/balance/node_parse.h"
#include "client/blocking/attempt.h"
#include "client/blocking/perform.h"
#include "client/blocking/prepare.h"
#include "client/blocking/registry_poll.h"
#include "client/blocking/share.h"
#include "client/blocking/stream.h"
#include "client/shared/options.h"

static dora_err no_memory(dora_error *error)
{
    return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
}

/* The child has its own connections and nothing outstanding. What the parent's threads hold is left
 * to them: here they are not. */
static void on_child(void *user)
{
    dora_client *client = user;
    client->forks++;
    dr_pending_clear(&client->pending);
    dr_conn_pool_forget(&client->conn_pool);
    dr_random_reset(&client->random);
    for (size_t i = 0; i < client->nodes.count; i++) {
        client->nodes.items[i].in_flight = 0;
    }
    for (dr_share *share = client->shares; share != NULL; share = share->next) {
        if (share->event_fd >= 0) {
            close(share->event_fd);
        }
    }
    client->shares = NULL;
    if (client->source != NULL) {
        dr_registry_poll_forget(client->source);
    }
}

static dora_err client_init(dora_client *client, const dora_client_options *options,
                            dora_error *error)
{
    dora_client_options room;
    dora_err err = dr_client_options_take(&options, &room, error);
    if (err == DORA_OK) {
        err = dr_settings_read(&client->settings, &client->nodes, options, error);
    }
    if (err == DORA_OK) {
        err = dr_client_tls_init(&client->tls, options, &client->nodes, error);
    }
    if (err != DORA_OK) {
        return err;
    }
    if (client->nodes.is_watched) {
        err = dr_registry_poll_new(&client->source, options, error);
        if (err != DORA_OK) {
            return err;
        }
    }
    err = dr_conn_pool_grow(&client->conn_pool, client->nodes.count);
    client->watch = (dr_fork_watch){.lock = &client->lock, .on_child = on_child, .user = client};
    if (err == DORA_OK) {
        err = dr_fork_watch_add(&client->watch);
    }
    return err == DORA_OK ? DORA_OK : no_memory(error);
}

static void client_destroy(dora_client *client)
{
    dr_registry_poll_free(client->source);
    dr_pending_fini(&client->pending);
    dr_conn_pool_fini(&client->conn_pool);
    dr_client_tls_fini(&client->tls);
    dr_nodes_fini(&client->nodes);
    pthread_mutex_destroy(&client->lock);
    dr_settings_fini(&client->settings);
    dr_free(client);
}

dora_err dora_client_new(dora_client **client, const dora_client_options *options,
                         dora_error *error)
{
    *client = NULL;
    dora_client *made = dr_calloc(1, sizeof *made);
    if (made == NULL) {
        return no_memory(error);
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
    dr_client_cut_streams(client);
    dr_fork_watch_remove(&client->watch);
    client_destroy(client);
}

dora_err dora_client_check_group(const dora_client *client, const char *group, dora_error *error)
{
    size_t found;
    return client->source != NULL ? DORA_OK : dr_nodes_group(&client->nodes, group, &found, error);
}

/* Runs a call whose apis are made. */
static dora_err run(dora_client *client, dr_call_type type, size_t count, dora_answer *made,
                    dr_submission *submission, const dora_call_options *options,
                    dora_answer *answer, dora_error *error)
{
    dora_call_options taken;
    dora_err err = dr_call_options_take(&options, &taken, error);
    if (err != DORA_OK) {
        return err;
    }
    dr_attempt a = {
        .client = client,
        .options = options,
        .request = {.type = type, .api_count = count},
        .apis = made->apis,
        .answer = answer,
        .submission = submission,
    };
    char room[DR_TRACE_BYTES_MAX];
    err = dr_prepare(&a, room, error);
    return err == DORA_OK ? dr_perform(&a, error) : err;
}

static dora_err call_one(dora_client *client, dr_call_type type, const dora_call *call,
                         const dora_call_options *options, dora_answer *answer, dora_error *error)
{
    dora_err err = dr_answer_begin_one(answer, call, error);
    return err == DORA_OK ? run(client, type, 1, answer, NULL, options, answer, error) : err;
}

static dora_err call_many(dora_client *client, dr_call_type type, const dora_call *calls,
                          size_t count, const dora_call_options *options, dora_answer *answer,
                          dora_error *error)
{
    dora_err err = dr_answer_begin_many(answer, calls, count, error);
    return err == DORA_OK ? run(client, type, count, answer, NULL, options, answer, error) : err;
}

/* The submission's own answer waits for the result; the caller's has guid and acceptance. */
static dora_err submit(dora_client *client, dr_call_type type, const dora_call *calls, size_t count,
                       const dora_call_options *options, dora_answer *answer, dora_error *error)
{
    dr_answer_clear(answer);
    dr_submission *submission = dr_submission_new(type == DR_TYPE_AM_M);
    if (submission == NULL) {
        return no_memory(error);
    }
    dora_answer *made = submission->answer;
    submission->api_count = count;
    dora_err err = submission->is_many ? dr_answer_begin_many(made, calls, count, error)
                                       : dr_answer_begin_one(made, calls, error);
    if (err == DORA_OK) {
        err = run(client, type, count, made, submission, options, answer, error);
    }
    if (err != DORA_OK) {
        pthread_mutex_lock(&client->lock);
        if (submission->is_known) {
            dr_pending_remove(&client->pending, submission);
        }
        pthread_mutex_unlock(&client->lock);
        dr_submission_free(submission);
    }
    return err;
}

dora_err dora_client_call(dora_client *client, const dora_call *call,
                          const dora_call_options *options, dora_answer *answer, dora_error *error)
{
    return call_one(client, DR_TYPE_W_S, call, options, answer, error);
}

dora_err dora_client_call_many(dora_client *client, const dora_call *calls, size_t count,
                               const dora_call_options *options, dora_answer *answer,
                               dora_error *error)
{
    return call_many(client, DR_TYPE_W_M, calls, count, options, answer, error);
}

dora_err dora_client_send(dora_client *client, const dora_call *call,
                          const dora_call_options *options, dora_answer *answer, dora_error *error)
{
    return call_one(client, DR_TYPE_AN_S, call, options, answer, error);
}

dora_err dora_client_send_many(dora_client *client, const dora_call *calls, size_t count,
                               const dora_call_options *options, dora_answer *answer,
                               dora_error *error)
{
    return call_many(client, DR_TYPE_AN_M, calls, count, options, answer, error);
}

dora_err dora_client_submit(dora_client *client, const dora_call *call,
                            const dora_call_options *options, dora_answer *answer,
                            dora_error *error)
{
    return submit(client, DR_TYPE_AM_S, call, 1, options, answer, error);
}

dora_err dora_client_submit_many(dora_client *client, const dora_call *calls, size_t count,
                                 const dora_call_options *options, dora_answer *answer,
                                 dora_error *error)
{
    return submit(client, DR_TYPE_AM_M, calls, count, options, answer, error);
}

dora_err dora_client_control(dora_client *client, const char *command,
                             const dora_call_options *options, dora_answer *answer,
                             dora_error *error)
{
    return dr_client_command(client, command, (dora_slice){NULL, 0}, options, answer, error);
}

dora_err dr_client_command(dora_client *client, const char *command, dora_slice param,
                           const dora_call_options *options, dora_answer *answer, dora_error *error)
{
    dora_err err = dr_answer_begin_command(answer, command, param, error);
    return err == DORA_OK ? run(client, DR_TYPE_SC, 1, answer, NULL, options, answer, error) : err;
}
