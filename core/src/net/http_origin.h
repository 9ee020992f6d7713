/* http_origin.h: who a request comes from. */
#ifndef DR_NET_HTTP_ORIGIN_H
#define DR_NET_HTTP_ORIGIN_H

#include "net/http.h"

/* dr_http_peer says where the connection comes from. */
dr_peer dr_http_peer(const dr_http_exchange *exchange);

/* dr_http_address is that of the connection's other end; NULL where it is not known. */
const struct sockaddr *dr_http_address(const dr_http_exchange *exchange);

/* dr_http_place is a number that stands for where it comes from: an IPv4 address, or what one host
 * has of IPv6's. */
uint64_t dr_http_place(const dr_http_exchange *exchange);

/* dr_http_is_browser: a web page sent this: it has `Origin` or a `Sec-Fetch-` header. Programs send
 * neither. */
bool dr_http_is_browser(const dr_http_exchange *exchange);

/* dr_http_is_foreign: a web page sent this that is not the listener's own: of another origin, by
 * `Origin` (not the `Host`) or `Sec-Fetch-Site` (neither same-origin nor none), or of a name that
 * is not the listener's. */
bool dr_http_is_foreign(const dr_http_exchange *exchange);

/* dr_http_host_is_own: `Host` is localhost or a numeric address, one of the options' hosts, or
 * missing. A page that has its own name resolve to this machine (DNS rebinding) sends that name. */
bool dr_http_host_is_own(const dr_http_exchange *exchange);

/* dr_http_is_forwarded: a proxy says that it passes this on for somebody. Not all of them do. */
bool dr_http_is_forwarded(const dr_http_exchange *exchange);

/* dr_http_forwarded_for is for whom the last proxy passes this on: the last address of
 * X-Forwarded-For, as it stands there. Returns: data NULL where there is none. */
dora_slice dr_http_forwarded_for(const dr_http_exchange *exchange);

#endif
