/* server.h: the whole server: pools, reactors and supervisor, from start to stop. */
#ifndef DR_SERVER_H
#define DR_SERVER_H

#include <dora/server.h>

#include "server/config/config.h"

/* dr_server_run is the master's life: it starts the pools, listens, prints the ready line, and
 * comes back when the server was stopped. Errors: what kept it from starting, or ended it. */
dora_err dr_server_run(const dr_config *config, const dora_host *host, dora_error *error);

#endif
