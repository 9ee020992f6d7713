/* intake.h: what frames mean, and the requests in them. Thread: the lane's. */
#ifndef DR_SERVER_INTAKE_H
#define DR_SERVER_INTAKE_H

#include "server/call/responder.h"

/* dr_call_frame takes a frame that has come, dr_call_bad_frame one that cannot be read: events of a
 * reactor (net/reactor.h), whose user is the lane. */
void dr_call_frame(dr_conn *conn, const dr_frame *frame, void *lane);
void dr_call_bad_frame(dr_conn *conn, const dr_frame *frame, const dora_error *error, bool closes,
                       void *lane);

/* dr_call_unreadable refuses a body that cannot be read, and ends the stream under its guid. */
void dr_call_unreadable(const dr_responder *responder, const char *guid, const dora_error *error);

/* dr_call_request goes on with the plain body of a request, dr_call_bare with that of a bare frame,
 * dr_call_run with what was found in it: its apis are lane->apis. */
void dr_call_bare(const dr_responder *responder, dora_slice body);
void dr_call_request(const dr_responder *responder, const char *guid, dora_slice body);
void dr_call_run(const dr_responder *responder, const dr_request *request);

#endif
