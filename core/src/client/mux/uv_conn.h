/* uv_conn.h: the connections of the client for libuv. */
#ifndef DR_CLIENT_UV_CONN_H
#define DR_CLIENT_UV_CONN_H

#include "client/mux/mux_uv.h"

/* dr_uv_conn_open begins to connect, dr_uv_conn_write writes what there is, dr_uv_conn_close ends.
 * The first says its errors to the mux. */
void dr_uv_conn_open(dora_async *async, uint64_t id, const char *host, uint16_t port);
void dr_uv_conn_write(dora_async *async, uint64_t id);
void dr_uv_conn_close(dora_async *async, uint64_t id);
void dr_uv_conns_close(dora_async *async);

#endif
