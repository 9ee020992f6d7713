/* answer.h: the memory of one call: its request on the way out, its results on the way back. */
#ifndef DR_CLIENT_ANSWER_H
#define DR_CLIENT_ANSWER_H

#include <dora/client.h>

#include "base/buf.h"
#include "wire/message.h"

struct dora_answer {
    dr_buf body;          /* the reply that `results` points into */
    dr_buf keys;          /* the encoded keys that `apis` and `results` point into */
    dr_api *apis;         /* of the request */
    dora_result *results; /* in the order of the calls */
    size_t count;         /* of results that are there */
    size_t room;          /* of apis and results */
    dora_slice reply;     /* the whole reply, in body */
    char guid[DR_GUID_LEN + 1];
};

/* dr_answer_clear forgets what the last call left, but not the memory. */
void dr_answer_clear(dora_answer *answer);

/* dr_answer_begin_one and dr_answer_begin_many check the calls and make the request's apis of
 * them. Ownership: borrows what the calls point to until the request was encoded.
 * Errors: DORA_EINVAL (no call, a bad name, a repeated key, a parameter that is no encoded value),
 * DORA_ENOMEM. */
dora_err dr_answer_begin_one(dora_answer *answer, const dora_call *call, dora_error *error);
dora_err dr_answer_begin_many(dora_answer *answer, const dora_call *calls, size_t count,
                              dora_error *error);

/* dr_answer_begin_command makes the one api of a control command (SC); `param` is an encoded value,
 * or empty. Errors: as above. */
dora_err dr_answer_begin_command(dora_answer *answer, const char *command, dora_slice param,
                                 dora_error *error);

/* dr_answer_borrow makes an answer ready for the reply to a request that was made elsewhere: its
 * guid and apis. Ownership: borrows the apis' keys for as long as the results are looked at.
 * Errors: DORA_ENOMEM. */
dora_err dr_answer_borrow(dora_answer *answer, const char *guid, const dr_api *apis, size_t count);

/* dr_answer_keep copies a reply that is in other memory, so that it can be finished.
 * Errors: DORA_ENOMEM. */
dora_err dr_answer_keep(dora_answer *answer, dora_slice body, dr_reply_message *reply);

/* dr_answer_finish_one and dr_answer_finish_many fill the results from a reply whose memory is in
 * answer->body already. Errors: DORA_EPROTO (code 100009): not what a server answers. */
dora_err dr_answer_finish_one(dora_answer *answer, const dr_reply_message *reply,
                              dora_error *error);
dora_err dr_answer_finish_many(dora_answer *answer, size_t count, const dr_reply_message *reply,
                               dora_error *error);

/* dr_answer_is_expected says whether a reply's code is the one that this type of call wants.
 * dr_answer_read fills the results of such a reply, whose memory is in answer->body already or is
 * borrowed for the answer's life; for other types there are none. Errors: as dr_answer_finish_one.
 * dr_answer_verdict is what the code of a reply means to the caller: DORA_OK, DORA_EREPLY, or
 * DORA_EPROTO where it is no answer to such a call. */
bool dr_answer_is_expected(dr_call_type type, const dr_reply_message *reply);
dora_err dr_answer_read(dora_answer *answer, dr_call_type type, size_t count,
                        const dr_reply_message *reply, dora_error *error);
dora_err dr_answer_verdict(dr_call_type type, const dr_reply_message *reply, dora_error *error);

/* dr_answer_stream_verdict is what the result of a stream, which was read, means to the caller. A
 * handler cannot give these two codes itself: DORA_ETIMEDOUT (code 100009), where the server found
 * before the client that the caller's time is over, DORA_EREPLY (100012), where parts were lost. */
dora_err dr_answer_stream_verdict(const dora_answer *answer, dora_error *error);

/* dr_answer_is_overloaded says whether a reply that was read says no for want of room, and in
 * `*retry_after_ms` when to ask again, 0: it does not say so. */
bool dr_answer_is_overloaded(const dora_answer *answer, dr_call_type type,
                             const dr_reply_message *reply, uint32_t *retry_after_ms);

/* dr_answer_refused makes an error of a reply that says no. Returns: DORA_EREPLY. */
dora_err dr_answer_refused(const dr_reply_message *reply, dora_error *error);

/* dr_answer_maybe_ran is for the results of a repeat, when an earlier try may have run: those that
 * say "not run" become 100009. */
void dr_answer_maybe_ran(dora_answer *answer);

#endif
