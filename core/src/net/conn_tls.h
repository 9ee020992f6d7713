/* conn_tls.h: what of a connection goes through TLS. Where `conn->tls` is NULL none of this is
 * called but dr_conn_tls_begin and dr_conn_peer_name. */
#ifndef DR_NET_CONN_TLS_H
#define DR_NET_CONN_TLS_H

#include "net/conn.h"

/* dr_conn_tls_begin has a new connection begin with a handshake. Returns: false when that cannot
 * be. */
bool dr_conn_tls_begin(dr_conn *conn);

/* dr_conn_tls_has_room says whether one more handshake may begin: where too many are under way the
 * oldest makes way, if it has had its time. Who connects and says nothing, or little now and then,
 * keeps nobody out. */
bool dr_conn_tls_has_room(struct dr_reactor *reactor);

/* dr_conn_tls_room gives room for a read, none where others' handshakes have had this turn.
 * dr_conn_tls_take takes what was read. dr_conn_tls_drain has frames parsed of what waits in the
 * filter. */
void dr_conn_tls_room(dr_conn *conn, uv_buf_t *room);
void dr_conn_tls_take(dr_conn *conn, size_t got);
void dr_conn_tls_drain(dr_conn *conn);

/* dr_conn_tls_seal makes bytes for the peer of the replies in `conn->out`, behind what TLS itself
 * has to say. Returns: false when the connection is closed for it. */
bool dr_conn_tls_seal(dr_conn *conn);

/* dr_conn_tls_goodbye says that nothing more will come; dr_conn_tls_gone, before the connection
 * closes, counts it off, too. */
void dr_conn_tls_goodbye(dr_conn *conn);
void dr_conn_tls_gone(dr_conn *conn);

/* dr_conn_tls_look ends one whose handshake takes too long. Returns: false when it did.
 * dr_conn_tls_is_awaited: a record has begun, and its end has not come. */
bool dr_conn_tls_look(dr_conn *conn, uint32_t passed_ms);
bool dr_conn_tls_is_awaited(const dr_conn *conn);

/* dr_conn_peer_name is the name in the certificate that the peer showed, "" where there is none.
 * Borrowed, as long as the connection is. */
const char *dr_conn_peer_name(const dr_conn *conn);

#endif
