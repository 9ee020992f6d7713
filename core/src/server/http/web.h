/* web.h: requests over HTTP: which door they have come to. Thread: the lane's. */
#ifndef DR_SERVER_WEB_H
#define DR_SERVER_WEB_H

#include "server/call/responder.h"

/* dr_web_request is what a request over HTTP means; dr_web_gone: its client has left. Events of
 * net/http.h, whose user is the lane. */
void dr_web_request(dr_http_exchange *exchange, void *lane);
void dr_web_gone(dr_http_exchange *exchange, void *lane);

#endif
