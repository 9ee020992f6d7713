/* transport_uv.h: connections on a libuv loop. Names are looked up in libuv's thread pool. */
#ifndef DR_TRANSPORT_UV_H
#define DR_TRANSPORT_UV_H

#include <uv.h>

#include "transport/transport.h"

/* dr_transport_uv_new makes a transport that `loop` drives; NULL: no memory. While it is not open,
 * nor opening, it does not keep the loop running. Thread: the loop's. Ownership: gives.
 * dr_transport_uv_free closes it at once, so that its user hears nothing more; when the loop has
 * done with its handles it is freed, and `on_freed` called with the user. */
dr_transport *dr_transport_uv_new(uv_loop_t *loop, const dr_transport_user *uses, void *user);
void dr_transport_uv_free(dr_transport *transport, void (*on_freed)(void *user));

#endif
