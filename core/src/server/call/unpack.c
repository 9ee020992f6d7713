/* unpack.c: large bodies are inflated, and translated from JSON, in libuv's thread pool. */
#include "server/call/unpack.h"

#include <stdlib.h>
#include <string.h>

#include "server/call/intake.h"
#include "server/call/offload.h"
#include "server/call/reply.h"
#include "wire/json_message.h"
#include "wire/json_request.h"

/* unpacking is one body on its way. */
typedef struct unpacking {
    dr_aside aside;
    dora_frame_options options;
    dr_frame frame;
    dr_buf plain;
    dr_buf inner;
    dora_slice body;
    bool is_json;
    dora_err err;
    dora_error error;
    char guid[DR_GUID_LEN];
    char bytes[];
} unpacking;

static void unpack(dr_aside *aside)
{
    unpacking *self = (unpacking *)aside;
    self->err =
        dr_frame_body(&self->options, &self->frame, &self->plain, &self->body, &self->error);
    self->is_json = self->err == DORA_OK && !self->frame.is_bare && dr_body_is_json(self->body);
    if (self->is_json) {
        self->err = dr_json_request(self->body, 2 * dr_frame_bytes_max(&self->options),
                                    &self->inner, &self->error);
        self->body = dr_buf_slice(&self->inner);
    }
}

static void on_unpacked(dr_aside *aside)
{
    unpacking *self = (unpacking *)aside;
    const dr_asker asker = dr_asker_of_conn(self->is_json ? DR_ASKER_JSON : aside->asker.kind,
                                            aside->asker.lane, aside->asker.conn);
    if (self->err == DORA_OK && self->frame.is_bare) {
        dr_call_bare(&asker, self->body);
    } else if (self->err == DORA_OK) {
        dr_call_request(&asker, self->guid, self->body);
    } else {
        dr_reply_refused(&asker, self->guid, &self->error);
    }
}

static void free_unpacking(dr_aside *aside)
{
    unpacking *self = (unpacking *)aside;
    dr_buf_fini(&self->plain);
    dr_buf_fini(&self->inner);
    free(self);
}

dora_err dr_unpack_aside(dr_lane *lane, dr_conn *conn, const dr_frame *frame, bool is_packed)
{
    unpacking *self = calloc(1, sizeof(*self) + frame->body.len);
    if (self == NULL) {
        return DORA_ENOMEM;
    }
    self->aside.work = unpack;
    self->aside.done = on_unpacked;
    self->aside.free = free_unpacking;
    self->aside.bytes = sizeof(*self) + frame->body.len;
    self->options = lane->reactor.frame;
    self->options.gzip = is_packed;
    self->error.code = DORA_CODE_BAD_BODY;
    memcpy(self->guid, frame->is_bare ? DR_GUID_NONE : frame->guid, DR_GUID_LEN);
    memcpy(self->bytes, frame->body.data, frame->body.len);
    self->frame = (dr_frame){self->guid, {self->bytes, frame->body.len}, frame->is_bare};
    const dr_asker asker =
        dr_asker_of_conn(frame->is_bare ? DR_ASKER_BARE : DR_ASKER_FRAME, lane, conn);
    return dr_aside_start(&asker, &self->aside);
}
