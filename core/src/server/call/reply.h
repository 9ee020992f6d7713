/* reply.h: what is answered. The connection may be closed by each. Thread: the lane's. */
#ifndef DR_SERVER_REPLY_H
#define DR_SERVER_REPLY_H

#include "server/call/call.h"

/* dr_reply_whole answers a whole request; `data` is one encoded value, empty for the empty array.
 * dr_reply_code does so with a code and its text, NULL for the usual one; dr_reply_no_room with
 * 100203, and when to ask again; dr_reply_refused with what `error` says; dr_reply_body with a body
 * that was written before, and the status that its handler's error has over HTTP (0: by its code).
 */
void dr_reply_whole(const dr_responder *responder, const char *guid, int64_t code, dora_slice msg,
                    dora_slice data);
void dr_reply_code(const dr_responder *responder, const char *guid, int64_t code, const char *text);
void dr_reply_no_room(const dr_responder *responder, const char *guid, const char *text,
                      uint32_t retry_after_ms);
void dr_reply_refused(const dr_responder *responder, const char *guid, const dora_error *error);
void dr_reply_body(const dr_responder *responder, const char *guid, dora_slice body,
                   uint16_t http_status);

/* dr_reply_call writes the results of a call, when somebody waits for them, or they are kept;
 * dr_reply_early answers who asked for it with what there is, and a code for the rest of it, which
 * goes on. */
void dr_reply_call(dr_call *call);
void dr_reply_early(const dr_responder *responder, dr_call *call, int64_t code, const char *text);

/* dr_reply_part sends a part of a stream, dr_reply_progress its progress: a note, and a list of two
 * numbers, which is left out where it cannot be sent. Returns: 0; the code that the stream ends
 * with where the part is more than may be sent, or has no form for whoever asked: nothing was sent.
 */
int64_t dr_reply_part(dr_call *call, uint64_t part, dora_slice data);
void dr_reply_progress(dr_call *call, dora_slice note, dora_slice data);

#endif
