/* answer.c: the memory of one call: its request on the way out, its results on the way back. */
#include "client/shared/answer.h"

#include <string.h>

#include "base/mem.h"
#include "wire/message_write.h"
#include "wire/retry_after.h"
#include "wire/value.h"
#include "wire/value_read.h"
#include "wire/value_write.h"

dora_answer *dora_answer_new(void)
{
    return dr_calloc(1, sizeof(dora_answer));
}

void dora_answer_free(dora_answer *answer)
{
    if (answer == NULL) {
        return;
    }
    dr_buf_fini(&answer->body);
    dr_buf_fini(&answer->keys);
    dr_free(answer->apis);
    dr_free(answer->results);
    dr_free(answer);
}

void dr_answer_clear(dora_answer *answer)
{
    answer->count = 0;
    answer->reply = (dora_slice){NULL, 0};
    answer->guid[0] = '\0';
}

const char *dora_answer_guid(const dora_answer *answer)
{
    return answer->guid;
}

dora_slice dora_answer_reply(const dora_answer *answer)
{
    return answer->reply;
}

const dora_result *dora_answer_result(const dora_answer *answer, size_t index)
{
    return index < answer->count ? &answer->results[index] : NULL;
}

static bool is_same(dora_slice one, dora_slice other)
{
    return one.len == other.len && (one.len == 0 || memcmp(one.data, other.data, one.len) == 0);
}

/* Whether PHP would make an int of this key: canonical decimal digits that fit an int64_t. */
static bool is_int_key(dora_slice key, int64_t *number)
{
    char text[DR_INT_TEXT_MAX];
    bool is_negative = key.len > 1 && key.data[0] == '-';
    uint64_t sum = 0;
    if (key.len == 0 || key.len > DR_INT_TEXT_MAX) {
        return false;
    }
    for (size_t i = is_negative ? 1 : 0; i < key.len; i++) {
        unsigned digit = (unsigned)(unsigned char)key.data[i] - '0';
        if (digit > 9 || sum > (UINT64_MAX - digit) / 10) {
            return false;
        }
        sum = sum * 10 + digit;
    }
    if (sum > (uint64_t)INT64_MAX + (is_negative ? 1 : 0)) {
        return false;
    }
    *number = (int64_t)(is_negative ? 0 - sum : sum);
    dora_slice canonical = {text, dr_int_text(*number, text)};
    return is_same(key, canonical);
}

static dora_err call_check(const dora_call *call, size_t at, dr_api *api, dora_error *error)
{
    dora_reader reader;
    api->name = call->name;
    api->param = call->param;
    api->whole = (dora_slice){NULL, 0};
    if (!call->is_whole && (call->name.len == 0 || call->name.len > DR_API_NAME_MAX)) {
        return dora_error_set(error, DORA_EINVAL, "call %zu: a name has 1 to %d bytes", at + 1,
                              DR_API_NAME_MAX);
    }
    if (call->param.len == 0 && !call->is_whole) {
        api->param = (dora_slice){"N;", 2};
        return DORA_OK;
    }
    dora_reader_init(&reader, call->param);
    dora_err err = dora_reader_skip(&reader, NULL);
    if (err != DORA_OK || !dora_reader_is_done(&reader)) {
        return dora_error_set(error, DORA_EINVAL,
                              "call %zu: the parameter is no encoded value (byte %zu)", at + 1,
                              dora_reader_offset(&reader));
    }
    if (call->is_whole && call->param.data[0] != 'a') {
        return dora_error_set(error, DORA_EINVAL, "call %zu: the whole api is no array", at + 1);
    }
    if (call->is_whole) {
        api->whole = call->param;
        api->param = (dora_slice){NULL, 0};
    }
    return DORA_OK;
}

static dora_err room_for(dora_answer *answer, size_t count)
{
    if (count <= answer->room) {
        return DORA_OK;
    }
    dr_api *apis = dr_realloc(answer->apis, count * sizeof *apis);
    if (apis == NULL) {
        return DORA_ENOMEM;
    }
    answer->apis = apis;
    dora_result *results = dr_realloc(answer->results, count * sizeof *results);
    if (results == NULL) {
        return DORA_ENOMEM;
    }
    answer->results = results;
    answer->room = count;
    return DORA_OK;
}

dora_err dr_answer_begin_one(dora_answer *answer, const dora_call *call, dora_error *error)
{
    dr_answer_clear(answer);
    if (room_for(answer, 1) != DORA_OK) {
        return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
    }
    answer->apis[0].key_raw = (dora_slice){DR_KEY_ONE, sizeof DR_KEY_ONE - 1};
    return call_check(call, 0, &answer->apis[0], error);
}

/* Encodes the keys. The room for all is made first, so that slices into answer->keys stay. */
static dora_err encode_keys(dora_answer *answer, const dora_call *calls, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += calls[i].key.len + 32;
    }
    dr_buf_clear(&answer->keys);
    dora_err err = dr_buf_reserve(&answer->keys, size);
    for (size_t i = 0; err == DORA_OK && i < count; i++) {
        int64_t number;
        size_t before = answer->keys.len;
        if (is_int_key(calls[i].key, &number)) {
            err = dr_put_int(&answer->keys, number);
        } else {
            err = dr_put_string(&answer->keys, calls[i].key);
        }
        answer->apis[i].key_raw.data = answer->keys.data + before;
        answer->apis[i].key_raw.len = answer->keys.len - before;
    }
    return err;
}

dora_err dr_answer_begin_many(dora_answer *answer, const dora_call *calls, size_t count,
                              dora_error *error)
{
    dr_answer_clear(answer);
    if (count == 0 || count > DR_APIS_MAX) {
        return dora_error_set(error, DORA_EINVAL, "%zu calls; 1 to %d are possible", count,
                              DR_APIS_MAX);
    }
    if (room_for(answer, count) != DORA_OK || encode_keys(answer, calls, count) != DORA_OK) {
        return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
    }
    for (size_t i = 0; i < count; i++) {
        dora_err err = call_check(&calls[i], i, &answer->apis[i], error);
        if (err != DORA_OK) {
            return err;
        }
        for (size_t j = 0; j < i; j++) {
            if (is_same(calls[i].key, calls[j].key)) {
                return dora_error_set(error, DORA_EINVAL, "call %zu: its key stands there twice",
                                      i + 1);
            }
        }
    }
    return DORA_OK;
}

dora_err dr_answer_begin_command(dora_answer *answer, const char *command, dora_slice param,
                                 dora_error *error)
{
    const dora_call call = {.name = {command, command != NULL ? strlen(command) : 0},
                            .param = param};
    dora_err err = dr_answer_begin_one(answer, &call, error);
    if (err == DORA_OK) {
        answer->apis[0].key_raw = (dora_slice){DR_KEY_CMD, sizeof DR_KEY_CMD - 1};
    }
    return err;
}

dora_err dr_answer_borrow(dora_answer *answer, const char *guid, const dr_api *apis, size_t count)
{
    dr_answer_clear(answer);
    memcpy(answer->guid, guid, DR_GUID_LEN);
    answer->guid[DR_GUID_LEN] = '\0';
    dora_err err = room_for(answer, count);
    if (err == DORA_OK) {
        memcpy(answer->apis, apis, count * sizeof *apis);
    }
    return err;
}

dora_err dr_answer_keep(dora_answer *answer, dora_slice body, dr_reply_message *reply)
{
    dr_buf_clear(&answer->body);
    dora_err err = dr_buf_append_slice(&answer->body, body);
    if (err != DORA_OK) {
        return err;
    }
    answer->reply = dr_buf_slice(&answer->body);
    return dr_reply_decode(answer->reply, reply, NULL);
}

static dora_err not_an_answer(dora_error *error, const char *what)
{
    dora_error_set(error, DORA_EPROTO, "the reply is no answer to the call: %s", what);
    if (error != NULL) {
        error->code = DORA_CODE_RECEIVE;
    }
    return DORA_EPROTO;
}

static dora_err envelope_decode(dora_slice raw, dora_result *result)
{
    dr_reply_message envelope;
    dora_err err = dr_reply_decode(raw, &envelope, NULL);
    if (err == DORA_OK) {
        result->code = envelope.code;
        result->msg = envelope.msg;
        result->data = envelope.data;
    }
    return err;
}

dora_err dr_answer_finish_one(dora_answer *answer, const dr_reply_message *reply, dora_error *error)
{
    dora_result *result = &answer->results[0];
    result->key = (dora_slice){"one", 3};
    if (envelope_decode(reply->data, result) != DORA_OK) {
        return not_an_answer(error, "its data is no envelope");
    }
    answer->count = 1;
    return DORA_OK;
}

/* The text of an encoded key: s:3:"one"; or i:7; without what stands around it. */
static dora_slice key_text(dora_slice raw)
{
    size_t head = 2;
    size_t tail = 1;
    if (raw.data[0] == 's') {
        const char *quote = memchr(raw.data, '"', raw.len);
        head = (size_t)(quote - raw.data) + 1;
        tail = 2;
    }
    return (dora_slice){raw.data + head, raw.len - head - tail};
}

/* The call whose key is `raw`: nearly always the one at `expected`. */
static size_t find_call(const dora_answer *answer, size_t count, dora_slice raw, size_t expected)
{
    for (size_t i = 0; i < count; i++) {
        size_t at = (expected + i) % count;
        if (is_same(answer->apis[at].key_raw, raw)) {
            return at;
        }
    }
    return count;
}

dora_err dr_answer_finish_many(dora_answer *answer, size_t count, const dr_reply_message *reply,
                               dora_error *error)
{
    dora_reader reader;
    dora_value head;
    size_t found = 0;
    dr_reader_init_message(&reader, reply->data);
    if (dora_reader_value(&reader, &head) != DORA_OK || head.type != DORA_ARRAY ||
        head.count != count) {
        return not_an_answer(error, "its data is no map of as many results as calls");
    }
    for (size_t i = 0; i < count; i++) {
        answer->results[i].key.data = NULL;
    }
    for (size_t i = 0; i < count; i++) {
        dora_value key;
        dora_slice envelope;
        size_t before = dora_reader_offset(&reader);
        if (dora_reader_key(&reader, &key) != DORA_OK) {
            return not_an_answer(error, "a key cannot be read");
        }
        dora_slice raw = {reply->data.data + before, dora_reader_offset(&reader) - before};
        size_t at = find_call(answer, count, raw, i);
        if (at == count || dr_reader_skip_data(&reader, &envelope) != DORA_OK ||
            envelope_decode(envelope, &answer->results[at]) != DORA_OK) {
            return not_an_answer(error, "a result is unknown or no envelope");
        }
        found += answer->results[at].key.data == NULL ? 1 : 0;
        answer->results[at].key = key_text(answer->apis[at].key_raw);
    }
    if (found != count) {
        return not_an_answer(error, "a result is missing");
    }
    answer->count = count;
    return DORA_OK;
}

dora_err dr_answer_refused(const dr_reply_message *reply, dora_error *error)
{
    dora_error_set(error, DORA_EREPLY, "%.*s", (int)(reply->msg.len < 4000 ? reply->msg.len : 4000),
                   reply->msg.data);
    if (error != NULL) {
        error->code = reply->code;
    }
    return DORA_EREPLY;
}

bool dr_answer_is_expected(dr_call_type type, const dr_reply_message *reply)
{
    return reply->code == (dr_call_type_is_accepted(type) ? DORA_CODE_ACCEPTED : DORA_CODE_OK);
}

dora_err dr_answer_read(dora_answer *answer, dr_call_type type, size_t count,
                        const dr_reply_message *reply, dora_error *error)
{
    if (!dr_answer_is_expected(type, reply)) {
        return DORA_OK;
    }
    switch (type) {
    case DR_TYPE_W_S:
    case DR_TYPE_ST_S:
        return dr_answer_finish_one(answer, reply, error);
    case DR_TYPE_W_M:
        return dr_answer_finish_many(answer, count, reply, error);
    default:
        return DORA_OK;
    }
}

bool dr_answer_is_overloaded(const dora_answer *answer, dr_call_type type,
                             const dr_reply_message *reply, uint32_t *retry_after_ms)
{
    bool is_envelope = (type == DR_TYPE_W_S || type == DR_TYPE_ST_S) &&
                       reply->code == DORA_CODE_OK && answer->count == 1;
    *retry_after_ms = 0;
    if ((is_envelope ? answer->results[0].code : reply->code) != DORA_CODE_OVERLOADED) {
        return false;
    }
    *retry_after_ms = dr_retry_after_of(is_envelope ? answer->results[0].data : reply->data);
    return true;
}

uint32_t dora_retry_after_ms(dora_slice value)
{
    dr_reply_message reply;
    const uint32_t own_ms = dr_retry_after_of(value);
    if (own_ms != 0 || dr_reply_decode(value, &reply, NULL) != DORA_OK) {
        return own_ms;
    }
    return reply.code == DORA_CODE_OVERLOADED ? dr_retry_after_of(reply.data) : 0;
}

dora_err dr_answer_verdict(dr_call_type type, const dr_reply_message *reply, dora_error *error)
{
    if (dr_answer_is_expected(type, reply)) {
        return DORA_OK;
    }
    if (reply->code == DORA_CODE_OK || reply->code == DORA_CODE_ACCEPTED) {
        dora_error_set(error, DORA_EPROTO, "the reply is no answer to the call: its code is %lld",
                       (long long)reply->code);
        if (error != NULL) {
            error->code = DORA_CODE_RECEIVE;
        }
        return DORA_EPROTO;
    }
    return dr_answer_refused(reply, error);
}

dora_err dr_answer_stream_verdict(const dora_answer *answer, dora_error *error)
{
    const dora_result *result = dora_answer_result(answer, 0);
    const int64_t code = result != NULL ? result->code : DORA_CODE_OK;
    if (code != DORA_CODE_RECEIVE && code != DORA_CODE_RESULT_LOST) {
        return DORA_OK;
    }
    const dora_err err = code == DORA_CODE_RECEIVE ? DORA_ETIMEDOUT : DORA_EREPLY;
    dora_error_set(error, err, "%.*s", (int)(result->msg.len < 4000 ? result->msg.len : 4000),
                   result->msg.data);
    if (error != NULL) {
        error->code = code;
    }
    return err;
}

void dr_answer_maybe_ran(dora_answer *answer)
{
    static const char text[] = "the last try was not run, but an earlier one may have been";
    for (size_t i = 0; i < answer->count; i++) {
        if (dora_code_is_not_run(answer->results[i].code)) {
            answer->results[i].code = DORA_CODE_RECEIVE;
            answer->results[i].msg = (dora_slice){text, sizeof text - 1};
        }
    }
}
