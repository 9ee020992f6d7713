/* answer_web.c: replies as HTTP has them: a status, and data or an error as JSON. */
#include "server/call/answer_web.h"

#include <stdio.h>

#include "base/code.h"
#include "base/limits.h"
#include "base/slice.h"
#include "net/http_exchange.h"
#include "wire/json_value.h"
#include "wire/message.h"

static dora_err put_error(int64_t code, dora_slice msg, dr_buf *out)
{
    dr_json_writer writer = dr_json_begin(out, 0);
    if (msg.len == 0) {
        const char *text = dora_code_text(code);
        msg = dr_slice(text);
    }
    dr_json_error(&writer, code, msg, NULL);
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
        return put_error(DORA_CODE_HANDLER, dr_slice(why.msg), out);
    }
    if (err == DORA_OK && out->len - start > bytes_max) {
        out->len = start;
        *status = 500;
        char text[96];
        (void)snprintf(text, sizeof(text),
                       "the result is larger than the limit of %zu bytes of JSON (frame_bytes_max)",
                       bytes_max);
        return put_error(DORA_CODE_TOO_BIG, dr_slice(text), out);
    }
    *status = 200;
    return err;
}

dora_err dr_web_result(dora_slice body, size_t bytes_max, dr_buf *out, unsigned *status)
{
    dr_reply_message reply;
    dr_reply_message result;
    dora_err err = dr_reply_decode(body, &reply, NULL);
    if (err == DORA_OK && reply.code != 0) {
        *status = dr_code_status(reply.code);
        return put_error(reply.code, reply.msg, out);
    }
    err = err == DORA_OK ? dr_reply_decode(reply.data, &result, NULL) : err;
    if (err == DORA_OK && result.code != 0) {
        *status = status_of_result(result.code, *status);
        return put_error(result.code, result.msg, out);
    }
    return err == DORA_OK ? put_data(result.data, bytes_max, out, status) : err;
}

void dr_web_answer(const dr_web *web, unsigned status, dr_buf *text)
{
    static const dr_http_extra later[] = {{"Retry-After", "1"}, {NULL, NULL}};
    static const dr_http_extra post[] = {{"Allow", "POST"}, {NULL, NULL}};
    static const dr_http_extra token[] = {{"WWW-Authenticate", "Bearer realm=\"dora\""},
                                          {NULL, NULL}};
    const dr_http_extra *extra = status == 503 ? later : status == 405 ? post : NULL;
    if (web->wants_token && status == 403) {
        status = 401;
        extra = token;
    }
    dr_http_answer_buf(web->exchange, status, "application/json", text, extra);
}

void dr_web_refuse(const dr_web *web, unsigned status, int64_t code, const char *msg)
{
    dr_buf text = {0};
    /* Without memory the words are missing, the status stands. */
    (void)put_error(code, dr_slice(msg), &text);
    dr_web_answer(web, status, &text);
}
