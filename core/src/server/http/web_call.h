/* web_call.h: POST /call/NAME and /stream/NAME: one api, its parameter as JSON. Thread: the lane's.
 */
#ifndef DR_SERVER_WEB_CALL_H
#define DR_SERVER_WEB_CALL_H

#include "server/call/responder.h"

#define DR_CALL_FOLDER "/call"
#define DR_STREAM_FOLDER "/stream"

/* dr_web_call runs one api; the path must be DR_CALL_FOLDER or below it. It answers, now or
 * later. dr_web_stream does so in parts; the path must be DR_STREAM_FOLDER or below it. */
void dr_web_call(dr_lane *lane, dr_web *web);
void dr_web_stream(dr_lane *lane, dr_web *web);

#endif
