/* conn_accept.h: connections that wait at a listener become ours. */
#ifndef DR_NET_CONN_ACCEPT_H
#define DR_NET_CONN_ACCEPT_H

#include "net/conn.h"

/* dr_conn_new makes a connection without a socket, which is closed by dr_conn_close. Returns: NULL
 * when that cannot be. */
dr_conn *dr_conn_new(struct dr_reactor *reactor, bool is_tcp);

/* dr_conn_accept takes a waiting connection of a listener, TCP or Unix, where that can be now. */
void dr_conn_accept(struct dr_reactor *reactor, uv_stream_t *listener);

/* dr_conn_accept_held takes those that had to wait, for room among the handshakes or for memory. */
void dr_conn_accept_held(struct dr_reactor *reactor);

/* dr_conn_accept_rest takes all that wait, and has no others come: the listener is to be closed,
 * and what is left there then the kernel resets, although its peer may have sent a request. */
void dr_conn_accept_rest(struct dr_reactor *reactor, uv_stream_t *listener);

/* dr_conn_enter takes a place for a connection (places.h), also beyond the limits where it `must`.
 * Returns: why there is none. */
dr_crowded dr_conn_enter(dr_conn *conn, bool must);

#endif
