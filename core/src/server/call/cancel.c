/* cancel.c: calls that end early. */
#include "server/call/cancel.h"

#include <string.h>

#include "server/call/call_stream.h"
#include "server/call/dedupe.h"
#include "server/call/reply.h"

dr_call *dr_call_of(const dr_responder *responder, const char *guid)
{
    dr_call *call = dr_responder_has_conn(responder) ? responder->conn->owner : NULL;
    while (call != NULL && memcmp(call->guid, guid, DR_GUID_LEN) != 0) {
        call = call->next;
    }
    return call;
}

void dr_cancel_running(dr_call *call)
{
    if (call->stream != NULL) {
        dr_call_stream_give_up(call);
    }
    for (uint32_t i = 0; i < call->count; i++) {
        if (call->parts[i].state == DR_PART_PENDING) {
            dr_task_stop(call->parts[i].pool, call->parts[i].task);
        }
    }
}

void dr_cancel(dr_call *call, int64_t code, const char *text)
{
    const dr_responder responder = call->responder;
    if (call->stream != NULL && call->stream->is_draining) {
        dr_call_stream_end(call, code); /* what was not sent yet is lost: it is no success */
        return;
    }
    const bool has_joined = call->waiter.role == DR_REPLY_FOLLOWER;
    if (!has_joined && !dr_dedupe_has_joined(call)) {
        call->is_cancelled = call->stops_with_caller = true;
        dr_call_drop(call, code);
    }
    if (call->left == 0) {
        dr_call_end(call);
        return;
    }
    dr_call_detach(call);
    dr_reply_early(&responder, call, code, text);
    dr_call_abandon(call);
}

void dr_cancel_take(const dr_responder *responder, const dr_request *request)
{
    dr_call *call = dr_call_of(responder, request->guid.data);
    if (call == NULL || dr_call_type_is_accepted(call->type)) {
        dr_count_one(&responder->lane->ignored);
        return;
    }
    dr_cancel(call, DORA_CODE_CANCELLED, dora_code_text(DORA_CODE_CANCELLED));
}
