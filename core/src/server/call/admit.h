/* admit.h: the apis of a request become tasks. Thread: the lane's. */
#ifndef DR_SERVER_ADMIT_H
#define DR_SERVER_ADMIT_H

#include "server/call/call.h"

/* dr_call_wait runs the apis of a call that waits; what cannot be run has its code. dr_call_accept
 * runs all apis of a call or none; it is answered at once. */
void dr_call_wait(const dr_responder *responder, const dr_request *request);
void dr_call_accept(const dr_responder *responder, const dr_request *request);

#endif
