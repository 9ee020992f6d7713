/* message_write.c: requests and replies to bytes, keys in the original's order. Pure. */
#include "wire/message_write.h"

#include <string.h>

#include "base/slice.h"
#include "wire/message.h"
#include "wire/value.h"
#include "wire/value_write.h"

/* Bytes that surround the variable parts of the short texts below, with room to spare. */
#define HEAD_BYTES 160

static dora_err put_text(dr_buf *out, const char *text, size_t len)
{
    return dr_buf_append(out, text, len);
}

#define PUT(out, text) put_text((out), (text), sizeof(text) - 1)

static dora_err put_number(dr_buf *out, char tag, int64_t number, const char *end, size_t end_len)
{
    dora_err err = dr_buf_reserve(out, DR_INT_TEXT_MAX + 2 + end_len);
    if (err != DORA_OK) {
        return err;
    }
    char *to = out->data + out->len;
    to[0] = tag;
    to[1] = ':';
    size_t len = 2 + dr_int_text(number, to + 2);
    memcpy(to + len, end, end_len);
    out->len += len + end_len;
    return DORA_OK;
}

dora_err dr_put_int(dr_buf *out, int64_t number)
{
    return put_number(out, 'i', number, ";", 1);
}

dora_err dr_put_string(dr_buf *out, dora_slice string)
{
    dora_err err = dr_buf_reserve(out, string.len + DR_INT_TEXT_MAX + 6);
    if (err != DORA_OK) {
        return err;
    }
    put_number(out, 's', (int64_t)string.len, ":\"", 2);
    dr_buf_append_slice(out, string);
    return PUT(out, "\";");
}

dora_err dr_put_array(dr_buf *out, size_t count)
{
    return put_number(out, 'a', (int64_t)count, ":{", 2);
}

dora_err dr_put_end(dr_buf *out)
{
    dora_err err = dr_buf_reserve(out, 1);
    if (err == DORA_OK) {
        out->data[out->len++] = '}';
    }
    return err;
}

static char *copy(char *to, const char *bytes, size_t len)
{
    memcpy(to, bytes, len);
    return to + len;
}

#define COPY(to, text) copy((to), (text), sizeof(text) - 1)

/* reply_head runs twice in every reply: room is reserved once, then filled. */
static dora_err reply_head(dr_buf *out, size_t count, const char *guid, int64_t code,
                           dora_slice msg)
{
    dora_err err = dr_buf_reserve(out, HEAD_BYTES + DR_GUID_LEN + msg.len);
    if (err != DORA_OK) {
        return err;
    }
    char *to = out->data + out->len;
    to = count == 4 ? COPY(to, "a:4:{") : COPY(to, "a:5:{");
    to = COPY(to, "s:4:\"guid\";s:32:\"");
    to = copy(to, guid, DR_GUID_LEN);
    to = COPY(to, "\";s:4:\"code\";i:");
    to += dr_int_text(code, to);
    to = COPY(to, ";s:3:\"msg\";s:");
    to += dr_int_text((int64_t)msg.len, to);
    to = COPY(to, ":\"");
    to = msg.len > 0 ? copy(to, msg.data, msg.len) : to; /* NULL where empty */
    to = COPY(to, "\";s:4:\"data\";");
    out->len = (size_t)(to - out->data);
    return DORA_OK;
}

dora_err dr_reply_begin(dr_buf *out, const char *guid, int64_t code, dora_slice msg)
{
    return reply_head(out, 4, guid, code, msg);
}

dora_err dr_reply_end(dr_buf *out)
{
    return dr_put_end(out);
}

dora_err dr_result_begin(dr_buf *out, const char *guid, int64_t code, dora_slice msg)
{
    return reply_head(out, 5, guid, code, msg);
}

dora_err dr_result_end(dr_buf *out)
{
    return PUT(out, "s:8:\"isresult\";i:1;}");
}

dora_err dr_part_begin(dr_buf *out, const char *guid)
{
    return reply_head(out, 5, guid, DORA_CODE_PART, dr_slice("part"));
}

dora_err dr_part_end(dr_buf *out, uint64_t part)
{
    dora_err err = PUT(out, "s:4:\"part\";");
    err = err == DORA_OK ? dr_put_int(out, (int64_t)part) : err;
    return err == DORA_OK ? dr_put_end(out) : err;
}

dora_err dr_word_encode(dr_buf *out, dr_call_type type, dora_slice guid, uint32_t take)
{
    const dora_err err = dr_buf_reserve(out, HEAD_BYTES + guid.len);
    if (err != DORA_OK) {
        return err;
    }
    dr_put_array(out, type == DR_TYPE_TK ? 3 : 2);
    PUT(out, "s:4:\"type\";");
    dr_put_string(out, dr_slice(type == DR_TYPE_TK ? "TK" : "CN"));
    PUT(out, "s:4:\"guid\";");
    dr_put_string(out, guid);
    if (type == DR_TYPE_TK) {
        PUT(out, "s:4:\"take\";");
        dr_put_int(out, take);
    }
    return PUT(out, "}");
}

static void put_guid(dr_buf *out, const dr_request *request)
{
    PUT(out, "s:4:\"guid\";");
    dr_put_string(out, request->guid);
}

static void put_type(dr_buf *out, const dr_request *request)
{
    const char *name = dr_call_type_name(request->type);
    PUT(out, "s:4:\"type\";");
    dr_put_string(out, dr_slice(name));
}

static size_t request_bytes(const dr_request *request, const dr_api *apis)
{
    size_t bytes = HEAD_BYTES * 2 + request->guid.len + request->trace.len;
    for (size_t i = 0; i < request->api_count; i++) {
        bytes += HEAD_BYTES + apis[i].key_raw.len + apis[i].name.len + apis[i].param.len +
                 apis[i].whole.len;
    }
    return bytes;
}

dora_err dr_request_encode(dr_buf *out, const dr_request *request, const dr_api *apis)
{
    dora_err err = dr_buf_reserve(out, request_bytes(request, apis));
    if (err != DORA_OK) {
        return err;
    }
    bool has_timeout = request->timeout_ms >= 0;
    bool has_trace = request->trace.len > 0;
    bool has_attempt = request->attempt >= 0;
    bool has_priority = request->priority != DORA_PRIORITY_DEFAULT;
    bool has_window = request->window > 0;
    dr_put_array(out, 3u + has_timeout + has_trace + has_attempt + has_priority + has_window);
    PUT(out, "s:3:\"api\";");
    dr_put_array(out, request->api_count);
    for (size_t i = 0; i < request->api_count; i++) {
        dr_buf_append_slice(out, apis[i].key_raw);
        if (apis[i].whole.len > 0) {
            dr_buf_append_slice(out, apis[i].whole);
            continue;
        }
        PUT(out, "a:2:{s:4:\"name\";");
        dr_put_string(out, apis[i].name);
        PUT(out, "s:5:\"param\";");
        dr_buf_append_slice(out, apis[i].param);
        PUT(out, "}");
    }
    PUT(out, "}");
    if (request->type == DR_TYPE_SC) {
        put_type(out, request);
        put_guid(out, request);
    } else {
        put_guid(out, request);
        put_type(out, request);
    }
    if (has_timeout) {
        PUT(out, "s:7:\"timeout\";");
        dr_put_int(out, request->timeout_ms);
    }
    if (has_trace) {
        PUT(out, "s:5:\"trace\";");
        dr_put_string(out, request->trace);
    }
    if (has_attempt) {
        PUT(out, "s:7:\"attempt\";");
        dr_put_int(out, request->attempt);
    }
    if (has_priority) {
        PUT(out, "s:8:\"priority\";");
        dr_put_string(out, dr_slice(dora_priority_name(request->priority)));
    }
    if (has_window) {
        PUT(out, "s:6:\"window\";");
        dr_put_int(out, request->window);
    }
    return PUT(out, "}");
}
