/* mux_read.h: replies that come to a mux. */
#ifndef DR_CLIENT_MUX_READ_H
#define DR_CLIENT_MUX_READ_H

#include "client/mux/mux.h"

/* dr_mux_read reads one frame of a connection. Returns: whether it makes an event. */
bool dr_mux_read(dora_mux *mux, dr_mux_conn *conn, uint64_t now_ns, dora_mux_event *event);

#endif
