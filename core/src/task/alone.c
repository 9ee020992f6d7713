/* alone.c: a call without a server: a request and a reply in this process, for tests. */
#include <dora/runtime.h>

#include <string.h>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/guid.h"
#include "base/mem.h"
#include "base/priority.h"
#include "base/sized.h"
#include "base/trace.h"
#include "ipc/region.h"
#include "task/app.h"
#include "wire/message.h"
#include "wire/value_write.h"

struct dora_alone {
    dora_request request;
    dora_reply reply;
    uint64_t outer_ns; /* deadline, priority and trace of who makes it: dora_alone_leave */
    dora_priority outer_priority;
    dr_trace_now outer_trace;
    char text[]; /* guid, name, parameter and trace, one behind the other */
};

/* type_of: control commands are no calls of a handler. */
static bool type_of(const char *name, uint16_t *type)
{
    for (unsigned at = 0; at < DR_TYPE_SC; at++) {
        if (name == NULL || strcmp(dr_call_type_name((dr_call_type)at), name) == 0) {
            *type = (uint16_t)at;
            return true;
        }
    }
    return false;
}

static bool protocol_of(const char *name, uint16_t *protocol)
{
    *protocol = name != NULL && strcmp(name, "http") == 0 ? DR_PROTOCOL_HTTP : DR_PROTOCOL_TCP;
    return name == NULL || *protocol == DR_PROTOCOL_HTTP || strcmp(name, "tcp") == 0;
}

static dora_err check(const dora_alone_call *asked, dora_request *request, dora_error *error)
{
    if (asked->name.len == 0 || asked->name.len > DR_API_NAME_MAX) {
        return dora_error_set(error, DORA_EINVAL, "an api name must have 1 to %d bytes",
                              DR_API_NAME_MAX);
    }
    if (asked->guid.len != 0 && asked->guid.len != DR_GUID_LEN) {
        return dora_error_set(error, DORA_EINVAL, "a guid must have %d bytes", DR_GUID_LEN);
    }
    if (!type_of(asked->type, &request->type)) {
        return dora_error_set(error, DORA_EINVAL,
                              "the type of a call must be W_S, W_M, AN_S, AN_M, AM_S or AM_M");
    }
    if (dr_priority_check(asked->priority, error) != DORA_OK) {
        return DORA_EINVAL;
    }
    if (!protocol_of(asked->protocol, &request->protocol)) {
        return dora_error_set(error, DORA_EINVAL, "the protocol of a call must be tcp or http");
    }
    return DORA_OK;
}

/* put copies a text behind the others. */
static dora_slice put(char **at, dora_slice text)
{
    if (text.len > 0) {
        memcpy(*at, text.data, text.len);
    }
    const dora_slice copy = {*at, text.len};
    *at += text.len;
    return copy;
}

dora_err dora_alone_new(const dora_alone_call *asked, dora_alone **call, dora_error *error)
{
    static const dr_sized type = DR_SIZED(dora_alone_call, bytes_max);
    dora_request request = {0};
    dora_alone_call room;
    const void *taken = asked;
    dora_err err = dr_sized_take(&type, &taken, &room, error);
    asked = taken;
    if (err == DORA_OK) {
        err = check(asked, &request, error);
    }
    if (err != DORA_OK) {
        return err;
    }
    dora_alone *self = dr_calloc(1, sizeof(*self) + DR_GUID_LEN + asked->name.len +
                                        asked->param.len + asked->caller.len + asked->trace.len);
    if (self == NULL) {
        return dora_error_set(error, DORA_ENOMEM, "out of memory");
    }
    char made[DR_GUID_LEN];
    dora_slice guid = asked->guid;
    if (guid.len == 0) {
        dr_random random = {{0}};
        dr_guid_make(&random, made);
        guid = (dora_slice){made, sizeof(made)};
    }
    char *at = self->text;
    request.guid = put(&at, guid);
    request.name = put(&at, asked->name);
    request.param = put(&at, asked->param);
    request.caller = put(&at, asked->caller);
    request.trace = put(&at, asked->trace);
    request.has_param = true;
    request.priority = (uint8_t)(asked->priority != DORA_PRIORITY_DEFAULT ? asked->priority
                                                                          : DORA_PRIORITY_NORMAL);
    request.connection = asked->connection;
    request.deadline_ns =
        asked->remaining_ms < 0 ? 0 : dr_clock_ns() + (uint64_t)asked->remaining_ms * 1000000u;
    self->request = request;
    dr_writer_init(&self->reply.writer, NULL, 0,
                   asked->bytes_max != 0 ? asked->bytes_max : DR_FRAME_BYTES_MAX_DEFAULT,
                   dr_writer_grow_heap, NULL);
    self->reply.writer.depth_max = DR_VALUE_DEPTH_MAX - DR_REPLY_LEVELS;
    *call = self;
    return DORA_OK;
}

void dora_alone_enter(dora_alone *call)
{
    call->outer_ns = dr_deadline_get();
    dr_trace_save(&call->outer_trace);
    call->outer_priority = dr_priority_get();
    dr_deadline_set(call->request.deadline_ns);
    dr_priority_set((dora_priority)call->request.priority);
    dr_trace_set(call->request.trace, NULL);
}

void dora_alone_leave(dora_alone *call)
{
    dr_deadline_set(call->outer_ns);
    dr_priority_set(call->outer_priority);
    dr_trace_restore(&call->outer_trace);
}

const dora_request *dora_alone_request(const dora_alone *call)
{
    return &call->request;
}

dora_reply *dora_alone_reply(dora_alone *call)
{
    return &call->reply;
}

int64_t dora_alone_end(dora_alone *call, dora_err err, dora_slice *out)
{
    if (call->reply.has_parts && err == DORA_OK && !call->reply.has_failed &&
        call->reply.writer.len == 0 && dora_writer_error(&call->reply.writer) == DORA_OK) {
        dora_reply_no_result(&call->reply);
    }
    dr_reply_finish(&call->reply, err, out);
    if (call->request.protocol != DR_PROTOCOL_TCP) {
        dr_reply_take_json(&call->reply, out);
    }
    return call->reply.has_failed ? call->reply.code : 0;
}

void dora_alone_free(dora_alone *call)
{
    if (call != NULL) {
        dr_writer_fini(&call->reply.writer);
        dr_parts_fini(&call->reply.parts);
        dr_free(call);
    }
}
