/* unpack.h: bodies too large to be unpacked between two turns of a reactor. Thread: the lane's. */
#ifndef DR_SERVER_UNPACK_H
#define DR_SERVER_UNPACK_H

#include "server/call/lane.h"

/* dr_unpack_offload inflates a large body where it `is_packed`, and translates it from JSON, in
 * libuv's thread pool; dr_call_request follows, or a refusal. Errors: DORA_ENOMEM. */
dora_err dr_unpack_offload(dr_lane *lane, dr_conn *conn, const dr_frame *frame, bool is_packed);

#endif
