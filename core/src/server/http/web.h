/* web.h: requests over HTTP: what they mean, and how they are answered. For the files of this step:
 * web.c (which door), web_call.c (/call), web_form.c (the original's endpoints) and web_result.c
 * (status and words). Thread: the lane's, but for dr_web_result. */
#ifndef DR_SERVER_WEB_H
#define DR_SERVER_WEB_H

#include "server/call/responder.h"

#define DR_CALL_FOLDER "/call"

/* dr_web_call runs one api: POST /call/NAME; the path must be DR_CALL_FOLDER or below it.
 * dr_web_form does what an endpoint of the original does; `path` has no slashes around it. Each
 * answers, now or later. */
void dr_web_call(dr_lane *lane, dr_web *web);
void dr_web_form(dr_lane *lane, dr_web *web, dora_slice path);

/* dr_web_result appends what /call answers to a reply's body: the handler's data, or the error; as
 * JSON of at most `bytes_max` bytes. Thread: any. Errors: DORA_ENOMEM. */
dora_err dr_web_result(dora_slice body, size_t bytes_max, dr_buf *out, unsigned *status);

/* dr_web_answer sends JSON. Ownership: takes the bytes of `text`. */
void dr_web_answer(const dr_web *web, unsigned status, dr_buf *text);

/* dr_web_refuse answers {"error": {"code", "msg"}}. */
void dr_web_refuse(const dr_web *web, unsigned status, int64_t code, const char *msg);

#endif
