/* call.c: what a frame means: whose turn it is after the body was read. */
#include "server/call.h"

void dr_call_bad_frame(dr_conn *conn, const char *guid, const dora_error *error, bool closes,
                       void *user)
{
    const dr_asker asker = dr_asker_of_frame(user, conn);
    /* Where the framing is lost nothing in the bytes is believed, the guid neither. */
    dr_reply_code(&asker,
                  guid == NULL || (closes && error->code == DORA_CODE_BAD_LENGTH) ? DR_GUID_NONE
                                                                                  : guid,
                  error->code, error->msg[0] != '\0' ? error->msg : NULL);
}

void dr_call_frame(dr_conn *conn, const dr_frame *frame, void *user)
{
    dr_lane *lane = user;
    dora_slice body;
    dora_error error;
    error.msg[0] = '\0';
    error.code = DORA_CODE_BAD_BODY;
    if (lane->reactor.frame.gzip && frame->body.len > DR_INFLATE_INLINE_MAX) {
        if (dr_inflate_aside(lane, conn, frame) != DORA_OK) {
            const dr_asker asker = dr_asker_of_frame(lane, conn);
            dr_reply_code(&asker, frame->guid, DORA_CODE_OVERLOADED, "out of memory");
        }
        return;
    }
    if (dr_frame_body(&lane->reactor.frame, frame, &lane->plain, &body, &error) != DORA_OK) {
        dr_call_bad_frame(conn, frame->guid, &error, false, lane);
        return;
    }
    dr_call_body(lane, conn, frame->guid, body);
}

void dr_call_body(dr_lane *lane, dr_conn *conn, const char *guid, dora_slice body)
{
    dr_request request;
    dora_error error;
    error.msg[0] = '\0';
    error.code = DORA_CODE_BAD_BODY;
    if (dr_request_decode(body, guid, &request, lane->apis, DR_APIS_MAX, &error) != DORA_OK) {
        dr_call_bad_frame(conn, guid, &error, false, lane);
        return;
    }
    const dr_asker asker = dr_asker_of_frame(lane, conn);
    dr_count_one(&lane->requests);
    if (request.type == DR_TYPE_SC) {
        dr_control_command(&asker, &request);
    } else if (atomic_load_explicit(&lane->server->phase, memory_order_relaxed) !=
               DR_PHASE_SERVING) {
        dr_reply_code(&asker, guid, DORA_CODE_STOPPING, NULL);
    } else if (dr_call_is_accepted(request.type)) {
        dr_call_accept(&asker, &request);
    } else {
        dr_call_wait(&asker, &request);
    }
}
