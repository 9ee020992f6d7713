/* unpack.c: large bodies are inflated, and translated from JSON, in libuv's thread pool. */
#include "server/call/unpack.h"

#include <stdlib.h>
#include <string.h>

#include "server/call/cancel.h"
#include "server/call/intake.h"
#include "server/call/offload.h"
#include "wire/json_message.h"
#include "wire/json_request.h"

/* unpacking is one body on its way. */
typedef struct unpacking {
    dr_offload offload;
    dora_frame_options options;
    dr_frame frame;
    dr_buf plain;
    dr_buf inner;
    dora_slice body;
    bool is_json;
    bool is_late; /* dr_lane.is_late */
    dora_err err;
    dora_error error;
    char guid[DR_GUID_LEN];
    char bytes[];
} unpacking;

static void unpack(dr_offload *offload)
{
    unpacking *self = (unpacking *)offload;
    self->err =
        dr_frame_body(&self->options, &self->frame, &self->plain, &self->body, &self->error);
    self->is_json = self->err == DORA_OK && !self->frame.is_bare && dr_body_is_json(self->body);
    if (self->is_json) {
        self->err = dr_json_request(self->body, 2 * dr_frame_bytes_max(&self->options),
                                    &self->inner, &self->error);
        self->body = dr_buf_slice(&self->inner);
    }
}

static void on_unpacked(dr_offload *offload)
{
    unpacking *self = (unpacking *)offload;
    const dr_responder responder =
        dr_responder_of_conn(self->is_json ? DR_RESPONDER_JSON : offload->responder.kind,
                             offload->responder.lane, offload->responder.conn);
    if (self->err == DORA_OK && self->frame.is_bare) {
        dr_call_bare(&responder, self->body);
    } else if (self->err == DORA_OK) {
        responder.lane->is_late = self->is_late;
        dr_call_request(&responder, self->guid, self->body);
        responder.lane->is_late = false;
        if (offload->is_cancelled) {
            dr_cancel_take(&responder, self->guid);
        }
    } else {
        dr_call_unreadable(&responder, self->guid, &self->error);
    }
}

static void free_unpacking(dr_offload *offload)
{
    unpacking *self = (unpacking *)offload;
    dr_buf_fini(&self->plain);
    dr_buf_fini(&self->inner);
    free(self);
}

dora_err dr_unpack_offload(dr_lane *lane, dr_conn *conn, const dr_frame *frame, bool is_packed)
{
    unpacking *self = calloc(1, sizeof(*self) + frame->body.len);
    if (self == NULL) {
        return DORA_ENOMEM;
    }
    self->offload.work = unpack;
    self->offload.done = on_unpacked;
    self->offload.free = free_unpacking;
    self->offload.bytes = sizeof(*self) + frame->body.len;
    self->offload.guid = self->guid;
    self->options = lane->reactor.frame;
    self->options.gzip = is_packed;
    self->is_late = lane->reactor.apart_bound == 0;
    self->error.code = DORA_CODE_BAD_BODY;
    memcpy(self->guid, frame->is_bare ? DR_GUID_NONE : frame->guid, DR_GUID_LEN);
    memcpy(self->bytes, frame->body.data, frame->body.len);
    self->frame = (dr_frame){self->guid, {self->bytes, frame->body.len}, frame->is_bare};
    const dr_responder responder =
        dr_responder_of_conn(frame->is_bare ? DR_RESPONDER_BARE : DR_RESPONDER_FRAME, lane, conn);
    return dr_offload_start(&responder, &self->offload);
}
