/* tries.c: all tries at one call: what may be sent again, where, and in what time. */
#include "client/attempt.h"

#include "base/clock.h"

typedef enum outcome {
    ANSWERED,
    NOT_RUN, /* certainly: it may be sent to another node */
    UNKNOWN, /* it may have run: sent again only where the caller wants that */
    FAILED   /* and will again */
} outcome;

static outcome outcome_of(const dr_attempt *a, dora_err err)
{
    switch (err) {
    case DORA_OK:
        return a->incoming.reply.code == DORA_CODE_STOPPING || a->is_overloaded ? NOT_RUN
                                                                                : ANSWERED;
    case DORA_ECONNECT:
        return NOT_RUN;
    case DORA_ECLOSED:
    case DORA_EIO:
        return a->is_unsent ? NOT_RUN : UNKNOWN;
    case DORA_ETIMEDOUT:
        return UNKNOWN;
    default:
        return FAILED;
    }
}

static size_t others(dr_attempt *a, bool is_usable)
{
    uint64_t now_ms = dr_clock_ms();
    if (a->options->node != NULL) {
        return 0;
    }
    pthread_mutex_lock(&a->client->lock);
    size_t count = dr_nodes_untried(&a->client->nodes, a->group, &a->tried, now_ms, is_usable);
    pthread_mutex_unlock(&a->client->lock);
    return count;
}

/* After a try that certainly did not run. Returns: whether there is another place to try. */
static bool go_elsewhere(dr_attempt *a)
{
    if (a->is_reused && !a->is_overloaded) {
        a->is_same = true; /* a new server may listen there by now */
        return true;
    }
    dr_tried_add(&a->tried, a->node);
    if (a->is_overloaded && a->incoming.reply.code == DORA_CODE_OK) {
        /* One handler's envelope says so. Its reply is good, so only one other node is asked. */
        bool is_first = !a->was_overloaded;
        a->was_overloaded = true;
        return is_first && others(a, true) > 0;
    }
    return others(a, false) > 0;
}

/* After a try that may have run: the same node first, since it may know a repeat by its guid. */
static bool repeat(dr_attempt *a)
{
    if (a->retries_left == 0) {
        return false;
    }
    a->retries_left--;
    if (a->request.attempt < 0) {
        a->request.attempt = 1;
        a->is_same = true;
        return true;
    }
    a->request.attempt++;
    dr_tried_add(&a->tried, a->node);
    if (others(a, false) == 0) {
        a->tried = (dr_tried){{0}};
    }
    return true;
}

static bool may_try_again(dr_attempt *a, outcome last)
{
    a->is_same = false;
    if ((last != NOT_RUN && last != UNKNOWN) || dr_clock_ns() >= a->deadline_ns ||
        a->client->forks != a->forks) {
        return false;
    }
    return last == NOT_RUN ? go_elsewhere(a) : repeat(a);
}

/* The time of this try: what is left, divided among the tries that are left. */
static void divide_time(dr_attempt *a)
{
    uint32_t tries = a->retries_left < UINT32_MAX ? a->retries_left + 1 : UINT32_MAX;
    uint64_t now_ns = tries > 1 ? dr_clock_ns() : a->deadline_ns;
    a->wait.deadline_ns = a->deadline_ns;
    a->wait.usual_ms = a->timeout_ms / tries + (a->timeout_ms % tries != 0 ? 1 : 0);
    if (now_ns < a->deadline_ns) {
        a->wait.deadline_ns = now_ns + (a->deadline_ns - now_ns) / tries;
    }
}

/* What the last reply means to the caller. */
static dora_err verdict(const dr_attempt *a, dora_error *error)
{
    const dr_reply_message *reply = &a->incoming.reply;
    if (dr_attempt_is_expected(a)) {
        return DORA_OK;
    }
    if (reply->code == DORA_CODE_OK || reply->code == DORA_CODE_ACCEPTED) {
        dora_error_set(error, DORA_EPROTO, "the reply is no answer to the call: its code is %lld",
                       (long long)reply->code);
        if (error != NULL) {
            error->code = DORA_CODE_RECEIVE;
        }
        return DORA_EPROTO;
    }
    return dr_answer_refused(reply, error);
}

/* The first try that may have run. No later one can say that the call was not run. */
typedef struct doubt {
    dora_err err; /* DORA_OK: there was none */
    dora_error error;
} doubt;

/* Makes what the last try said agree with the doubt. */
static dora_err with_doubt(dr_attempt *a, const doubt *first, dora_err err, outcome last,
                           dora_error *error)
{
    bool is_refused = err == DORA_EREPLY && dora_code_is_not_run(a->incoming.reply.code);
    if (first->err == DORA_OK) {
        return err;
    }
    if (err == DORA_OK) {
        dr_answer_doubt(a->answer);
        return err;
    }
    if (last != NOT_RUN && !is_refused) {
        return err;
    }
    if (error != NULL) {
        *error = first->error;
    }
    return first->err;
}

dora_err dr_tries_run(dr_attempt *a, dora_error *error)
{
    doubt first;
    dora_err err = DORA_OK;
    outcome last = FAILED;
    first.err = DORA_OK; /* `error` is only read where this is not */
    do {
        bool is_over = false;
        divide_time(a);
        dora_err next = dr_attempt_run(a, &is_over, error);
        if (is_over) {
            break; /* the last one's outcome stands */
        }
        err = next;
        last = outcome_of(a, err);
        if (last == UNKNOWN && first.err == DORA_OK && a->retries_left > 0) {
            first.err = err;
            if (error != NULL) {
                first.error = *error;
            }
        }
    } while (may_try_again(a, last));
    if (err == DORA_OK) {
        err = verdict(a, error);
    }
    err = with_doubt(a, &first, err, last, error);
    a->answer->count = err == DORA_OK ? a->answer->count : 0;
    return err;
}
