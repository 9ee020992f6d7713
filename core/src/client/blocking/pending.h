/* pending.h: submissions whose results are to come, found by guid. */
#ifndef DR_CLIENT_PENDING_H
#define DR_CLIENT_PENDING_H

#include "base/guid_table.h"
#include "client/blocking/conn_pool.h"
#include "client/shared/answer.h"

#define DR_PENDING_MAX 65536u /* of one client: each may hold a result of a whole frame */

struct dr_share;

/* dr_submission is one call whose result comes later. */
typedef struct dr_submission {
    dr_guid_entry entry;
    dora_answer *answer; /* has the guid, the keys, and then the result */
    size_t api_count;
    bool is_many;
    bool is_known;    /* it is in a table */
    bool is_accepted; /* else it still belongs to the call that submits it */
    bool is_done;     /* `err` and `answer` say how it ended */
    bool came_early;
    dora_err err;
    const dora_error *error;    /* NULL, `own`, or one for all of its kind */
    dora_error *own;            /* NULL where a reply did not bring one */
    dr_pooled_conn *peer;       /* its result comes on this; NULL when done */
    struct dr_share *share;     /* of the collect that waits for it; NULL: none does */
    struct dr_submission *next; /* in the order of submission */
    struct dr_submission *before;
} dr_submission;

/* dr_pending is a table of submissions; zeroed memory is empty. Thread: the client's lock. */
typedef struct dr_pending {
    dr_guid_table table;
    dr_submission *first;
    dr_submission *last;
    size_t accepted; /* of them: outstanding, or done and not collected */
} dr_pending;

/* dr_submission_new makes one that is in no table; dr_submission_free frees it (NULL is fine).
 * Returns: NULL when out of memory. */
dr_submission *dr_submission_new(bool is_many);
void dr_submission_free(dr_submission *submission);

/* dr_pending_add takes it in by its answer's guid. Errors: DORA_EFULL, DORA_ENOMEM.
 * Ownership: takes on success. dr_pending_remove gives it back. */
dora_err dr_pending_add(dr_pending *pending, dr_submission *submission);
void dr_pending_remove(dr_pending *pending, dr_submission *submission);

/* dr_pending_accept says that the server has it: its result comes on `peer`, unless it is there
 * already. */
void dr_pending_accept(dr_pending *pending, dr_submission *submission, dr_pooled_conn *peer);

/* dr_pending_find gives the submission of a guid (DR_GUID_LEN bytes), or NULL. */
dr_submission *dr_pending_find(const dr_pending *pending, const char *guid);

/* dr_pending_finish puts the result of a frame into a submission. Where that does not go, the
 * submission's error says why. dr_pending_fail ends one with an error that lives for ever. */
void dr_pending_finish(dr_submission *submission, const dr_incoming *incoming, bool came_early);
void dr_pending_fail(dr_submission *submission, const dora_error *error);

/* dr_pending_lost and dr_pending_late are those errors: the connection broke; the time is over.
 * The others are said of a guid: its result is waited for again later; there is none; it is another
 * thread's. */
extern const dora_error dr_pending_lost;
extern const dora_error dr_pending_late;
extern const dora_error dr_pending_patient;
extern const dora_error dr_pending_gone;
extern const dora_error dr_pending_taken;

/* dr_pending_lose ends all whose results were to come on `peer`, which broke. */
void dr_pending_lose(dr_pending *pending, dr_pooled_conn *peer);

/* dr_pending_clear forgets all that were accepted. dr_pending_fini frees the table, which must be
 * empty otherwise. */
void dr_pending_clear(dr_pending *pending);
void dr_pending_fini(dr_pending *pending);

#endif
