/* conn_look.h: connections on which nothing goes on. */
#ifndef DR_NET_CONN_LOOK_H
#define DR_NET_CONN_LOOK_H

#include "net/conn.h"

/* dr_conn_look is called every `passed_ms`: it closes a connection that has stood still for
 * `stall_ms` in the midst of a frame or of a reply, and one whose frame has begun and was not whole
 * in `frame_ms`; 0 for either: never. */
void dr_conn_look(dr_conn *conn, uint32_t passed_ms, uint32_t stall_ms, uint32_t frame_ms);

#endif
