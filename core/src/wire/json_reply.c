/* json_reply.c: a reply in the inner encoding, to JSON text. */
#include "wire/json_reply.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "wire/frame.h"
#include "wire/json_dump.h"
#include "wire/json_message.h"
#include "wire/message.h"
#include "wire/value.h"
#include "wire/value_write.h"

/* What all envelopes of one reply have in common. */
typedef struct reply_manner {
    dora_slice guid;  /* instead of their own; empty: theirs */
    bool is_bare;     /* results are left out: they are too large */
    char too_big[96]; /* what is said then */
} reply_manner;

/* envelope_new is a reply, or a handler's envelope, around `data`. Ownership: takes `data`, gives;
 * NULL when out of memory, as where `data` is. */
static json_t *envelope_new(const reply_manner *manner, dora_slice guid, int64_t code,
                            dora_slice msg, json_t *data)
{
    json_t *json = json_object();
    /* A guid that JSON cannot say stands in the frame's header only. Each passes a NULL on. */
    guid = manner->guid.len > 0 ? manner->guid : guid;
    guid = dr_utf8_is_valid(guid) ? guid : (dora_slice){DR_GUID_NONE, DR_GUID_LEN};
    int failed = json_object_set_new(json, "guid", dr_json_text(guid));
    failed |= json_object_set_new(json, "code", json_integer((json_int_t)code));
    failed |= json_object_set_new(json, "msg", dr_json_text(msg));
    failed |= json_object_set_new(json, "data", data);
    if (failed != 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

static dora_slice slice_of(const char *text)
{
    return (dora_slice){text, strlen(text)};
}

/* envelope_of is one api's result. Where it has no JSON form, that is its error. */
static dora_err envelope_of(const reply_manner *manner, const dr_reply_message *result,
                            json_t **json)
{
    dora_error why;
    json_t *data = NULL;
    int64_t code = result->code;
    dora_slice msg = result->msg;
    dora_err err = manner->is_bare ? DORA_OK : dr_json_from_data(result->data, &data, &why);
    if (manner->is_bare) {
        code = code == 0 ? DORA_CODE_TOO_BIG : code;
        msg = slice_of(code == DORA_CODE_TOO_BIG ? manner->too_big : dora_code_text(code));
        data = json_array();
    } else if (err == DORA_ETYPE) {
        code = DORA_CODE_HANDLER;
        msg = slice_of(why.msg);
        data = json_array();
    } else if (err != DORA_OK) {
        return err;
    }
    *json = envelope_new(manner, result->guid, code, msg, data);
    return *json != NULL ? DORA_OK : DORA_ENOMEM;
}

/* member_of is the result of one key of a multi call, or a value of a command's answer. */
static dora_err member_of(const reply_manner *manner, dora_slice encoded, json_t **json)
{
    dr_reply_message result;
    if (dr_reply_decode(encoded, &result, NULL) == DORA_OK) {
        return envelope_of(manner, &result, json);
    }
    return dr_json_from_value(encoded, json, NULL);
}

static bool has_list_keys(dora_slice array)
{
    dora_reader reader;
    dora_value value;
    dora_value key;
    dora_reader_init(&reader, array);
    const bool is_array = dora_reader_value(&reader, &value) == DORA_OK;
    for (size_t i = 0; is_array && i < value.count; i++) {
        if (dora_reader_key(&reader, &key) != DORA_OK || key.type != DORA_INT ||
            key.integer != (int64_t)i || dora_reader_skip(&reader, NULL) != DORA_OK) {
            return false;
        }
    }
    return true;
}

static dora_err put_member(json_t *json, const dora_value *key, json_t *member)
{
    char digits[DR_INT_TEXT_MAX];
    dora_slice name = key->string;
    if (json_is_array(json)) {
        return json_array_append_new(json, member) == 0 ? DORA_OK : DORA_ENOMEM;
    }
    if (key->type == DORA_INT) {
        name = (dora_slice){digits, dr_int_text(key->integer, digits)};
    }
    json_t *text = dr_json_text(name);
    const int failed = json_object_setn_new_nocheck(json, json_string_value(text),
                                                    json_string_length(text), member);
    json_decref(text);
    return failed == 0 ? DORA_OK : DORA_ENOMEM;
}

static dora_err members_of(const reply_manner *manner, dora_slice data, json_t **json)
{
    dora_reader reader;
    dora_value value;
    dora_value key;
    dora_slice raw;
    json_t *all = has_list_keys(data) ? json_array() : json_object();
    dora_reader_init(&reader, data);
    dora_err err = all != NULL ? dora_reader_value(&reader, &value) : DORA_ENOMEM;
    for (size_t i = 0, count = err == DORA_OK ? value.count : 0; err == DORA_OK && i < count; i++) {
        json_t *member = NULL;
        err = dora_reader_key(&reader, &key);
        err = err == DORA_OK ? dora_reader_skip(&reader, &raw) : err;
        err = err == DORA_OK ? member_of(manner, raw, &member) : err;
        err = err == DORA_OK ? put_member(all, &key, member) : err;
    }
    if (err != DORA_OK) {
        json_decref(all);
        return err;
    }
    *json = all;
    return DORA_OK;
}

static dora_err data_of(const reply_manner *manner, dora_slice data, json_t **json)
{
    dr_reply_message single;
    if (data.data[0] != 'a') {
        return dr_json_from_value(data, json, NULL);
    }
    if (dr_reply_decode(data, &single, NULL) == DORA_OK) {
        return envelope_of(manner, &single, json);
    }
    return members_of(manner, data, json);
}

static dora_err put_reply(const reply_manner *manner, const dr_reply_message *reply,
                          bool is_refused, dr_buf *out)
{
    json_t *data = NULL;
    int64_t code = reply->code;
    dora_slice msg = reply->msg;
    dora_err err = DORA_OK;
    if (is_refused) {
        code = DORA_CODE_TOO_BIG;
        msg = slice_of(manner->too_big);
        data = json_array();
    } else {
        err = data_of(manner, reply->data, &data);
    }
    if (err != DORA_OK) {
        return err;
    }
    json_t *json = envelope_new(manner, reply->guid, code, msg, data);
    if (json != NULL && reply->is_result &&
        json_object_set_new(json, "isresult", json_integer(1)) != 0) {
        err = DORA_ENOMEM;
    }
    err = json == NULL ? DORA_ENOMEM : err;
    err = err == DORA_OK ? dr_json_dump(json, 0, out) : err;
    json_decref(json);
    return err;
}

dora_err dr_json_reply(dora_slice body, dora_slice guid, size_t bytes_max, dr_buf *out)
{
    const size_t start = out->len;
    dr_reply_message reply;
    reply_manner manner = {.guid = guid};
    dora_err err = dr_reply_decode(body, &reply, NULL);
    err = err == DORA_OK ? put_reply(&manner, &reply, false, out) : err;
    if (err == DORA_OK && out->len - start > bytes_max) {
        out->len = start;
        manner.is_bare = true;
        (void)snprintf(manner.too_big, sizeof(manner.too_big),
                       "the result is larger than the limit of %zu bytes of JSON (frame_bytes_max)",
                       bytes_max);
        err = put_reply(&manner, &reply, false, out);
    }
    if (err == DORA_OK && out->len - start > bytes_max) {
        out->len = start; /* its keys alone are too much */
        err = put_reply(&manner, &reply, true, out);
    }
    if (err != DORA_OK) {
        out->len = start;
    }
    return err;
}
