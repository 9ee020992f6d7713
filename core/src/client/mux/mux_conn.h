/* mux_conn.h: the connections of a mux. */
#ifndef DR_CLIENT_MUX_CONN_H
#define DR_CLIENT_MUX_CONN_H

#include "client/mux/mux.h"

/* dr_mux_conn_pick gives the connection to a node for one more call, a new one if need be, never
 * one up to the serial `newer_than`. Returns: NULL when out of memory. */
dr_mux_conn *dr_mux_conn_pick(dora_mux *mux, size_t node, uint64_t newer_than, uint64_t now_ns);

/* dr_mux_conn_has_open says whether a connection to the node is open and takes calls. */
bool dr_mux_conn_has_open(const dora_mux *mux, size_t node);

/* dr_mux_flush puts waiting calls into the output, as far as there is room. */
void dr_mux_flush(dora_mux *mux, dr_mux_conn *conn, uint64_t now_ns);

/* dr_mux_wants_write has the driver told that there is something in the output.
 * dr_mux_cancel_there has the server end a call of which it may know. */
void dr_mux_wants_write(dora_mux *mux, dr_mux_conn *conn);
void dr_mux_cancel_there(dora_mux *mux, const dr_mux_call *call);

/* dr_mux_conn_end makes a connection take no more calls: those that wait go elsewhere, to another
 * node where this one `is_stopping`. dr_mux_conn_sweep closes it when nothing is left on it. */
void dr_mux_conn_end(dora_mux *mux, dr_mux_conn *conn, bool is_stopping, uint64_t now_ns);
void dr_mux_conn_sweep(dora_mux *mux, dr_mux_conn *conn);

/* dr_mux_conn_lose ends a connection and settles its calls; `state` is CLOSING or GONE. */
void dr_mux_conn_lose(dora_mux *mux, dr_mux_conn *conn, dr_mux_conn_state state,
                      const dr_reason *reason, uint64_t now_ns);

/* dr_mux_conn_refuse does so where the server has said, as `made` has it, that it takes nothing of
 * what came on the connection. dr_mux_conn_leave_node ends all connections to a node that stops. */
void dr_mux_conn_refuse(dora_mux *mux, dr_mux_conn *conn, const dr_try *made,
                        const dr_reason *reason, uint64_t now_ns);
void dr_mux_conn_leave_node(dora_mux *mux, size_t node, uint64_t now_ns);

/* dr_mux_conn_is_spare says whether another connection to the node is open on which the call may be
 * sent, where the server has no room for this one: what was refused here goes there, and for a
 * while no further one is opened.
 * dr_mux_move places a call anew at its node, which is no try; `reason` is why, where it cannot. */
bool dr_mux_conn_is_spare(dora_mux *mux, const dr_mux_conn *conn, const dr_mux_call *call,
                          uint64_t now_ns);
void dr_mux_move(dora_mux *mux, dr_mux_call *call, const dr_reason *reason, uint64_t now_ns);

/* dr_mux_conn_open makes a connection that the driver is to open, NULL when out of memory.
 * dr_mux_conn_detach ends its use: nothing is placed on it any more. `state` is CLOSING or GONE. */
dr_mux_conn *dr_mux_conn_open(dora_mux *mux);
void dr_mux_conn_detach(dora_mux *mux, dr_mux_conn *conn, dr_mux_conn_state state);

/* dr_mux_conn_free frees one that stands nowhere any more. dr_mux_ready has dora_mux_next look at a
 * connection. */
void dr_mux_conn_free(dora_mux *mux, dr_mux_conn *conn);
void dr_mux_ready(dora_mux *mux, dr_mux_conn *conn);

/* dr_mux_record_outcome takes what a try says about its node into account; a node that is set aside
 * already is not blamed once more by every call that was under way there. */
dr_advice dr_mux_record_outcome(dora_mux *mux, size_t node, const dr_try *made, uint64_t took_ns,
                                uint64_t now_ns);

#endif
