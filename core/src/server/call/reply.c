/* reply.c: what became of a call, written to whoever asked as one reply. */
#include "server/call/reply.h"

#include "base/limits.h"
#include "base/slice.h"
#include "server/call/answer.h"
#include "server/call/call_log.h"
#include "server/call/dedupe.h"
#include "wire/message_write.h"
#include "wire/retry_after.h"

static const dora_slice ok_text = {"OK", 2};
static const dora_slice empty_array = {"a:0:{}", 6};
static const dora_slice nothing = {NULL, 0};

/* usual_text is what is said where nobody has said more. */
static dora_slice usual_text(const dr_lane *lane, int64_t code)
{
    if (code == 0) {
        return ok_text;
    }
    const char *text = code == DORA_CODE_TOO_BIG ? lane->too_big : dora_code_text(code);
    return dr_slice(text);
}

void dr_reply_whole(const dr_responder *responder, const char *guid, int64_t code, dora_slice msg,
                    dora_slice data)
{
    dr_answer answer;
    if (!dr_answer_begin(responder, guid, msg.len + data.len + DR_ENVELOPE_BYTES, &answer)) {
        return;
    }
    dora_err err = dr_reply_begin(answer.out, guid, code, msg);
    err = err == DORA_OK ? dr_buf_append_slice(answer.out, data.len > 0 ? data : empty_array) : err;
    err = err == DORA_OK ? dr_reply_end(answer.out) : err;
    if (err != DORA_OK) {
        dr_answer_fail(responder);
        return;
    }
    err = dr_answer_end(responder, &answer);
    if (err == DORA_ETOOBIG && data.len > 0) {
        dr_reply_code(responder, guid, DORA_CODE_TOO_BIG, NULL);
    } else if (err != DORA_OK) {
        dr_answer_fail(responder);
    }
}

void dr_reply_code(const dr_responder *responder, const char *guid, int64_t code, const char *text)
{
    const dora_slice msg = text != NULL ? dr_slice(text) : usual_text(responder->lane, code);
    dr_reply_whole(responder, guid, code, msg, (dora_slice){NULL, 0});
}

void dr_reply_no_room(const dr_responder *responder, const char *guid, const char *text,
                      uint32_t retry_after_ms)
{
    dr_buf data = {0};
    if (dr_retry_after_put(&data, retry_after_ms) != DORA_OK) {
        dr_buf_clear(&data); /* it is said without */
    }
    dr_reply_whole(responder, guid, DORA_CODE_OVERLOADED, dr_slice(text), dr_buf_slice(&data));
    dr_buf_fini(&data);
}

void dr_reply_refused(const dr_responder *responder, const char *guid, const dora_error *error)
{
    dr_call_count_answered(responder->lane, DR_TYPE_UNKNOWN, error->code);
    if (dr_call_log_is_on(responder->lane)) {
        dr_call_log_unread(responder, guid, error);
    }
    if (error->code == DORA_CODE_OVERLOADED) {
        dr_reply_no_room(responder, guid, error->msg, DR_RETRY_AFTER_MS_USUAL);
        return;
    }
    dr_reply_code(responder, guid, error->code, error->msg[0] != '\0' ? error->msg : NULL);
}

void dr_reply_body(const dr_responder *responder, const char *guid, dora_slice body,
                   uint16_t http_status)
{
    dr_answer answer;
    if (!dr_answer_begin(responder, guid, body.len, &answer)) {
        return;
    }
    answer.http_status = http_status;
    if (dr_buf_append_slice(answer.out, body) != DORA_OK) {
        dr_answer_fail(responder);
        return;
    }
    const dora_err err = dr_answer_end(responder, &answer);
    if (err == DORA_ETOOBIG) {
        dr_reply_code(responder, guid, DORA_CODE_TOO_BIG, NULL);
    } else if (err != DORA_OK) {
        dr_answer_fail(responder);
    }
}

static dora_err put_envelope(dr_buf *out, const dr_call *call, const dr_call_item *result)
{
    const bool has_text = result->code != 0 && result->msg.len > 0;
    const dora_slice msg = has_text ? result->msg : usual_text(call->lane, result->code);
    dora_err err = dr_reply_begin(out, call->guid, result->code, msg);
    if (err == DORA_OK) {
        err = result->data.len > 0 ? dr_buf_append_slice(out, result->data)
                                   : dr_retry_after_put(out, result->retry_after_ms);
    }
    return err == DORA_OK ? dr_reply_end(out) : err;
}

static dora_err put_results(dr_buf *out, const dr_call *call)
{
    if (call->is_single) {
        return put_envelope(out, call, &call->items[0]);
    }
    dora_err err = dr_put_array(out, call->count);
    for (uint32_t i = 0; i < call->count && err == DORA_OK; i++) {
        err = dr_buf_append_slice(out, call->items[i].key);
        err = err == DORA_OK ? put_envelope(out, call, &call->items[i]) : err;
    }
    return err == DORA_OK ? dr_put_end(out) : err;
}

/* put_reply writes the reply to a call, or its later result; `code` other than 0 stands for it all.
 */
static dora_err put_reply(dr_buf *out, const dr_call *call, int64_t code)
{
    const bool is_later = dr_call_type_is_accepted(call->type);
    const dora_slice msg = usual_text(call->lane, code);
    dora_err err = is_later ? dr_result_begin(out, call->guid, code, msg)
                            : dr_reply_begin(out, call->guid, code, msg);
    if (err == DORA_OK) {
        err = code == 0 ? put_results(out, call) : dr_buf_append_slice(out, empty_array);
    }
    if (err == DORA_OK) {
        err = is_later ? dr_result_end(out) : dr_reply_end(out);
    }
    return err;
}

/* drop_data gives up the results of a reply that is over the frame limit. Returns: false when there
 * are none. */
static bool drop_data(dr_call *call)
{
    bool has_data = false;
    for (uint32_t i = 0; i < call->count; i++) {
        dr_call_item *one = &call->items[i];
        if (one->data.len + one->msg.len > 0) {
            has_data = true;
            one->code = one->code == 0 ? DORA_CODE_TOO_BIG : one->code;
            one->http_status = one->code == DORA_CODE_TOO_BIG ? 0 : one->http_status;
            one->data = one->msg = (dora_slice){NULL, 0};
        }
    }
    return has_data;
}

/* remember copies a body for those who ask again. Returns: none when out of memory. */
static dora_slice remember(dr_lane *lane, dora_slice body)
{
    dr_buf_clear(&lane->kept);
    return dr_buf_append_slice(&lane->kept, body) == DORA_OK ? dr_buf_slice(&lane->kept) : nothing;
}

/* http_status_of is what the handler's error of a single call is to have over HTTP; 0: nothing. */
static uint16_t http_status_of(const dr_call *call)
{
    return call->is_single && call->items[0].code != 0 ? call->items[0].http_status : 0;
}

/* answer_asker answers whoever asked. Returns: what was sent, if that is kept, else nothing. */
static dora_slice answer_asker(dr_call *call)
{
    const bool stays = dr_answer_stays(&call->responder);
    dora_slice kept = nothing;
    dora_err err = DORA_ETOOBIG;
    int64_t code = 0;
    dr_answer answer;
    /* Where the connection is closed on the way, nobody is left. */
    while (err == DORA_ETOOBIG &&
           dr_answer_begin(&call->responder, call->guid, call->bytes, &answer)) {
        if (put_reply(answer.out, call, code) != DORA_OK) {
            dr_answer_fail(&call->responder);
            break;
        }
        if (dr_dedupe_is_kept(call)) {
            kept = (dora_slice){answer.out->data + answer.body, answer.out->len - answer.body};
            kept = stays ? kept : remember(call->lane, kept);
        }
        answer.http_status = http_status_of(call);
        err = dr_answer_end(&call->responder, &answer);
        kept = err == DORA_ETOOBIG ? nothing : kept;
        if (err != DORA_OK && err != DORA_ETOOBIG) {
            dr_answer_fail(&call->responder);
        }
        if (err == DORA_ETOOBIG && !drop_data(call)) {
            if (code != 0) {
                dr_answer_fail(&call->responder);
                break;
            }
            code = DORA_CODE_TOO_BIG; /* its keys alone are too much */
        }
    }
    return kept;
}

/* write_unawaited makes a reply that is to be kept though nobody waits for it now. */
static dora_slice write_unawaited(dr_call *call)
{
    const size_t most = dr_frame_bytes_max(&call->lane->reactor.frame) - DR_FRAME_HEAD_BYTES_MAX;
    dr_buf *out = &call->lane->kept;
    int64_t code = 0;
    dr_buf_clear(out);
    dora_err err = put_reply(out, call, code);
    while (err == DORA_OK && out->len > most && code == 0) {
        code = drop_data(call) ? 0 : DORA_CODE_TOO_BIG;
        dr_buf_clear(out);
        err = put_reply(out, call, code);
    }
    return err == DORA_OK ? dr_buf_slice(out) : nothing;
}

/* write_not_run is for who has joined a call while it was cancelled, and nothing of it had begun:
 * that may be sent again at once. */
static dora_slice write_not_run(dr_call *call)
{
    static const char text[] = "the call that it joined was cancelled before it was run";
    for (uint32_t i = 0; i < call->count; i++) {
        if (call->items[i].is_dropped) {
            call->items[i].code = DORA_CODE_OVERLOADED;
            call->items[i].msg = dr_slice(text);
        }
    }
    const dora_slice body = write_unawaited(call);
    for (uint32_t i = 0; i < call->count; i++) {
        if (call->items[i].is_dropped) {
            call->items[i].code = DORA_CODE_CANCELLED;
            call->items[i].msg = nothing;
        }
    }
    return body;
}

/* send_words sends what of a stream stands before its reply. Errors, nothing was sent:
 * DORA_ETOOBIG, DORA_EPROTO: it is no value, or has no form for whoever asked. */
static dora_err send_words(dr_call *call, dora_slice msg, dora_slice data, bool is_part,
                           uint64_t part)
{
    dr_answer answer;
    if (!dr_answer_begin(&call->responder, call->guid, msg.len + data.len + DR_ENVELOPE_BYTES,
                         &answer)) {
        return DORA_OK; /* nobody is left */
    }
    answer.is_part = true;
    dora_err err = is_part ? dr_part_begin(answer.out, call->guid)
                           : dr_reply_begin(answer.out, call->guid, DORA_CODE_PROGRESS, msg);
    err = err == DORA_OK ? dr_buf_append_slice(answer.out, data) : err;
    if (err == DORA_OK) {
        err = is_part ? dr_part_end(answer.out, part) : dr_reply_end(answer.out);
    }
    err = err == DORA_OK ? dr_answer_end(&call->responder, &answer) : err;
    if (err == DORA_OK || err == DORA_ETOOBIG || err == DORA_EPROTO) {
        return err;
    }
    dr_answer_cut(&call->responder);
    return DORA_OK;
}

int64_t dr_reply_part(dr_call *call, uint64_t part, dora_slice data)
{
    const dora_err err = send_words(call, nothing, data, true, part);
    return err == DORA_OK ? 0 : err == DORA_ETOOBIG ? DORA_CODE_TOO_BIG : DORA_CODE_HANDLER;
}

void dr_reply_progress(dr_call *call, dora_slice note, dora_slice data)
{
    (void)send_words(call, note, data, false, 0);
}

/* is_open says whether an item's end is to come: of a call that has joined another, all are. */
static bool is_open(const dr_call *call, const dr_call_item *one)
{
    return one->state == DR_ITEM_PENDING || call->waiter.role == DR_REPLY_FOLLOWER;
}

void dr_reply_early(const dr_responder *responder, dr_call *call, int64_t code, const char *text)
{
    dr_answer answer;
    if (!dr_answer_begin(responder, call->guid, call->bytes, &answer)) {
        return;
    }
    for (uint32_t i = 0; i < call->count; i++) {
        if (is_open(call, &call->items[i])) {
            call->items[i].code = code;
            call->items[i].msg = dr_slice(text);
        }
    }
    dora_err err = put_reply(answer.out, call, 0);
    for (uint32_t i = 0; i < call->count; i++) {
        if (is_open(call, &call->items[i])) {
            call->items[i].code = 0;
            call->items[i].msg = nothing;
        }
    }
    err = err == DORA_OK ? dr_answer_end(responder, &answer) : err;
    if (err == DORA_ETOOBIG) {
        dr_reply_code(responder, call->guid, DORA_CODE_TOO_BIG, NULL);
    } else if (err != DORA_OK) {
        dr_answer_fail(responder);
    }
}

void dr_reply_call(dr_call *call)
{
    dr_lane *lane = call->lane;
    dora_slice kept = answer_asker(call);
    if (call->is_cancelled) {
        const bool is_asked = dr_dedupe_is_kept(call) && !dr_dedupe_has_run(call);
        kept = is_asked ? write_not_run(call) : nothing;
    } else if (kept.data == NULL && dr_dedupe_is_kept(call)) {
        kept = write_unawaited(call);
    }
    call->waiter.http_status = http_status_of(call);
    dr_dedupe_end(call, kept);
    if (lane->kept.cap > DR_JSON_INLINE_MAX) {
        dr_buf_fini(&lane->kept);
    }
}
