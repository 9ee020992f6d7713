/* expiry.c: answers callers over HTTP, and of streams, whose time is over; what runs for them runs
 * on, but for streams. */
#include "server/call/expiry.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "server/call/call_stream.h"
#include "server/call/cancel.h"
#include "server/call/dedupe.h"
#include "server/call/reply.h"

#define IDLE_TEXT_MAX 96

/* A call knows its place in the heap, counted from 1, so that it can leave from anywhere. */
static void put(dr_expiry *self, uint32_t at, dr_call *call)
{
    self->calls[at] = call;
    call->expiry_place = at + 1;
}

static void sift_up(dr_expiry *self, uint32_t at, dr_call *call)
{
    while (at > 0 && self->calls[(at - 1) / 2]->expires_ns > call->expires_ns) {
        put(self, at, self->calls[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(self, at, call);
}

static void sift_down(dr_expiry *self, uint32_t at, dr_call *call)
{
    for (;;) {
        uint32_t child = at * 2 + 1;
        if (child >= self->count) {
            break;
        }
        if (child + 1 < self->count &&
            self->calls[child + 1]->expires_ns < self->calls[child]->expires_ns) {
            child++;
        }
        if (self->calls[child]->expires_ns >= call->expires_ns) {
            break;
        }
        put(self, at, self->calls[child]);
        at = child;
    }
    put(self, at, call);
}

static void on_timer(uv_timer_t *timer);

/* arm sets the timer to the soonest. One that comes too early, by the loop's own time, is set anew.
 */
static void arm(dr_lane *lane)
{
    dr_expiry *self = &lane->expiry;
    if (self->count == 0) {
        uv_timer_stop(&self->timer);
        return;
    }
    const uint64_t now_ns = dr_clock_ns();
    const uint64_t at_ns = self->calls[0]->expires_ns;
    uv_timer_start(&self->timer, on_timer, at_ns > now_ns ? (at_ns - now_ns + 999999) / 1000000 : 0,
                   0);
}

static const char late_text[] = "the caller's time is over; the handler may still run";
static const char stream_late_text[] = "the stream's time is over (timeout)";

/* expire_late ends a stream whose caller's time is over: what no worker has begun has not run. */
static void expire_late(dr_call *call)
{
    dr_call_drop(call, DORA_CODE_EXPIRED);
    if (call->left == 0 && !call->stream->is_draining) {
        dr_call_end(call);
    } else {
        dr_cancel(call, DORA_CODE_RECEIVE, stream_late_text);
    }
}

/* expire_stream ends a stream, or looks again when that may be due: how long it is stuck counts
 * anew with each part that goes, and costs nothing then. */
static void expire_stream(dr_call *call, uint64_t now_ns)
{
    const uint64_t deadline_ns = call->stream->deadline_ns;
    const uint64_t gives_up_ns = dr_call_stream_gives_up_ns(call);
    char text[IDLE_TEXT_MAX];
    if (deadline_ns != 0 && deadline_ns <= now_ns) {
        expire_late(call);
    } else if (gives_up_ns != 0 && gives_up_ns <= now_ns) {
        (void)snprintf(text, sizeof(text),
                       "cancelled: nothing of it was taken for %" PRIu32 " ms (stream_idle_ms)",
                       call->stream->pool->limits.stream_idle_ms);
        dr_cancel(call, DORA_CODE_CANCELLED, text);
    } else {
        dr_expiry_look(call, gives_up_ns);
        dr_expiry_look(call, deadline_ns);
    }
}

/* expire answers whoever asked, and leaves the call to those who may ask again. */
static void expire(dr_call *call, uint64_t now_ns)
{
    if (call->stream != NULL) {
        expire_stream(call, now_ns);
        return;
    }
    if (call->waiter.role != DR_REPLY_FOLLOWER && !dr_dedupe_is_wanted(call)) {
        dr_call_drop(call, DORA_CODE_EXPIRED);
    }
    if (call->left == 0) {
        dr_call_end(call);
        return;
    }
    const dr_responder responder = call->responder;
    call->stops_with_caller = false; /* what has begun runs on */
    dr_call_detach(call);
    dr_reply_early(&responder, call, DORA_CODE_RECEIVE, late_text);
    dr_call_abandon(call);
}

static void on_timer(uv_timer_t *timer)
{
    dr_lane *lane = timer->data;
    const uint64_t now_ns = dr_clock_ns();
    while (lane->expiry.count > 0 && lane->expiry.calls[0]->expires_ns <= now_ns) {
        dr_call *call = lane->expiry.calls[0];
        dr_expiry_remove(call);
        expire(call, now_ns);
    }
    arm(lane);
}

void dr_expiry_add(dr_call *call, uint64_t at_ns)
{
    dr_lane *lane = call->lane;
    dr_expiry *self = &lane->expiry;
    if (self->count == self->room) {
        const uint32_t room = self->room == 0 ? 64 : self->room * 2;
        dr_call **calls = dr_realloc(self->calls, room * sizeof(dr_call *));
        if (calls == NULL) {
            return;
        }
        self->calls = calls;
        self->room = room;
    }
    call->expires_ns = at_ns;
    sift_up(self, self->count++, call);
    if (self->calls[0] == call) {
        arm(lane);
    }
}

void dr_expiry_remove(dr_call *call)
{
    dr_expiry *self = &call->lane->expiry;
    if (call->expiry_place == 0) {
        return;
    }
    const uint32_t at = call->expiry_place - 1;
    dr_call *last = self->calls[--self->count];
    call->expiry_place = 0;
    if (last == call) {
        return;
    }
    /* The timer may be early now: it then finds nothing and is set anew. */
    if (at > 0 && self->calls[(at - 1) / 2]->expires_ns > last->expires_ns) {
        sift_up(self, at, last);
    } else {
        sift_down(self, at, last);
    }
}

void dr_expiry_look(dr_call *call, uint64_t at_ns)
{
    if (at_ns != 0 && (call->expiry_place == 0 || at_ns < call->expires_ns)) {
        dr_expiry_remove(call);
        dr_expiry_add(call, at_ns);
    }
}

void dr_expiry_init(dr_lane *lane)
{
    uv_timer_init(&lane->reactor.loop, &lane->expiry.timer);
    lane->expiry.timer.data = lane;
}

void dr_expiry_close(dr_lane *lane)
{
    uv_close((uv_handle_t *)&lane->expiry.timer, NULL);
}

void dr_expiry_fini(dr_lane *lane)
{
    dr_free(lane->expiry.calls);
    lane->expiry.calls = NULL;
    lane->expiry.count = lane->expiry.room = 0;
}
