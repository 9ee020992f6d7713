/* web_form.h: the endpoints of the original: requests in forms. Thread: the lane's. */
#ifndef DR_SERVER_WEB_FORM_H
#define DR_SERVER_WEB_FORM_H

#include "server/call/responder.h"

/* dr_web_form does what an endpoint of the original does; `path` has no slashes around it. It
 * answers, now or later. */
void dr_web_form(dr_lane *lane, dr_web *web, dora_slice path);

#endif
