/* answer_web.c: replies as HTTP has them: a status, and data or an error as JSON. */
#include "server/call/answer_web.h"

#include <stdio.h>

#include "base/code.h"
#include "base/limits.h"
#include "base/slice.h"
#include "net/http_exchange.h"
#include "wire/json_value.h"
#include "wire/message.h"
#include "wire/retry_after.h"

static dora_err put_error(int64_t code, dora_slice msg, uint32_t retry_after_ms, dr_buf *out)
{
    dr_json_writer writer = dr_json_begin(out, 0);
    if (msg.len == 0) {
        const char *text = dora_code_text(code);
        msg = dr_slice(text);
    }
    dr_json_refusal(&writer, code, msg, retry_after_ms);
    return dr_json_finish(&writer);
}

/* status_of_result: a handler's error may have one of its own. A result that is too large is no
 * fault of whoever asked. */
static unsigned status_of_result(int64_t code, unsigned own)
{
    if (own >= DR_HANDLER_STATUS_MIN && own <= DR_HANDLER_STATUS_MAX) {
        return own;
    }
    return code == DORA_CODE_TOO_BIG ? 500 : dr_code_status(code);
}

static dora_err put_data(dora_slice value, size_t bytes_max, dr_buf *out, unsigned *status)
{
    const size_t start = out->len;
    dora_error why;
    dr_json_writer writer = dr_json_begin(out, 0);
    dora_err err = dr_json_data(&writer, value, &why);
    const dora_err written = dr_json_finish(&writer);
    err = err == DORA_OK ? written : err;
    if (err == DORA_ETYPE) {
        *status = 500;
        return put_error(DORA_CODE_HANDLER, dr_slice(why.msg), 0, out);
    }
    if (err == DORA_OK && out->len - start > bytes_max) {
        out->len = start;
        *status = 500;
        char text[96];
        (void)snprintf(text, sizeof(text),
                       "the result is larger than the limit of %zu bytes of JSON (frame_bytes_max)",
                       bytes_max);
        return put_error(DORA_CODE_TOO_BIG, dr_slice(text), 0, out);
    }
    *status = 200;
    return err;
}

/* retry_after_of is when to ask again, by a reply or an envelope that says no. */
static uint32_t retry_after_of(const dr_reply_message *reply)
{
    return reply->code == DORA_CODE_OVERLOADED ? dr_retry_after_of(reply->data) : 0;
}

dora_err dr_web_result(dora_slice body, size_t bytes_max, dr_buf *out, unsigned *status,
                       uint32_t *retry_after_ms)
{
    dr_reply_message reply;
    dr_reply_message result;
    dora_err err = dr_reply_decode(body, &reply, NULL);
    *retry_after_ms = 0;
    if (err == DORA_OK && reply.code != 0) {
        *status = dr_code_status(reply.code);
        *retry_after_ms = retry_after_of(&reply);
        return put_error(reply.code, reply.msg, *retry_after_ms, out);
    }
    err = err == DORA_OK ? dr_reply_decode(reply.data, &result, NULL) : err;
    if (err == DORA_OK && result.code != 0) {
        *status = status_of_result(result.code, *status);
        *retry_after_ms = retry_after_of(&result);
        return put_error(result.code, result.msg, *retry_after_ms, out);
    }
    return err == DORA_OK ? put_data(result.data, bytes_max, out, status) : err;
}

void dr_web_answer(const dr_web *web, unsigned status, uint32_t retry_after_ms, dr_buf *text)
{
    char seconds[16];
    const dr_http_extra later[] = {{"Retry-After", seconds}, {NULL, NULL}};
    static const dr_http_extra post[] = {{"Allow", "POST"}, {NULL, NULL}};
    static const dr_http_extra token[] = {{"WWW-Authenticate", "Bearer realm=\"dora\""},
                                          {NULL, NULL}};
    const bool is_later = status == 429 || status == 503;
    const dr_http_extra *extra = is_later ? later : status == 405 ? post : NULL;
    (void)snprintf(seconds, sizeof(seconds), "%u",
                   retry_after_ms > 1000 ? (retry_after_ms + 999) / 1000 : 1);
    if (web->wants_token && status == 403) {
        status = 401;
        extra = token;
    }
    dr_http_answer_buf(web->exchange, status, "application/json", text, extra);
}

void dr_web_refuse_later(const dr_web *web, unsigned status, int64_t code, const char *msg,
                         uint32_t retry_after_ms)
{
    dr_buf text = {0};
    /* Without memory the words are missing, the status stands. */
    (void)put_error(code, dr_slice(msg), retry_after_ms, &text);
    dr_web_answer(web, status, retry_after_ms, &text);
}

void dr_web_refuse(const dr_web *web, unsigned status, int64_t code, const char *msg)
{
    dr_web_refuse_later(web, status, code, msg, 0);
}
