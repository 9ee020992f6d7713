/* answer_web.h: replies as HTTP has them: a status, and data or an error as JSON. Thread: the
 * lane's, but for dr_web_result. */
#ifndef DR_SERVER_ANSWER_WEB_H
#define DR_SERVER_ANSWER_WEB_H

#include "server/call/responder.h"

/* dr_web_result appends what /call answers to a reply's body: the handler's data, or the error; as
 * JSON of at most `bytes_max` bytes. `*status` is what a handler's error is to have (0: by its
 * code), then what the answer has. Thread: any. Errors: DORA_ENOMEM. */
dora_err dr_web_result(dora_slice body, size_t bytes_max, dr_buf *out, unsigned *status);

/* dr_web_answer sends JSON. Ownership: takes the bytes of `text`. */
void dr_web_answer(const dr_web *web, unsigned status, dr_buf *text);

/* dr_web_refuse answers {"error": {"code", "msg"}}. */
void dr_web_refuse(const dr_web *web, unsigned status, int64_t code, const char *msg);

#endif
