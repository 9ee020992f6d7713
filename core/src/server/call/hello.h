/* hello.h: the first request of a connection may say who sends it. Thread: the lane's. */
#ifndef DR_SERVER_HELLO_H
#define DR_SERVER_HELLO_H

#include "server/call/responder.h"

/* dr_hello_is: a command of this name over a connection. */
bool dr_hello_is(const dr_responder *responder);

/* dr_hello_take does what it says, and answers. Where that is not code 0 the connection ends:
 * nothing behind it is taken for somebody else's. */
void dr_hello_take(const dr_responder *responder, const dr_request *request);

#endif
