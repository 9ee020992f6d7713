/* bare_reply.c: a reply of today, to the form of the original's older releases. */
#include "wire/bare_reply.h"

#include <string.h>

#include "wire/frame.h"
#include "wire/message.h"
#include "wire/message_write.h"

/* Every envelope that is written here begins so; nothing else in a reply's data does. */
#define ENVELOPE_HEAD "a:4:{s:4:\"guid\";s:32:\""

#define PUT(out, text) dr_buf_append((out), (text), sizeof(text) - 1)

static bool is_envelope(dora_slice value)
{
    return value.len > sizeof(ENVELOPE_HEAD) - 1 &&
           memcmp(value.data, ENVELOPE_HEAD, sizeof(ENVELOPE_HEAD) - 1) == 0;
}

/* The room for all of it is there from the beginning: it is no longer than what it is made of. */

static void put_head(dr_buf *out, size_t count, int64_t code, dora_slice msg)
{
    dr_put_array(out, count);
    PUT(out, "s:4:\"code\";");
    dr_put_int(out, code);
    PUT(out, "s:3:\"msg\";");
    dr_put_string(out, msg);
    PUT(out, "s:4:\"data\";");
}

static void put_value(dr_buf *out, dora_slice value)
{
    dr_reply_message result;
    if (!is_envelope(value) || dr_reply_decode(value, &result, NULL) != DORA_OK) {
        dr_buf_append_slice(out, value);
        return;
    }
    put_head(out, 3, result.code, result.msg);
    dr_buf_append_slice(out, result.data);
    dr_put_end(out);
}

/* put_members: the results of a multi call, each under its key, or a command's answer. */
static void put_members(dr_buf *out, dora_slice data)
{
    dora_reader reader;
    dora_value value = {.count = 0};
    dora_value key;
    dora_slice raw;
    dora_reader_init(&reader, data);
    dora_err err = dora_reader_value(&reader, &value);
    dr_put_array(out, value.count);
    for (size_t i = 0, count = value.count; err == DORA_OK && i < count; i++) {
        const size_t at = reader.at;
        err = dora_reader_key(&reader, &key);
        dr_buf_append(out, reader.data + at, reader.at - at);
        err = err == DORA_OK ? dora_reader_skip(&reader, &raw) : err;
        if (err == DORA_OK) {
            put_value(out, raw);
        }
    }
    dr_put_end(out);
}

dora_err dr_bare_reply(dora_slice body, dora_slice guid, dr_buf *out)
{
    dr_reply_message reply;
    dora_err err = dr_buf_reserve(out, body.len + guid.len + DR_FRAME_HEAD_BYTES_MAX);
    err = err == DORA_OK ? dr_reply_decode(body, &reply, NULL) : err;
    if (err != DORA_OK) {
        return err;
    }
    guid = guid.len > 0 ? guid : reply.guid;
    const bool has_guid =
        guid.len > 0 && (guid.len != DR_GUID_LEN || memcmp(guid.data, DR_GUID_NONE, guid.len) != 0);
    put_head(out, 3u + has_guid + reply.is_result, reply.code, reply.msg);
    if (reply.data.data[0] == 'a' && !is_envelope(reply.data)) {
        put_members(out, reply.data);
    } else {
        put_value(out, reply.data);
    }
    if (has_guid) {
        PUT(out, "s:4:\"guid\";");
        dr_put_string(out, guid);
    }
    if (reply.is_result) {
        PUT(out, "s:8:\"isresult\";i:1;");
    }
    return dr_put_end(out);
}
