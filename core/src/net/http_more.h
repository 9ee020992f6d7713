/* http_more.h: listening sockets of HTTP beside its first. */
#ifndef DR_NET_HTTP_MORE_H
#define DR_NET_HTTP_MORE_H

#include "net/http.h"

/* dr_http_listen_more accepts from one more socket that listens already. Ownership: takes the
 * descriptor, even on failure. Errors: DORA_ENOMEM, DORA_EIO. */
dora_err dr_http_listen_more(dr_http *http, int listen_fd, dora_error *error);

/* dr_http_more_look goes on where descriptors had run out. dr_http_more_close accepts no more from
 * any of them. Thread: the loop's. */
void dr_http_more_look(dr_http *http);
void dr_http_more_close(dr_http *http);

#endif
