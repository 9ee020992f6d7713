/* answer.c: a reply is written in the inner encoding, then sent as whoever asked understands it. */
#include "server/call/answer.h"

#include <stdlib.h>
#include <string.h>

#include "net/http_exchange.h"
#include "net/http_refuse.h"
#include "server/call/answer_events.h"
#include "server/call/answer_web.h"
#include "server/call/offload.h"
#include "wire/bare_reply.h"
#include "wire/json_message.h"
#include "wire/json_reply.h"
#include "wire/message_write.h"

/* spoken is a reply in the words of who asked. */
typedef struct spoken {
    dr_buf text;
    unsigned status; /* over HTTP; before it is spoken: of a handler's error, 0: by its code */
    uint32_t retry_after_ms; /* over HTTP, of a refusal; 0: nothing is said */
    bool is_part;            /* of a stream: more comes */
    const char *event;       /* which event that is, over HTTP */
    dora_err err;
} spoken;

/* What the frame around JSON text takes at most, compressed or not. */
#define FRAME_HEAD_BYTES 64u

static size_t text_max(const dr_lane *lane)
{
    const size_t most = dr_frame_bytes_max(&lane->reactor.frame);
    return most - FRAME_HEAD_BYTES - most / 1024;
}

static void translate(dr_responder_kind kind, dora_slice guid, size_t bytes_max, dora_slice body,
                      spoken *words)
{
    words->status = kind >= DR_RESPONDER_WEB ? words->status : 200;
    if (kind == DR_RESPONDER_EVENTS && words->is_part) {
        words->err = dr_event_words(body, &words->text, &words->event);
    } else if (kind == DR_RESPONDER_BARE) {
        words->err = dr_bare_reply(body, guid, &words->text);
    } else if (kind >= DR_RESPONDER_WEB) {
        words->err =
            dr_web_result(body, bytes_max, &words->text, &words->status, &words->retry_after_ms);
    } else {
        words->err = dr_json_reply(body, guid, bytes_max, &words->text);
    }
}

/* speak translates a reply of the call `call`. A result that is no value, since a handler wrote raw
 * bytes or somebody spoiled them, is an error of the handler's; who asked is answered in any case.
 * Of a part it is left to the stream, which ends by it. Thread: any; `guid` is the responder's,
 * where it has one of its own. */
static void speak(dr_responder_kind kind, const char *call, dora_slice guid, size_t bytes_max,
                  dora_slice body, spoken *words)
{
    static const dora_slice text = {"the handler's result is no value", 32};
    dr_buf error = {0};
    translate(kind, guid, bytes_max, body, words);
    if (words->err != DORA_EPROTO || words->is_part) {
        return;
    }
    dr_buf_clear(&words->text);
    words->err = dr_reply_begin(&error, call, DORA_CODE_HANDLER, text);
    if (words->err == DORA_OK) {
        words->err = dr_buf_append(&error, "a:0:{}", 6);
    }
    if (words->err == DORA_OK) {
        words->err = dr_reply_end(&error);
    }
    if (words->err == DORA_OK) {
        words->status = 0;
        translate(kind, guid, bytes_max, dr_buf_slice(&error), words);
    }
    dr_buf_fini(&error);
}

static dora_slice guid_of(const dr_responder *responder)
{
    return dr_responder_is_web(responder)
               ? (dora_slice){responder->web->guid, responder->web->guid_len}
               : responder->guid;
}

static dora_err deliver(const dr_responder *responder, const char *guid, spoken *words)
{
    if (words->err != DORA_OK) {
        return words->err;
    }
    if (responder->kind == DR_RESPONDER_EVENTS) {
        if (words->is_part) {
            dr_event_send(responder->web, words->event, &words->text);
        } else {
            dr_event_end(responder->web, words->status, words->retry_after_ms, &words->text);
        }
        return DORA_OK;
    }
    if (dr_responder_is_web(responder)) {
        dr_web_answer(responder->web, words->status, words->retry_after_ms, &words->text);
        return DORA_OK;
    }
    size_t mark;
    dr_buf *out = dr_conn_begin(responder->conn, responder->kind == DR_RESPONDER_BARE ? NULL : guid,
                                words->text.len, &mark);
    if (out == NULL) {
        return DORA_OK; /* closed */
    }
    const dora_err err = dr_buf_append_slice(out, dr_buf_slice(&words->text));
    return err == DORA_OK ? dr_conn_end(responder->conn, mark) : err;
}

/* speech is a large reply that is translated in the thread pool. */
typedef struct speech {
    dr_offload offload;
    dr_responder_kind kind;
    dr_buf body;
    spoken words;
    size_t bytes_max;
    char guid[DR_GUID_LEN];
    dora_slice own_guid;
    char own_guid_bytes[];
} speech;

static void speech_work(dr_offload *offload)
{
    speech *self = (speech *)offload;
    speak(self->kind, self->guid, self->own_guid, self->bytes_max, dr_buf_slice(&self->body),
          &self->words);
}

static void speech_done(dr_offload *offload)
{
    speech *self = (speech *)offload;
    if (deliver(&offload->responder, self->guid, &self->words) != DORA_OK) {
        dr_answer_fail(&offload->responder);
    }
}

static void speech_free(dr_offload *offload)
{
    speech *self = (speech *)offload;
    dr_buf_fini(&self->body);
    dr_buf_fini(&self->words.text);
    free(self);
}

/* speak_offload takes the bytes of `body`. */
static dora_err speak_offload(const dr_responder *responder, const char *guid, unsigned http_status,
                              dr_buf *body)
{
    const dora_slice own_guid = guid_of(responder);
    speech *self = calloc(1, sizeof(*self) + own_guid.len);
    if (self == NULL) {
        return DORA_ENOMEM;
    }
    self->offload.work = speech_work;
    self->offload.done = speech_done;
    self->offload.free = speech_free;
    self->kind = responder->kind;
    self->bytes_max = text_max(responder->lane);
    memcpy(self->guid, guid, DR_GUID_LEN);
    if (own_guid.len > 0) {
        memcpy(self->own_guid_bytes, own_guid.data, own_guid.len);
        self->own_guid = (dora_slice){self->own_guid_bytes, own_guid.len};
    }
    self->words.status = http_status;
    self->offload.bytes = sizeof(*self) + body->len;
    self->body = *body;
    dr_buf_init(body);
    return dr_offload_start(responder, &self->offload);
}

bool dr_answer_begin(const dr_responder *responder, const char *guid, size_t bytes,
                     dr_answer *answer)
{
    answer->guid = guid;
    answer->is_part = false;
    answer->http_status = 0;
    if (responder->kind == DR_RESPONDER_FRAME) {
        answer->out = dr_conn_begin(responder->conn, guid, bytes, &answer->mark);
        answer->body = answer->out != NULL ? answer->out->len : 0;
        return answer->out != NULL;
    }
    answer->out = &responder->lane->answer;
    answer->body = answer->mark = 0;
    dr_buf_clear(answer->out);
    return dr_responder_is_there(responder) &&
           (!dr_responder_has_conn(responder) || dr_conn_may_reply(responder->conn, bytes));
}

dora_err dr_answer_end(const dr_responder *responder, const dr_answer *answer)
{
    if (responder->kind == DR_RESPONDER_FRAME) {
        return dr_conn_end(responder->conn, answer->mark);
    }
    /* Parts keep their order: they are translated here, whatever their size. */
    if (answer->out->len > DR_JSON_INLINE_MAX && responder->kind != DR_RESPONDER_BARE &&
        !answer->is_part) {
        return speak_offload(responder, answer->guid, answer->http_status, answer->out);
    }
    spoken words = {.status = answer->http_status, .is_part = answer->is_part, .err = DORA_OK};
    speak(responder->kind, answer->guid, guid_of(responder), text_max(responder->lane),
          dr_buf_slice(answer->out), &words);
    const dora_err err = deliver(responder, answer->guid, &words);
    dr_buf_fini(&words.text);
    return err;
}

bool dr_answer_stays(const dr_responder *responder)
{
    return responder->kind == DR_RESPONDER_FRAME && !responder->lane->reactor.frame.gzip;
}

void dr_answer_cut(const dr_responder *responder)
{
    if (dr_responder_has_conn(responder)) {
        dr_conn_close(responder->conn);
    } else if (dr_responder_is_web(responder)) {
        dr_http_drop(responder->web->exchange);
    }
}

void dr_answer_fail(const dr_responder *responder)
{
    if (dr_responder_has_conn(responder)) {
        dr_conn_close(responder->conn);
    } else if (responder->kind == DR_RESPONDER_EVENTS && responder->web->has_begun) {
        dr_http_drop(responder->web->exchange);
    } else if (dr_responder_is_web(responder)) {
        dr_http_refuse(responder->web->exchange, 503, "out of memory", NULL);
    }
}
