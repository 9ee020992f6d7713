/* link.c: one connection's bytes, both ways. Pure: no descriptor, no clock. */
#include "client/shared/link.h"
#include "wire/message_write.h"

#include <string.h>

#define ROOM_MIN 4096u               /* most replies come in one piece */
#define ROOM_MAX (256u * 1024)       /* more is asked for only as it arrives */
#define KEEP_BYTES_MAX (256u * 1024) /* buffers above this are freed between calls */

void dr_link_init(dr_link *link, const dora_frame_options *frame)
{
    *link = (dr_link){.frame = *frame};
}

void dr_link_fini(dr_link *link)
{
    dr_buf_fini(&link->out);
    dr_buf_fini(&link->in);
    dr_buf_fini(&link->plain);
}

dora_err dr_link_request(dr_link *link, const dr_request *request, const dr_api *apis,
                         dora_error *error)
{
    dr_buf_clear(&link->out);
    return dr_link_append(link, request, apis, error);
}

dora_err dr_link_append(dr_link *link, const dr_request *request, const dr_api *apis,
                        dora_error *error)
{
    size_t mark = 0;
    dora_err err = dr_frame_begin(&link->out, &link->frame, request->guid.data, &mark);
    if (err != DORA_OK) {
        return dora_error_set(error, err, "%s", dora_err_text(err));
    }
    err = dr_request_encode(&link->out, request, apis);
    if (err != DORA_OK) {
        link->out.len = mark;
        return dora_error_set(error, err, "%s", dora_err_text(err));
    }
    return dr_frame_end(&link->out, &link->frame, mark, error);
}

dora_err dr_link_room(dr_link *link, char **room, size_t *room_len)
{
    dr_frame frame;
    size_t want = ROOM_MIN;
    size_t whole = 0;
    if (link->at > 0) {
        dr_buf_consume(&link->in, link->at);
        link->at = 0;
    }
    dora_slice bytes = dr_buf_slice(&link->in);
    if (dr_frame_decode(&link->frame, bytes, &frame, &whole, NULL) == DORA_EAGAIN &&
        whole > bytes.len + want) {
        want = whole - bytes.len < ROOM_MAX ? whole - bytes.len : ROOM_MAX;
    }
    dora_err err = dr_buf_reserve(&link->in, want);
    if (err != DORA_OK) {
        return err;
    }
    *room = link->in.data + link->in.len;
    *room_len = link->in.cap - link->in.len;
    return DORA_OK;
}

void dr_link_received(dr_link *link, size_t len)
{
    link->in.len += len;
}

static dora_err unreadable(dora_error *error, const char *what)
{
    dora_error_set(error, DORA_EPROTO,
                   "the reply cannot be read (%s); are `sign` and `gzip` the same at both ends?",
                   what);
    if (error != NULL) {
        error->code = DORA_CODE_RECEIVE;
    }
    return DORA_EPROTO;
}

/* What a server of another protocol says to a frame: an alert of TLS (RFC 8446, 6), or HTTP. As the
 * length of a frame that would be more than 300 MB. */
static bool is_foreign(dora_slice bytes)
{
    return bytes.len >= 4 &&
           (memcmp(bytes.data, "\x15\x03", 2) == 0 || memcmp(bytes.data, "HTTP", 4) == 0);
}

/* Nothing has run there. */
static dora_err speaks_other(const dora_error *inner, dora_error *error)
{
    dora_error_set(error, DORA_ECONNECT, "%s", inner->msg);
    if (error != NULL) {
        error->code = DORA_CODE_CONNECT;
    }
    return DORA_ECONNECT;
}

/* What a frame that does not decode means to a client. */
static dora_err frame_failed(dora_err err, dora_error *inner, dora_error *error)
{
    if (err == DORA_ENOMEM) {
        return dora_error_set(error, err, "%s", dora_err_text(err));
    }
    if (err == DORA_ESIGN || err == DORA_ETOOBIG) {
        dora_error_set(error, err, "reply: %s", inner->msg);
        if (error != NULL) {
            error->code = inner->code;
        }
        return err;
    }
    return unreadable(error, inner->msg);
}

/* Whether the body names the call that the header names; one that names none is not doubted. */
static bool has_guid(const dr_reply_message *reply, const char *guid)
{
    return reply->guid.len == 0 ||
           (reply->guid.len == DR_GUID_LEN && memcmp(reply->guid.data, guid, DR_GUID_LEN) == 0);
}

static dora_err next_frame(dr_link *link, dr_incoming *incoming, dora_error *error)
{
    dora_error inner;
    dr_frame frame;
    size_t used = 0;
    dora_slice bytes = {NULL, link->in.len - link->at};
    if (bytes.len == 0) {
        return DORA_EAGAIN;
    }
    bytes.data = link->in.data + link->at;
    dora_err err = dr_frame_decode(&link->frame, bytes, &frame, &used, &inner);
    if (err == DORA_EAGAIN) {
        return err;
    }
    if (err == DORA_OK) {
        err = dr_frame_body(&link->frame, &frame, &link->plain, &incoming->body, &inner);
    }
    if (err == DORA_OK) {
        err = dr_reply_decode(incoming->body, &incoming->reply, &inner);
    }
    if (err != DORA_OK) {
        return is_foreign(bytes) ? speaks_other(&inner, error) : frame_failed(err, &inner, error);
    }
    if (!has_guid(&incoming->reply, frame.guid)) {
        dora_error_set(error, DORA_EPROTO, "reply: %s", dora_code_text(DORA_CODE_BAD_GUID));
        if (error != NULL) {
            error->code = DORA_CODE_BAD_GUID;
        }
        return DORA_EPROTO;
    }
    incoming->guid = frame.guid;
    link->at += used;
    return DORA_OK;
}

/* is_welcome: the server knows who sends, or is older than all this. */
static bool is_welcome(int64_t code)
{
    return code == 0 || code == DORA_CODE_BAD_COMMAND;
}

dora_err dr_link_next(dr_link *link, dr_incoming *incoming, dora_error *error)
{
    dora_err err = next_frame(link, incoming, error);
    if (err == DORA_OK && link->has_hello &&
        memcmp(incoming->guid, link->hello, DR_GUID_LEN) == 0) {
        link->has_hello = false;
        if (is_welcome(incoming->reply.code)) {
            link->is_taken = true;
            return next_frame(link, incoming, error);
        }
        incoming->guid = DR_GUID_NONE; /* it answers whoever waits */
    }
    if (err == DORA_OK && incoming->reply.code != DORA_CODE_OVERLOADED) {
        link->is_taken = true;
    }
    return err;
}

bool dr_link_is_turned_away(const dr_link *link, int64_t code)
{
    return code == DORA_CODE_OVERLOADED && !link->is_taken;
}

bool dr_incoming_is_for(const dr_incoming *incoming, const char *guid)
{
    return memcmp(incoming->guid, guid, DR_GUID_LEN) == 0 ||
           memcmp(incoming->guid, DR_GUID_NONE, DR_GUID_LEN) == 0;
}

dora_err dr_link_take(dr_link *link, dr_buf *memory)
{
    dr_buf *from = link->frame.gzip ? &link->plain : &link->in;
    dr_buf taken = *from;
    dora_slice rest = {NULL, 0};
    if (!link->frame.gzip) {
        rest.len = link->in.len - link->at;
        rest.data = rest.len > 0 ? link->in.data + link->at : NULL;
        link->at = 0;
    }
    *from = *memory;
    *memory = taken;
    dr_buf_clear(from);
    return dr_buf_append_slice(from, rest);
}

bool dr_link_is_empty(const dr_link *link)
{
    return link->at == link->in.len;
}

void dr_link_shrink(dr_link *link)
{
    dr_buf *buffers[] = {&link->out, &link->plain};
    for (size_t i = 0; i < 2; i++) {
        if (buffers[i]->cap > KEEP_BYTES_MAX) {
            dr_buf_fini(buffers[i]);
        }
    }
    if (link->in.cap > KEEP_BYTES_MAX && link->in.len == link->at) {
        dr_buf_fini(&link->in);
        link->at = 0;
    }
}
