/* stranger.h: who comes and does not speak our language: written down, but not without end. */
#ifndef DR_SERVER_STRANGER_H
#define DR_SERVER_STRANGER_H

#include "net/conn.h"

/* dr_stranger_tls is the reactor's on_tls_failed; dr_stranger_plain is for a frame that ends its
 * connection. Both name the peer. `user` is the lane. */
void dr_stranger_tls(dr_conn *conn, const char *why, void *user);
void dr_stranger_plain(dr_conn *conn, const char *why, void *user);

#endif
