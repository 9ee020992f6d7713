/* cancel.c: calls that end early. */
#include "server/call/cancel.h"

#include "server/call/call_index.h"
#include "server/call/call_stream.h"
#include "server/call/dedupe.h"
#include "server/call/offload.h"
#include "server/call/reply.h"

void dr_cancel_running(dr_call *call)
{
    if (call->stream != NULL) {
        dr_call_stream_give_up(call);
    }
    for (uint32_t i = 0; i < call->count; i++) {
        if (call->items[i].state == DR_ITEM_PENDING) {
            dr_task_stop(call->items[i].pool, call->items[i].task);
        }
    }
}

void dr_cancel_unwanted(dr_call *call)
{
    call->is_cancelled = call->stops_with_caller = true;
    dr_call_drop(call, DORA_CODE_CANCELLED);
    if (call->left == 0) {
        dr_call_end(call);
    } else {
        dr_cancel_running(call);
    }
}

/* cancel_joined is for a repeat: what it has joined goes on for whoever else waits for it. */
static void cancel_joined(dr_call *call, int64_t code, const char *text)
{
    const dr_responder responder = call->responder;
    dr_call_detach(call);
    dr_reply_early(&responder, call, code, text);
    (void)dr_dedupe_leave(call, true);
    dr_call_free(call);
}

void dr_cancel(dr_call *call, int64_t code, const char *text)
{
    const dr_responder responder = call->responder;
    if (call->waiter.role == DR_REPLY_FOLLOWER) {
        cancel_joined(call, code, text);
        return;
    }
    if (call->stream != NULL && call->stream->is_draining) {
        dr_call_stream_end(call, code, text); /* what was not sent is lost: it is no success */
        return;
    }
    if (!dr_dedupe_has_joined(call)) {
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

void dr_cancel_take(const dr_responder *responder, const char *guid)
{
    dr_call *call = dr_call_of(responder, guid);
    if (call != NULL && !dr_call_type_is_accepted(call->type)) {
        dr_cancel(call, DORA_CODE_CANCELLED, dora_code_text(DORA_CODE_CANCELLED));
    } else if (call != NULL || !dr_offload_cancel(responder, guid)) {
        dr_count_one(&responder->lane->ignored);
    }
}
