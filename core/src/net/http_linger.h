/* http_linger.h: connections that were answered before all of their body was read. */
#ifndef DR_NET_HTTP_LINGER_H
#define DR_NET_HTTP_LINGER_H

#include "net/http_inside.h"

/* dr_http_linger reads a connection's remaining input away for a while: closing it with unread
 * bytes would reset it, perhaps before the client has read the answer. The sweep ends those whose
 * time is over at `now_ms`; dr_http_linger_end all. */
void dr_http_linger(dr_http *http, int fd);
void dr_http_linger_sweep(dr_http *http, uint64_t now_ms);
void dr_http_linger_end(dr_http *http);

#endif
