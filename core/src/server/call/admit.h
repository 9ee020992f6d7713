/* admit.h: the apis of a request become tasks. Thread: the lane's. */
#ifndef DR_SERVER_ADMIT_H
#define DR_SERVER_ADMIT_H

#include "server/call/call.h"

/* dr_admit_waiting runs the apis of a call that waits; what cannot be run has its code.
 * dr_admit_accepted runs all apis of a call or none; it is answered at once. */
void dr_admit_waiting(const dr_responder *responder, const dr_request *request);
void dr_admit_accepted(const dr_responder *responder, const dr_request *request);

#endif
