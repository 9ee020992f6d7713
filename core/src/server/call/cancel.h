/* cancel.h: calls that end early: cancelled by whoever asked, or since nobody waits any more.
 * Thread: the lane's. Source: PROTOCOL.md, "Streams". */
#ifndef DR_SERVER_CANCEL_H
#define DR_SERVER_CANCEL_H

#include "server/call/call.h"

/* dr_cancel_take is a client's CN for the call of a guid. One whose body is unpacked still is
 * cancelled when that is done. */
void dr_cancel_take(const dr_responder *responder, const char *guid);

/* dr_cancel answers whoever asked at once: this code and text for each api that has not ended.
 * What waits is dropped, what runs is asked to stop, unless a repeat of it has joined. */
void dr_cancel(dr_call *call, int64_t code, const char *text);

/* dr_cancel_unwanted is for a call that nobody waits for any more, the last of whom has cancelled
 * it: one of the repeats that had joined it. */
void dr_cancel_unwanted(dr_call *call);

/* dr_cancel_running asks the items of a call that run to stop. */
void dr_cancel_running(dr_call *call);

#endif
