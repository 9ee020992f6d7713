/* dedupe.h: calls that are sent again under the same guid. A repeat joins the call while that runs,
 * gets its reply when it has run, or hears that the reply is gone: it never runs twice. What is
 * remembered is in reply_cache.h. Thread: the lane's. */
#ifndef DR_SERVER_DEDUPE_H
#define DR_SERVER_DEDUPE_H

#include "server/call/call.h"

/* dr_dedupe_expect gives the digest by which a request will be looked for, and has fetched what is
 * read then. Returns: false when it is not looked for. */
bool dr_dedupe_expect(const dr_responder *responder, const dr_request *request, dr_digest *digest);

/* dr_dedupe_look says what is known of a call that has come; one that runs is joined by it.
 * dr_dedupe_begin does so too, and from then on remembers a call of which nothing is known, where
 * its pools dedupe: what becomes of it is told by dr_dedupe_end. dr_dedupe_answer ends a call that
 * is known, or leaves it waiting where it has joined; it is the caller's no longer. Where more is
 * held than may be, it ends the connection. Returns: whether a call that waits is still there. */
dr_reply_cache_known dr_dedupe_look(dr_call *call);
dr_reply_cache_known dr_dedupe_begin(dr_call *call);
bool dr_dedupe_answer(dr_call *call, dr_reply_cache_known known);

/* dr_dedupe_is_kept says whether the reply to a call is needed for those who ask again. */
static inline bool dr_dedupe_is_kept(const dr_call *call)
{
    return call->waiter.role == DR_REPLY_LEADER;
}

/* dr_dedupe_end tells what became of a call, its reply or none (data NULL), if it is remembered; a
 * call that is accepted and has no result ends with its acceptance. */
void dr_dedupe_end(dr_call *call, dora_slice reply);

/* dr_dedupe_has_run says whether any handler of a call that has ended may have run. */
bool dr_dedupe_has_run(const dr_call *call);

/* dr_dedupe_leave: whoever asked has gone, or cancels. Returns: whether the call was a repeat that
 * waited for another; it may be freed then. dr_dedupe_is_wanted says whether a call goes on all the
 * same: repeats wait for it, or it has begun, and is run to its end for the repeat that may come.
 */
bool dr_dedupe_leave(dr_call *call, bool cancels);
bool dr_dedupe_is_wanted(dr_call *call);

/* dr_dedupe_has_joined says whether a repeat has joined a call whose own responder goes. */
bool dr_dedupe_has_joined(dr_call *call);

/* dr_dedupe_only is for a server that takes no new calls. Returns: false, and nothing was done,
 * when the call is not known. */
bool dr_dedupe_only(const dr_responder *responder, const dr_request *request);

/* dr_dedupe_answers gives the calls of a lane that have joined others their replies. */
void dr_dedupe_answers(dr_lane *lane);

#endif
