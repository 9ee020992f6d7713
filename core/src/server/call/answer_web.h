/* answer_web.h: replies as HTTP has them: a status, and data or an error as JSON. Thread: the
 * lane's, but for dr_web_result. */
#ifndef DR_SERVER_ANSWER_WEB_H
#define DR_SERVER_ANSWER_WEB_H

#include "server/call/responder.h"

/* dr_web_result appends what /call answers to a reply's body: the handler's data, or the error; as
 * JSON of at most `bytes_max` bytes. `*status` is what a handler's error is to have (0: by its
 * code), then what the answer has; `*retry_after_ms` is when it is worth to ask again, 0: nothing
 * is known. Thread: any. Errors: DORA_ENOMEM. */
dora_err dr_web_result(dora_slice body, size_t bytes_max, dr_buf *out, unsigned *status,
                       uint32_t *retry_after_ms);

/* dr_web_answer sends JSON, with 429 and 503 also Retry-After: `retry_after_ms`, in seconds. Where
 * that is 0 it is a second. Ownership: takes the bytes of `text`. */
void dr_web_answer(const dr_web *web, unsigned status, uint32_t retry_after_ms, dr_buf *text);

/* dr_web_refuse answers {"error": {"code", "msg"}}, dr_web_refuse_later with "retry_after_ms" in
 * it, too. */
void dr_web_refuse(const dr_web *web, unsigned status, int64_t code, const char *msg);
void dr_web_refuse_later(const dr_web *web, unsigned status, int64_t code, const char *msg,
                         uint32_t retry_after_ms);

#endif
