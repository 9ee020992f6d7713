/* answer.h: a reply in the words of whoever asked: a frame, JSON, a bare frame, HTTP. Thread: the
 * lane's. */
#ifndef DR_SERVER_ANSWER_H
#define DR_SERVER_ANSWER_H

#include "server/call/responder.h"

/* dr_answer is a reply under way: its body, in the inner encoding, is appended to `out`,
 * where it begins at `body`. */
typedef struct dr_answer {
    dr_buf *out;
    size_t body;
    size_t mark;
    const char *guid;
    bool is_part;         /* more comes behind it: set before dr_answer_end, as the next */
    uint16_t http_status; /* of a handler's error, 0: by its code */
} dr_answer;

/* dr_answer_begin opens a reply of about `bytes`, dr_answer_end sends it. No other reply on the
 * lane may be begun in between. Between them the bytes from `body` on may be read: they are the
 * reply's, whoever asked. Over HTTP nobody is left when it is sent; the responder must not be used
 * any more. Returns: false where there is nobody to answer, or no longer. Errors of end:
 * DORA_ETOOBIG, nothing was sent: answer with less; DORA_EPROTO of a part, which has no form for
 * whoever asked: nothing was sent; DORA_ENOMEM. */
bool dr_answer_begin(const dr_responder *responder, const char *guid, size_t bytes,
                     dr_answer *answer);
dora_err dr_answer_end(const dr_responder *responder, const dr_answer *answer);

/* dr_answer_stays says whether a reply that was sent still stands at `body`, as it was written,
 * until the lane's next turn. */
bool dr_answer_stays(const dr_responder *responder);

/* dr_answer_fail gives an answer up that cannot be written, and its connection with it;
 * dr_answer_cut does so where the call goes on: nobody waits for it any more. */
void dr_answer_fail(const dr_responder *responder);
void dr_answer_cut(const dr_responder *responder);

#endif
