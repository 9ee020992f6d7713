/* conn_move.h: a connection goes to another process, where it goes on as if nothing had happened:
 * its descriptor, and what has come of frames that nobody has taken. What stands in the kernel goes
 * along by itself. */
#ifndef DR_NET_CONN_MOVE_H
#define DR_NET_CONN_MOVE_H

#include "net/conn.h"

/* dr_conn_move has a connection go on which nothing is in flight: by on_move, which the owner
 * answers by dr_conn_give or not at all. One with TLS cannot go, since its keys stay here: it is
 * finished, once its handshake is over; a client of Dora's has linger_ms before, in which the owner
 * refuses what it sends, so that it calls elsewhere. */
void dr_conn_move(dr_conn *conn);

/* dr_conn_give takes a connection apart that goes, and closes it here. Returns: its descriptor; -1
 * when there is none to be had: it is closed. Ownership: gives the descriptor, and the bytes in
 * `*in`, an empty buffer. */
int dr_conn_give(dr_conn *conn, dr_buf *in);

/* dr_conn_adopt makes a connection of one that has come, TCP or Unix; nothing is read of it before
 * dr_conn_start. Returns: NULL when out of memory: it is closed. Ownership: takes the descriptor
 * and, also then, the bytes in `*in`, which is empty afterwards. */
dr_conn *dr_conn_adopt(struct dr_reactor *reactor, int fd, bool is_tcp, dr_buf *in);
void dr_conn_start(dr_conn *conn);

#endif
