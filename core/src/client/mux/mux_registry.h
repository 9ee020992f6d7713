/* mux_registry.h: the registry of a mux. */
#ifndef DR_CLIENT_MUX_REGISTRY_H
#define DR_CLIENT_MUX_REGISTRY_H

#include "client/mux/mux.h"

/* dr_mux_registry_new makes the registry of options->nodes. Errors: as dr_registry_new; it is to be
 * freed all the same. dr_mux_registry_free frees it, NULL too. */
dora_err dr_mux_registry_new(dora_mux *mux, const dora_client_options *options, dora_error *error);
void dr_mux_registry_free(dora_mux *mux);

/* dr_mux_registry_use is for each call that begins: the first one has the registry begin, and a
 * node file is looked at now and then. */
void dr_mux_registry_use(dora_mux *mux, uint64_t now_ns);

/* dr_mux_hold takes a call for which there is no node: while the first nodes may still come it is
 * held until then, else it ends, unless it waits for a server to come back. dr_mux_held_late ends
 * one whose time is over. */
void dr_mux_hold(dora_mux *mux, dr_mux_call *call, uint64_t now_ns);
void dr_mux_held_late(dora_mux *mux, dr_mux_call *call, uint64_t now_ns);

uint64_t dr_mux_registry_deadline_ns(const dora_mux *mux);
void dr_mux_registry_tick(dora_mux *mux, uint64_t now_ns);

/* dr_mux_registry_warn tells the warnings that wait. Nothing of the mux may be half changed: who
 * hears them may use it. */
void dr_mux_registry_warn(dora_mux *mux);

/* The connection of a session, as dora_mux_connected and the others have it. */
const dr_address *dr_mux_session_address(const dr_mux_session *session);
dr_tls_peer dr_mux_session_tls(const dr_mux_session *session);
void dr_mux_session_connected(dora_mux *mux, dr_mux_conn *conn, uint64_t now_ns);
void dr_mux_session_lost(dora_mux *mux, dr_mux_conn *conn, dr_mux_conn_state state, const char *why,
                         uint64_t now_ns);
void dr_mux_session_read(dora_mux *mux, dr_mux_conn *conn, uint64_t now_ns);
dora_slice dr_mux_session_output(const dr_mux_session *session);
void dr_mux_session_sent(dr_mux_conn *conn, size_t len);

#endif
