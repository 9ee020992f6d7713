/* web_call.h: POST /call/NAME: one api, its parameter as JSON. Thread: the lane's. */
#ifndef DR_SERVER_WEB_CALL_H
#define DR_SERVER_WEB_CALL_H

#include "server/call/responder.h"

#define DR_CALL_FOLDER "/call"

/* dr_web_call runs one api; the path must be DR_CALL_FOLDER or below it. It answers, now or
 * later. */
void dr_web_call(dr_lane *lane, dr_web *web);

#endif
