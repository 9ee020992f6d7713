/* answer_events.c: a stream over HTTP, event by event. */
#include "server/call/answer_events.h"

#include <string.h>

#include "base/slice.h"
#include "net/http_exchange.h"
#include "net/http_stream.h"
#include "server/call/answer_web.h"
#include "wire/json_value.h"
#include "wire/message.h"
#include "wire/value.h"

#define PUT(out, text) dr_buf_append((out), (text), sizeof(text) - 1)

/* What an error looks like: {"error":{...}}. As an event it is what stands inside. */
#define ERROR_HEAD "{\"error\":"

/* put_progress writes [done, total, note]. */
static dora_err put_progress(dr_json_writer *writer, const dr_reply_message *reply)
{
    dora_reader reader;
    dora_value value;
    dr_json_level level;
    dora_reader_init(&reader, reply->data);
    dora_err err = dora_reader_value(&reader, &value);
    dr_json_open(writer, &level, true);
    for (int i = 0; i < 2 && err == DORA_OK; i++) {
        dora_slice number;
        err = dora_reader_key(&reader, &value);
        err = err == DORA_OK ? dora_reader_skip(&reader, &number) : err;
        if (err == DORA_OK) {
            dr_json_item(writer, &level);
            err = dr_json_value(writer, number, NULL);
        }
    }
    dr_json_item(writer, &level);
    dr_json_text(writer, reply->msg);
    dr_json_close(writer, &level);
    return err;
}

dora_err dr_event_words(dora_slice body, dr_buf *out, const char **name)
{
    dr_reply_message reply;
    dora_error why;
    dora_err err = dr_reply_decode(body, &reply, NULL);
    if (err != DORA_OK) {
        return err;
    }
    const bool is_part = reply.code == DORA_CODE_PART;
    *name = is_part ? "part" : "progress";
    dr_json_writer writer = dr_json_begin(out, 0);
    err = is_part ? dr_json_data(&writer, reply.data, &why) : put_progress(&writer, &reply);
    const dora_err written = dr_json_finish(&writer);
    return err == DORA_ETYPE ? DORA_EPROTO : err == DORA_OK ? written : err;
}

/* begin sends the head of the answer, with the first event. */
static bool begin(dr_web *web)
{
    static const dr_http_extra extra[] = {
        {"Cache-Control", "no-cache"},
        {"X-Accel-Buffering", "no"}, /* nginx: pass it on at once */
        {NULL, NULL}};
    if (!web->has_begun) {
        web->has_begun = dr_http_stream_begin(
            web->exchange, web->wants_events ? "text/event-stream" : "application/x-ndjson", extra);
    }
    return web->has_begun;
}

/* put writes an event: its words are one line of JSON. */
static dora_err put(const dr_web *web, const char *name, dora_slice words, dr_buf *out)
{
    dora_err err = dr_buf_reserve(out, words.len + 64);
    if (err != DORA_OK) {
        return err;
    }
    if (web->wants_events) {
        PUT(out, "event: ");
        dr_buf_append_slice(out, dr_slice(name));
        PUT(out, "\ndata: ");
        dr_buf_append_slice(out, words);
        return PUT(out, "\n\n");
    }
    PUT(out, "{\"");
    dr_buf_append_slice(out, dr_slice(name));
    PUT(out, "\":");
    dr_buf_append_slice(out, words);
    return PUT(out, "}\n");
}

/* send_event. Returns: false where the exchange is gone. */
static bool send_event(dr_web *web, const char *name, dora_slice words)
{
    dr_buf event = {0};
    const bool is_put = begin(web) && put(web, name, words, &event) == DORA_OK;
    if (!is_put) {
        dr_http_drop(web->exchange);
    }
    const bool is_there = is_put && dr_http_stream_put(web->exchange, dr_buf_slice(&event));
    dr_buf_fini(&event);
    return is_there;
}

void dr_event_send(dr_web *web, const char *name, dr_buf *text)
{
    (void)send_event(web, name, dr_buf_slice(text));
}

void dr_event_end(dr_web *web, unsigned status, uint32_t retry_after_ms, dr_buf *text)
{
    dora_slice words = dr_buf_slice(text);
    const bool is_error = status != 200;
    if (is_error && !web->has_begun) {
        dr_web_answer(web, status, retry_after_ms, text);
        return;
    }
    if (is_error && words.len > sizeof(ERROR_HEAD)) {
        words.data += sizeof(ERROR_HEAD) - 1;
        words.len -= sizeof(ERROR_HEAD);
    }
    dr_http_exchange *exchange = web->exchange;
    if (send_event(web, is_error ? "error" : "result", words)) {
        dr_http_stream_end(exchange);
    }
}
