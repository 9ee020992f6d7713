/* json_reply.c: a reply in the inner encoding, to JSON text. */
#include "wire/json_reply.h"

#include <stdio.h>

#include "base/slice.h"
#include "base/utf8.h"
#include "wire/frame.h"
#include "wire/json_value.h"
#include "wire/message.h"
#include "wire/value.h"
#include "wire/value_write.h"

/* What all envelopes of one reply have in common, and where they are written. */
typedef struct reply_manner {
    dr_json_writer writer;
    dora_slice guid;  /* instead of their own; empty: theirs */
    bool is_bare;     /* results are left out: they are too large */
    char too_big[96]; /* what is said then */
} reply_manner;

#define KEY(writer, level, name) dr_json_key(writer, level, (dora_slice){name, sizeof(name) - 1})

/* begin_envelope is the head of a reply, or of a handler's envelope; its data is next. */
static void begin_envelope(reply_manner *manner, dr_json_level *level, dora_slice guid,
                           int64_t code, dora_slice msg)
{
    dr_json_writer *writer = &manner->writer;
    /* A guid that JSON cannot say stands in the frame's header only. */
    guid = manner->guid.len > 0 ? manner->guid : guid;
    guid = dr_utf8_is_valid(guid) ? guid : (dora_slice){DR_GUID_NONE, DR_GUID_LEN};
    dr_json_open(writer, level, false);
    KEY(writer, level, "guid");
    dr_json_string(writer, guid);
    KEY(writer, level, "code");
    dr_json_int(writer, code);
    KEY(writer, level, "msg");
    dr_json_text(writer, msg);
    KEY(writer, level, "data");
}

static void put_nothing(dr_json_writer *writer)
{
    dr_json_level level;
    dr_json_open(writer, &level, true);
    dr_json_close(writer, &level);
}

/* put_refused is an envelope without data. */
static void put_refused(reply_manner *manner, dora_slice guid, int64_t code, dora_slice msg)
{
    dr_json_level level;
    begin_envelope(manner, &level, guid, code, msg);
    put_nothing(&manner->writer);
    dr_json_close(&manner->writer, &level);
}

/* put_envelope is one api's result. Where it has no JSON form, that is its error. */
static dora_err put_envelope(reply_manner *manner, const dr_reply_message *result)
{
    dr_json_writer *writer = &manner->writer;
    const dr_json_mark mark = dr_json_here(writer);
    dr_json_level level;
    dora_error why;
    if (manner->is_bare) {
        const int64_t code = result->code == 0 ? DORA_CODE_TOO_BIG : result->code;
        const char *text = code == DORA_CODE_TOO_BIG ? manner->too_big : dora_code_text(code);
        put_refused(manner, result->guid, code, dr_slice(text));
        return DORA_OK;
    }
    begin_envelope(manner, &level, result->guid, result->code, result->msg);
    const dora_err err = dr_json_data(writer, result->data, &why);
    if (err == DORA_ETYPE) {
        dr_json_back(writer, mark);
        put_refused(manner, result->guid, DORA_CODE_HANDLER, dr_slice(why.msg));
        return DORA_OK;
    }
    dr_json_close(writer, &level);
    return err;
}

/* put_member is the result of one key of a multi call, or a value of a command's answer. */
static dora_err put_member(reply_manner *manner, dora_slice encoded)
{
    dr_reply_message result;
    if (dr_reply_decode(encoded, &result, NULL) == DORA_OK) {
        return put_envelope(manner, &result);
    }
    return dr_json_value(&manner->writer, encoded, NULL);
}

static void put_key(dr_json_writer *writer, dr_json_level *level, size_t index,
                    const dora_value *key)
{
    char digits[DR_INT_TEXT_MAX];
    if (key->type == DORA_INT && level->is_list && key->integer == (int64_t)index) {
        dr_json_item(writer, level);
        return;
    }
    level->is_distinct = false;
    dr_json_key(writer, level,
                key->type == DORA_STRING ? key->string
                                         : (dora_slice){digits, dr_int_text(key->integer, digits)});
}

static dora_err put_members(reply_manner *manner, dora_slice data)
{
    dr_json_writer *writer = &manner->writer;
    dr_json_level level;
    dora_reader reader;
    dora_value value;
    dora_value key;
    dora_slice raw;
    dora_reader_init(&reader, data);
    dora_err err = dora_reader_value(&reader, &value);
    dr_json_open(writer, &level, true);
    for (size_t i = 0, count = err == DORA_OK ? value.count : 0; err == DORA_OK && i < count; i++) {
        err = dora_reader_key(&reader, &key);
        err = err == DORA_OK ? dora_reader_skip(&reader, &raw) : err;
        if (err == DORA_OK) {
            put_key(writer, &level, i, &key);
            err = put_member(manner, raw);
        }
    }
    dr_json_close(writer, &level);
    return err;
}

static dora_err put_data(reply_manner *manner, dora_slice data)
{
    dr_reply_message single;
    if (data.data[0] != 'a') {
        return dr_json_value(&manner->writer, data, NULL);
    }
    if (dr_reply_decode(data, &single, NULL) == DORA_OK) {
        return put_envelope(manner, &single);
    }
    return put_members(manner, data);
}

static dora_err put_reply(reply_manner *manner, const dr_reply_message *reply, bool is_refused,
                          dr_buf *out)
{
    dr_json_level level;
    dora_err err = DORA_OK;
    manner->writer = dr_json_begin(out, 0);
    dr_json_writer *writer = &manner->writer;
    if (is_refused) {
        begin_envelope(manner, &level, reply->guid, DORA_CODE_TOO_BIG, dr_slice(manner->too_big));
        put_nothing(writer);
    } else {
        begin_envelope(manner, &level, reply->guid, reply->code, reply->msg);
        err = put_data(manner, reply->data);
    }
    if (reply->is_result) {
        KEY(writer, &level, "isresult");
        dr_json_int(writer, 1);
    }
    if (reply->part >= 0) {
        KEY(writer, &level, "part");
        dr_json_int(writer, reply->part);
    }
    dr_json_close(writer, &level);
    const dora_err written = dr_json_finish(writer);
    return err != DORA_OK ? err : written;
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
