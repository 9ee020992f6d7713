/* call_index.h: a connection's call by its guid, for what a client says of one (TK, CN). Few calls
 * are looked through; where there are many, the first such word makes an index, which stays until
 * the connection has none: who says nothing of calls pays one branch for it. Thread: the lane's. */
#ifndef DR_SERVER_CALL_INDEX_H
#define DR_SERVER_CALL_INDEX_H

#include "server/call/call.h"

/* dr_call_of finds what waits under a guid on the responder's connection: of several the one that
 * came last. Returns: NULL where there is none. */
dr_call *dr_call_of(const dr_responder *responder, const char *guid);

/* For responder.c, where a connection has an index. */
void dr_call_index_add(const dr_conn *conn, dr_call *call);
void dr_call_index_remove(dr_conn *conn, dr_call *call);

#endif
