/* pending.c: submissions whose results are to come, found by guid. No descriptor, no clock. */
#include "client/blocking/pending.h"

#include <string.h>

#include "base/mem.h"

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

dora_err dr_pending_add(dr_pending *pending, dr_submission *submission)
{
    if (pending->table.count >= DR_PENDING_MAX) {
        return DORA_EFULL;
    }
    submission->entry.guid = submission->answer->guid;
    if (dr_guid_table_add(&pending->table, &submission->entry) != DORA_OK) {
        return DORA_ENOMEM;
    }
    submission->next = NULL;
    submission->before = pending->last;
    if (pending->last != NULL) {
        pending->last->next = submission;
    } else {
        pending->first = submission;
    }
    pending->last = submission;
    submission->is_known = true;
    return DORA_OK;
}

void dr_pending_remove(dr_pending *pending, dr_submission *submission)
{
    dr_guid_table_remove(&pending->table, &submission->entry);
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
    return (dr_submission *)dr_guid_table_find(&pending->table, guid);
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
    dr_guid_table_fini(&pending->table);
    *pending = (dr_pending){0};
}
