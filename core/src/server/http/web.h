/* web.h: requests over HTTP: which door they have come to, and what they mean there. For the files of
 * this step: web.c (which door), web_call.c (/call) and web_form.c (the original's endpoints).
 * Thread: the lane's. */
#ifndef DR_SERVER_WEB_H
#define DR_SERVER_WEB_H

#include "server/call/responder.h"

#define DR_CALL_FOLDER "/call"

/* dr_web_call runs one api: POST /call/NAME; the path must be DR_CALL_FOLDER or below it.
 * dr_web_form does what an endpoint of the original does; `path` has no slashes around it. Each
 * answers, now or later. */
void dr_web_call(dr_lane *lane, dr_web *web);
void dr_web_form(dr_lane *lane, dr_web *web, dora_slice path);

/* dr_web_request is what a request over HTTP means; dr_web_gone: its client has left. Events of
 * net/http.h, whose user is the lane. */
void dr_web_request(dr_http_exchange *exchange, void *lane);
void dr_web_gone(dr_http_exchange *exchange, void *lane);

#endif
