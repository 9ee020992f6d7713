/* await_server.c: a blocking call waits for a server to come back: pauses, then a look at who is
 * there. */
#include "client/blocking/await_server.h"

#include "base/clock.h"
#include "client/blocking/registry_poll.h"

/* Whether the call waits on, and until when it pauses. */
static bool plan_pause(dr_attempt *a, uint64_t *again_ns)
{
    dora_client *client = a->client;
    if (client->forks != a->forks) { /* in the child the call is over */
        return false;
    }
    uint64_t now_ns = dr_clock_ns();
    pthread_mutex_lock(&client->lock);
    bool is_waiting =
        dr_tries_wait(&a->tries, &a->made, now_ns, dr_random_next(&client->random), again_ns);
    pthread_mutex_unlock(&client->lock);
    return is_waiting;
}

/* Pauses, and has the registry looked at. Errors: DORA_ECONNECT where it still knows no server. */
static dora_err pause_once(dr_attempt *a, uint64_t again_ns, dora_error *error)
{
    dr_wait pause = a->wait;
    pause.deadline_ns = again_ns;
    dora_err err = dr_wait_pause(&pause, error);
    if (err == DORA_OK && a->client->source != NULL && !a->tries.is_named) {
        err = dr_registry_poll_again(a->client, &a->tries, a->options, error);
    }
    return err;
}

dora_err dr_await_server(dr_attempt *a, dora_error *error)
{
    uint64_t again_ns;
    dora_err err = DORA_EAGAIN;
    if (a->tries.wait_ms == 0) {
        return err;
    }
    while ((err == DORA_EAGAIN || err == DORA_ECONNECT) && plan_pause(a, &again_ns)) {
        err = pause_once(a, again_ns, error);
    }
    if (err != DORA_OK && err != DORA_EAGAIN) {
        a->made = (dr_try){.err = err};
    }
    return err;
}

dora_err dr_await_first(dr_attempt *a, dora_error *error)
{
    a->forks = a->client->forks;
    a->made = (dr_try){.err = DORA_ECONNECT};
    dora_err err = dr_await_server(a, error);
    return err == DORA_EAGAIN ? DORA_ECONNECT : err;
}
