/* inflate.c: large compressed bodies are inflated in libuv's thread pool, so that one of them does
 * not hold up the reactor's other connections. */
#include <stdlib.h>
#include <string.h>

#include "server/lane.h"

/* dr_inflation is one body on its way; the thread pool sees only `frame`, `plain` and `error`. */
struct dr_inflation {
    uv_work_t work;
    dr_lane *lane;
    dr_conn *conn; /* NULL once it is gone */
    dr_inflation *next;
    dr_buf plain;
    dora_slice body;
    dora_err err;
    dora_error error;
    dr_frame frame;
    char guid[DR_GUID_LEN];
    char bytes[];
};

static void inflate_body(uv_work_t *work)
{
    dr_inflation *self = work->data;
    self->err = dr_frame_body(&self->lane->reactor.frame, &self->frame, &self->plain, &self->body,
                              &self->error);
}

static void unlink_inflation(dr_inflation *self)
{
    dr_inflation **at = &self->lane->inflations;
    while (*at != self) {
        at = &(*at)->next;
    }
    *at = self->next;
}

static void on_inflated(uv_work_t *work, int status)
{
    dr_inflation *self = work->data;
    dr_lane *lane = self->lane;
    dr_conn *conn = self->conn;
    unlink_inflation(self);
    lane->calls--;
    if (conn != NULL) {
        conn->calls -= DR_CONN_CALLS_MAX;
        if (self->err == DORA_OK && status == 0) {
            dr_call_body(lane, conn, self->guid, self->body);
        } else {
            dr_call_bad_frame(conn, self->guid, &self->error, false, lane);
        }
    }
    /* The call may have closed the connection; then it was forgotten, and is not touched. */
    if (conn != NULL && !conn->is_closing) {
        dr_conn_update(conn);
    }
    dr_buf_fini(&self->plain);
    free(self);
}

dora_err dr_inflate_aside(dr_lane *lane, dr_conn *conn, const dr_frame *frame)
{
    dr_inflation *self = calloc(1, sizeof(*self) + frame->body.len);
    if (self == NULL) {
        return DORA_ENOMEM;
    }
    self->work.data = self;
    self->lane = lane;
    self->conn = conn;
    self->error.code = DORA_CODE_BAD_BODY;
    memcpy(self->guid, frame->guid, DR_GUID_LEN);
    memcpy(self->bytes, frame->body.data, frame->body.len);
    self->frame = (dr_frame){self->guid, {self->bytes, frame->body.len}};
    if (uv_queue_work(&lane->reactor.loop, &self->work, inflate_body, on_inflated) != 0) {
        free(self);
        return DORA_ENOMEM;
    }
    self->next = lane->inflations;
    lane->inflations = self;
    lane->calls++;
    conn->calls += DR_CONN_CALLS_MAX; /* as good as full: it is not read until this is done */
    return DORA_OK;
}

void dr_inflate_forget(dr_lane *lane, const dr_conn *conn)
{
    for (dr_inflation *each = lane->inflations; each != NULL; each = each->next) {
        if (each->conn == conn) {
            each->conn = NULL;
        }
    }
}
