/* left_stream.h: what is still to come on a connection of a stream that its caller has left. */
#ifndef DR_CLIENT_LEFT_STREAM_H
#define DR_CLIENT_LEFT_STREAM_H

#include "client/blocking/conn_pool.h"

/* dr_left_stream_has_ended takes what has come, without waiting, and throws it away. Returns:
 * whether the stream's last word was among it: then the connection may serve another call.
 * Thread: whoever has the peer. */
bool dr_left_stream_has_ended(dr_pooled_conn *peer);

#endif
