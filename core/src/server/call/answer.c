/* answer.c: a reply is written in the inner encoding, then sent as whoever asked understands it. */
#include "server/call/answer.h"

#include <stdlib.h>
#include <string.h>

#include "net/http_refuse.h"
#include "server/call/answer_web.h"
#include "server/call/offload.h"
#include "wire/bare_reply.h"
#include "wire/json_message.h"
#include "wire/json_reply.h"
#include "wire/message_write.h"

/* dr_spoken is a reply in the words of who asked. */
typedef struct spoken {
    dr_buf text;
    unsigned status; /* over HTTP */
    dora_err err;
} spoken;

/* What the frame around JSON text takes at most, compressed or not. */
#define FRAME_HEAD_BYTES 64u

static size_t text_max(const dr_lane *lane)
{
    const size_t most = dr_frame_bytes_max(&lane->reactor.frame);
    return most - FRAME_HEAD_BYTES - most / 1024;
}

static void translate(dr_asker_kind kind, dora_slice guid, size_t bytes_max, dora_slice body,
                      spoken *words)
{
    words->status = 200;
    if (kind == DR_ASKER_BARE) {
        words->err = dr_bare_reply(body, guid, &words->text);
    } else if (kind == DR_ASKER_WEB) {
        words->err = dr_web_result(body, bytes_max, &words->text, &words->status);
    } else {
        words->err = dr_json_reply(body, guid, bytes_max, &words->text);
    }
}

/* speak translates a reply of the call `call`. A result that is no value, since a handler wrote raw
 * bytes or somebody spoiled them, is an error of the handler's; who asked is answered in any case.
 * Thread: any; `guid` is the asker's, where it has one of its own. */
static void speak(dr_asker_kind kind, const char *call, dora_slice guid, size_t bytes_max,
                  dora_slice body, spoken *words)
{
    static const dora_slice text = {"the handler's result is no value", 32};
    dr_buf error = {0};
    translate(kind, guid, bytes_max, body, words);
    if (words->err != DORA_EPROTO) {
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
        translate(kind, guid, bytes_max, dr_buf_slice(&error), words);
    }
    dr_buf_fini(&error);
}

static dora_slice guid_of(const dr_asker *asker)
{
    return dr_asker_is_web(asker) ? (dora_slice){asker->web->guid, asker->web->guid_len}
                                  : asker->guid;
}

static dora_err deliver(const dr_asker *asker, const char *guid, spoken *words)
{
    if (words->err != DORA_OK) {
        return words->err;
    }
    if (dr_asker_is_web(asker)) {
        dr_web_answer(asker->web, words->status, &words->text);
        return DORA_OK;
    }
    size_t mark;
    dr_buf *out = dr_conn_begin(asker->conn, asker->kind == DR_ASKER_BARE ? NULL : guid,
                                words->text.len, &mark);
    if (out == NULL) {
        return DORA_OK; /* closed */
    }
    const dora_err err = dr_buf_append_slice(out, dr_buf_slice(&words->text));
    return err == DORA_OK ? dr_conn_end(asker->conn, mark) : err;
}

/* speech is a large reply that is translated in the thread pool. */
typedef struct speech {
    dr_aside aside;
    dr_asker_kind kind;
    dr_buf body;
    spoken words;
    size_t bytes_max;
    char guid[DR_GUID_LEN];
    dora_slice own_guid;
    char own_guid_bytes[];
} speech;

static void speech_work(dr_aside *aside)
{
    speech *self = (speech *)aside;
    speak(self->kind, self->guid, self->own_guid, self->bytes_max, dr_buf_slice(&self->body),
          &self->words);
}

static void speech_done(dr_aside *aside)
{
    speech *self = (speech *)aside;
    if (deliver(&aside->asker, self->guid, &self->words) != DORA_OK) {
        dr_answer_fail(&aside->asker);
    }
}

static void speech_free(dr_aside *aside)
{
    speech *self = (speech *)aside;
    dr_buf_fini(&self->body);
    dr_buf_fini(&self->words.text);
    free(self);
}

/* speak_aside takes the bytes of `body`. */
static dora_err speak_aside(const dr_asker *asker, const char *guid, dr_buf *body)
{
    const dora_slice own_guid = guid_of(asker);
    speech *self = calloc(1, sizeof(*self) + own_guid.len);
    if (self == NULL) {
        return DORA_ENOMEM;
    }
    self->aside.work = speech_work;
    self->aside.done = speech_done;
    self->aside.free = speech_free;
    self->kind = asker->kind;
    self->bytes_max = text_max(asker->lane);
    memcpy(self->guid, guid, DR_GUID_LEN);
    if (own_guid.len > 0) {
        memcpy(self->own_guid_bytes, own_guid.data, own_guid.len);
        self->own_guid = (dora_slice){self->own_guid_bytes, own_guid.len};
    }
    self->aside.bytes = sizeof(*self) + body->len;
    self->body = *body;
    dr_buf_init(body);
    return dr_aside_start(asker, &self->aside);
}

bool dr_answer_begin(const dr_asker *asker, const char *guid, size_t bytes, dr_answer *answer)
{
    answer->guid = guid;
    if (asker->kind == DR_ASKER_FRAME) {
        answer->out = dr_conn_begin(asker->conn, guid, bytes, &answer->mark);
        answer->body = answer->out != NULL ? answer->out->len : 0;
        return answer->out != NULL;
    }
    answer->out = &asker->lane->answer;
    answer->body = answer->mark = 0;
    dr_buf_clear(answer->out);
    return dr_asker_is_there(asker) &&
           (!dr_asker_has_conn(asker) || dr_conn_may_reply(asker->conn, bytes));
}

dora_err dr_answer_end(const dr_asker *asker, const dr_answer *answer)
{
    if (asker->kind == DR_ASKER_FRAME) {
        return dr_conn_end(asker->conn, answer->mark);
    }
    if (answer->out->len > DR_JSON_INLINE_MAX && asker->kind != DR_ASKER_BARE) {
        return speak_aside(asker, answer->guid, answer->out);
    }
    spoken words = {.err = DORA_OK};
    speak(asker->kind, answer->guid, guid_of(asker), text_max(asker->lane),
          dr_buf_slice(answer->out), &words);
    const dora_err err = deliver(asker, answer->guid, &words);
    dr_buf_fini(&words.text);
    return err;
}

bool dr_answer_stays(const dr_asker *asker)
{
    return asker->kind == DR_ASKER_FRAME && !asker->lane->reactor.frame.gzip;
}

void dr_answer_fail(const dr_asker *asker)
{
    if (dr_asker_has_conn(asker)) {
        dr_conn_close(asker->conn);
    } else if (dr_asker_is_web(asker)) {
        dr_http_refuse(asker->web->exchange, 503, "out of memory", NULL);
    }
}
