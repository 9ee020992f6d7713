/* conn_refuse.c: a connection that is one too many: its client is told so for each frame, and at
 * the end for all that may still be under way. */
#include "net/conn_refuse.h"

#include "net/reactor.h"
#include "wire/json_message.h"

/* may_answer says whether enough of a frame of `whole` bytes has come to answer it: its guid, and
 * the byte by which its body is known for JSON. */
static bool may_answer(const dr_frame *frame, dora_slice come, size_t whole)
{
    if (frame->is_bare || frame->guid == NULL) {
        return frame->is_bare;
    }
    const size_t head = (size_t)(frame->guid + DR_GUID_LEN - come.data);
    return come.len > head || whole == head;
}

/* say answers a frame, or, where it has no guid, for all that is not answered. */
static void say(dr_conn *conn, const dr_frame *frame, bool is_last)
{
    dr_reactor *reactor = conn->reactor;
    dora_error error;
    (void)dora_error_set(&error, DORA_ENOMEM, "%s", dr_crowded_text(conn->crowded));
    error.code = DORA_CODE_OVERLOADED;
    reactor->events.on_bad_frame(conn, frame, &error, is_last, reactor->events.user);
}

static void end(dr_conn *conn)
{
    conn->is_refusing = false;
    dr_buf_fini(&conn->in);
    dr_conn_send(conn); /* and then it is shut */
}

/* answer_next answers the first frame of `come`, if it can. Returns: how long that frame is; 0:
 * nothing more is to be had of these bytes. */
static size_t answer_next(dr_conn *conn, dora_slice come)
{
    dr_reactor *reactor = conn->reactor;
    dr_frame frame = {0};
    size_t whole = 0;
    dora_error error;
    const dora_err err = dr_frame_decode_any(&reactor->frame, come, &frame, &whole, &error);
    if (err == DORA_EAGAIN && !may_answer(&frame, come, whole)) {
        return 0;
    }
    if (err == DORA_EAGAIN && frame.guid != NULL) {
        const char *body = frame.guid + DR_GUID_LEN;
        frame.body = (dora_slice){body, (size_t)(come.data + come.len - body)};
    }
    if (err == DORA_OK || err == DORA_EAGAIN) {
        conn->refused_json = !frame.is_bare && dr_body_is_json(frame.body);
        conn->refused_bare = frame.is_bare;
        say(conn, &frame, false);
    } else {
        reactor->events.on_bad_frame(conn, &frame, &error, whole == 0, reactor->events.user);
    }
    if (whole == 0) {
        end(conn); /* where the next frame begins is not known */
    } else if (conn->out.len + conn->writing.len > DR_REFUSED_OUT_MAX) {
        dr_conn_refuse_end(conn); /* a flood */
    }
    return whole;
}

void dr_conn_refuse_take(dr_conn *conn, size_t got)
{
    dora_slice come = {conn->reactor->read_buf, conn->in.len + got};
    dr_count_add(&conn->reactor->bytes_in, got);
    dr_buf_clear(&conn->in);
    while (come.len > 0 && conn->is_refusing && !conn->is_closing) {
        if (conn->dropped == 0) {
            conn->dropped = answer_next(conn, come);
        }
        if (conn->dropped == 0) {
            break;
        }
        const size_t part = conn->dropped < come.len ? conn->dropped : come.len;
        conn->dropped -= part;
        come = (dora_slice){come.data + part, come.len - part};
    }
    if (conn->is_refusing && !conn->is_closing && come.len > 0 &&
        dr_buf_append_slice(&conn->in, come) != DORA_OK) {
        dr_conn_close(conn);
    }
}

void dr_conn_refuse_end(dr_conn *conn)
{
    const dr_frame all = {.body = conn->refused_json ? (dora_slice){"{", 1} : (dora_slice){"", 0},
                          .is_bare = conn->refused_bare};
    say(conn, &all, true);
    end(conn);
}

void dr_conn_refuse(dr_conn *conn, dr_crowded why)
{
    dr_reactor *reactor = conn->reactor;
    if (reactor->refused >= DR_REFUSED_MAX) {
        dr_conn_close(conn);
        return;
    }
    reactor->refused++;
    conn->crowded = why;
    conn->is_finishing = conn->is_refusing = true;
    conn->linger_until_ms = uv_now(&reactor->loop) + DR_REFUSE_MS;
    dr_conn_update(conn);
}
