/* mux_secure.h: the connections of a mux that are spoken to over TLS: its driver moves what is
 * encrypted, and knows nothing of it. */
#ifndef DR_CLIENT_MUX_SECURE_H
#define DR_CLIENT_MUX_SECURE_H

#include "client/mux/mux.h"

/* dr_mux_secure_begin is for a connection whose socket is open. Returns: DORA_EAGAIN: TLS comes
 * first, and has begun; DORA_OK: there is none. Errors: as dr_client_tls_peer. */
dora_err dr_mux_secure_begin(dora_mux *mux, dr_mux_conn *conn, dora_error *error);

/* dr_mux_secure_feed takes what came into the room of conn->link. dr_mux_secure_take puts what it
 * says there: once for each time that conn->has_cipher is set. Returns: DORA_OK, also where the
 * handshake has gone on. Errors: those of a dr_loss, whose reason is borrowed. */
void dr_mux_secure_feed(dora_mux *mux, dr_mux_conn *conn, size_t len);
dora_err dr_mux_secure_take(dora_mux *mux, dr_mux_conn *conn, dr_loss *loss);

/* dr_mux_secure_output is what the driver is to write, where the connection's own output is
 * `plain`. dr_mux_secure_wish has it asked for where there is some. */
dora_slice dr_mux_secure_output(dora_mux *mux, dr_mux_conn *conn, dora_slice plain);
void dr_mux_secure_wish(dora_mux *mux, dr_mux_conn *conn);

/* dr_mux_address is the address of a connection's node, which says whether it is TLS. */
dr_address dr_mux_address(const dora_mux *mux, const dr_mux_conn *conn);

#endif
