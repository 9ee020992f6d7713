/* admin.h: the operators' listener: is it alive, is it ready, and its numbers, by HTTP.
 *
 * It runs on the supervisor's loop: it answers while the reactors are busy or draining, from before
 * the applications are loaded until the last worker has gone. Thread: the supervisor's. */
#ifndef DR_SERVER_ADMIN_H
#define DR_SERVER_ADMIN_H

#include "base/address.h"
#include "net/http.h"
#include "server/call/backend.h"
#include "server/ops/recent.h"
#include "server/ops/trial.h"

typedef struct dr_admin {
    dr_backend *backend;
    dr_http http;
    dr_recent recent;
    dr_trials trials;
    char address[DR_ADDRESS_TEXT_MAX];  /* where the server takes frames; "": nowhere yet */
    char http_url[DR_ADDRESS_TEXT_MAX]; /* where it takes calls over HTTP; "": nowhere */
    uint16_t port;                      /* that is listened on */
    bool wants_local_host;              /* bound to loopback: a foreign name in `Host` is refused */
} dr_admin;

/* dr_admin_open answers at a listening socket, on `port` of the configuration's address; what its
 * connections hold is counted at `seat`. Ownership: takes the descriptor. Errors: DORA_EIO.
 * dr_admin_close ends it; safe when it was not opened, and twice. */
dora_err dr_admin_open(dr_admin *admin, dr_backend *backend, uv_loop_t *loop, dr_seat *seat,
                       int listen_fd, uint16_t port, dora_error *error);
void dr_admin_close(dr_admin *admin);

/* dr_admin_opened is told the server's ports, once it listens; `http_host` NULL: not over HTTP.
 * dr_admin_look is called each second. Both do nothing where the listener is not open. */
void dr_admin_opened(dr_admin *admin, uint16_t tcp_port, const char *http_host, uint16_t http_port);
void dr_admin_look(dr_admin *admin);

#endif
