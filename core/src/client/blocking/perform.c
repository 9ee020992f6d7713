/* perform.c: a blocking call: try after try, until there is an answer or no other place. */
#include "client/blocking/perform.h"

#include "client/blocking/attempt.h"
#include "client/blocking/await_server.h"

#include "base/clock.h"

/* Sets the time of the next try. The clock is only looked at where time is to be divided. */
static void divide_time(dr_attempt *a)
{
    const dr_tries *tries = &a->tries;
    a->wait.usual_ms = dr_tries_usual_ms(tries);
    a->wait.deadline_ns =
        tries->retries_left > 0 ? dr_tries_until_ns(tries, dr_clock_ns()) : tries->deadline_ns;
}

static bool may_try_again(dr_attempt *a)
{
    dora_client *client = a->client;
    dr_try_outcome last = dr_tries_outcome(&a->made);
    if ((last != DR_NOT_RUN && last != DR_UNKNOWN) || client->forks != a->forks) {
        return false;
    }
    uint64_t now_ns = dr_clock_ns();
    pthread_mutex_lock(&client->lock);
    bool is_again = dr_tries_again(&a->tries, &a->made, &client->nodes, now_ns);
    pthread_mutex_unlock(&client->lock);
    return is_again;
}

dora_err dr_perform(dr_attempt *a, dora_error *error)
{
    dora_error maybe_ran;       /* read only where a try has filled it */
    dora_err err = DORA_EAGAIN; /* until a try has ended */
    for (;;) {
        bool is_over = false;
        divide_time(a);
        dora_err next = dr_attempt_run(a, &is_over, error);
        if (!is_over) {
            err = next;
        } else if (err == DORA_EAGAIN) { /* else the last one's outcome stands */
            err = dr_tries_nowhere(error, "the group has no server");
        }
        if (dr_tries_note(&a->tries, &a->made) && error != NULL) {
            maybe_ran = *error;
        }
        if (!is_over && may_try_again(a)) {
            continue;
        }
        next = dr_await_server(a, error);
        if (next != DORA_OK) {
            err = next == DORA_EAGAIN ? err : next;
            break;
        }
    }
    if (a->is_open) { /* a stream, which goes on */
        return err;
    }
    if (err == DORA_OK) {
        err = dr_answer_verdict(a->request.type, &a->incoming.reply, error);
    }
    if (dr_tries_maybe_ran(&a->tries, &a->made, err)) {
        err = a->tries.maybe_ran;
        if (error != NULL) {
            *error = maybe_ran;
        }
    } else if (err == DORA_OK && a->tries.maybe_ran != DORA_OK) {
        dr_answer_maybe_ran(a->answer);
    }
    a->answer->count = err == DORA_OK ? a->answer->count : 0;
    return err;
}
