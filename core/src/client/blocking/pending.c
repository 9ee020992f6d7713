/* pending.c: submissions whose results are to come, found by guid. No descriptor, no clock. */
#include "client/blocking/pending.h"

#include <string.h>

#include "base/mem.h"

#define BUCKETS_MIN 64u

const dora_error dr_pending_lost = {
    .err = DORA_ECLOSED,
    .code = DORA_CODE_RESULT_LOST,
    .msg = "the connection broke before the result came; it may have run",
};
const dora_error dr_pending_late = {
    .err = DORA_ETIMEDOUT,
    .code = DORA_CODE_RECEIVE,
    .msg = "the result did not come in time; it may have run",
};
const dora_error dr_pending_patient = {
    .err = DORA_ETIMEDOUT,
    .code = DORA_CODE_RECEIVE,
    .msg = "the result did not come in time; it is still outstanding",
};
const dora_error dr_pending_gone = {
    .err = DORA_ECLOSED,
    .code = DORA_CODE_RESULT_LOST,
    .msg = "no such result is outstanding: it was given already, or this client did not submit it",
};
const dora_error dr_pending_taken = {
    .err = DORA_ECLOSED,
    .code = DORA_CODE_RESULT_LOST,
    .msg = "another thread awaits this result, and gets it",
};
static const dora_error no_memory = {.err = DORA_ENOMEM, .msg = "out of memory"};

dr_submission *dr_submission_new(bool is_many)
{
    dr_submission *submission = dr_calloc(1, sizeof *submission);
    if (submission == NULL) {
        return NULL;
    }
    submission->is_many = is_many;
    submission->answer = dora_answer_new();
    if (submission->answer == NULL) {
        dr_free(submission);
        return NULL;
    }
    return submission;
}

void dr_submission_free(dr_submission *submission)
{
    if (submission == NULL) {
        return;
    }
    dora_answer_free(submission->answer);
    dr_free(submission->own);
    dr_free(submission);
}

/* Guids are random: any of their bytes do. */
static size_t bucket_of(const dr_pending *pending, const char *guid)
{
    uint64_t bits;
    memcpy(&bits, guid, sizeof bits);
    bits *= 0x9e3779b97f4a7c15u;
    return (size_t)(bits >> 32) & (pending->bucket_count - 1);
}

static void link_to_bucket(dr_pending *pending, dr_submission *submission)
{
    dr_submission **bucket = &pending->buckets[bucket_of(pending, submission->answer->guid)];
    submission->next_same = *bucket;
    *bucket = submission;
}

static dora_err grow(dr_pending *pending)
{
    size_t count = pending->bucket_count > 0 ? pending->bucket_count * 2 : BUCKETS_MIN;
    dr_submission **buckets = dr_calloc(count, sizeof(dr_submission *));
    if (buckets == NULL) {
        return DORA_ENOMEM;
    }
    dr_free(pending->buckets);
    pending->buckets = buckets;
    pending->bucket_count = count;
    for (dr_submission *at = pending->first; at != NULL; at = at->next) {
        link_to_bucket(pending, at);
    }
    return DORA_OK;
}

dora_err dr_pending_add(dr_pending *pending, dr_submission *submission)
{
    if (pending->count >= DR_PENDING_MAX) {
        return DORA_EFULL;
    }
    if (pending->count >= pending->bucket_count && grow(pending) != DORA_OK) {
        return DORA_ENOMEM;
    }
    link_to_bucket(pending, submission);
    submission->next = NULL;
    submission->before = pending->last;
    if (pending->last != NULL) {
        pending->last->next = submission;
    } else {
        pending->first = submission;
    }
    pending->last = submission;
    submission->is_known = true;
    pending->count++;
    return DORA_OK;
}

void dr_pending_remove(dr_pending *pending, dr_submission *submission)
{
    dr_submission **link = &pending->buckets[bucket_of(pending, submission->answer->guid)];
    while (*link != submission) {
        link = &(*link)->next_same;
    }
    *link = submission->next_same;
    if (submission->before != NULL) {
        submission->before->next = submission->next;
    } else {
        pending->first = submission->next;
    }
    if (submission->next != NULL) {
        submission->next->before = submission->before;
    } else {
        pending->last = submission->before;
    }
    if (submission->peer != NULL) {
        submission->peer->pending--;
        submission->peer = NULL;
    }
    submission->is_known = false;
    pending->accepted -= submission->is_accepted ? 1 : 0;
    pending->count--;
}

void dr_pending_accept(dr_pending *pending, dr_submission *submission, dr_pooled_conn *peer)
{
    submission->is_accepted = true;
    pending->accepted++;
    if (!submission->is_done) {
        submission->peer = peer;
        peer->pending++;
    }
}

dr_submission *dr_pending_find(const dr_pending *pending, const char *guid)
{
    if (pending->bucket_count == 0) {
        return NULL;
    }
    dr_submission *at = pending->buckets[bucket_of(pending, guid)];
    while (at != NULL && memcmp(at->answer->guid, guid, DR_GUID_LEN) != 0) {
        at = at->next_same;
    }
    return at;
}

static void done(dr_submission *submission, dora_err err, const dora_error *error)
{
    submission->is_done = true;
    submission->err = err;
    submission->error = error;
    if (submission->peer != NULL) {
        submission->peer->pending--;
        submission->peer = NULL;
    }
}

void dr_pending_fail(dr_submission *submission, const dora_error *error)
{
    done(submission, error->err, error);
}

/* What the reply says, in the submission's answer or in `error`. */
static dora_err read_result(dr_submission *submission, dora_slice body, dora_error *error)
{
    dr_reply_message reply;
    dora_answer *answer = submission->answer;
    dora_err err = dr_answer_keep(answer, body, &reply);
    if (err != DORA_OK) {
        return dora_error_set(error, err, "%s", dora_err_text(err));
    }
    if (reply.code != DORA_CODE_OK) {
        return dr_answer_refused(&reply, error);
    }
    return submission->is_many ? dr_answer_finish_many(answer, submission->api_count, &reply, error)
                               : dr_answer_finish_one(answer, &reply, error);
}

void dr_pending_finish(dr_submission *submission, const dr_incoming *incoming, bool came_early)
{
    dora_error error;
    submission->came_early = came_early;
    dora_err err = read_result(submission, incoming->body, &error);
    if (err == DORA_OK) {
        done(submission, DORA_OK, NULL);
        return;
    }
    submission->own = err != DORA_ENOMEM ? dr_alloc(sizeof *submission->own) : NULL;
    if (submission->own == NULL) {
        done(submission, DORA_ENOMEM, &no_memory);
        return;
    }
    *submission->own = error;
    done(submission, err, submission->own);
}

void dr_pending_lose(dr_pending *pending, dr_pooled_conn *peer)
{
    for (dr_submission *at = pending->first; at != NULL && peer->pending > 0; at = at->next) {
        if (at->peer == peer) {
            dr_pending_fail(at, &dr_pending_lost);
        }
    }
}

void dr_pending_clear(dr_pending *pending)
{
    dr_submission *next = NULL;
    for (dr_submission *at = pending->first; at != NULL; at = next) {
        next = at->next;
        if (at->is_accepted) {
            dr_pending_remove(pending, at);
            dr_submission_free(at);
        }
    }
}

void dr_pending_fini(dr_pending *pending)
{
    dr_pending_clear(pending);
    dr_free(pending->buckets);
    *pending = (dr_pending){0};
}
