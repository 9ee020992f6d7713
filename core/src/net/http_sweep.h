/* http_sweep.h: which connections have to go. */
#ifndef DR_NET_HTTP_SWEEP_H
#define DR_NET_HTTP_SWEEP_H

#include "net/http_inside.h"

/* dr_http_sweep looks for those that are too slow or have been left by their client, and
 * dr_http_drop_gone for those among the latter that the owner has.
 * dr_http_make_room lets the `wanted` oldest go of the place that holds most: those between
 * requests, then those whose request is not whole or whose answer is not taken; never one that the
 * owner has. A place is an IPv4 address, or what one host has of IPv6's: 64 bits. */
void dr_http_sweep(dr_http *http);
void dr_http_drop_gone(dr_http *http);
void dr_http_make_room(dr_http *http, uint32_t wanted);

#endif
