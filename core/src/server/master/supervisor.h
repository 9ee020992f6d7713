/* supervisor.h: the master's own loop. Thread: it is the supervisor's. */
#ifndef DR_SERVER_SUPERVISOR_H
#define DR_SERVER_SUPERVISOR_H

#include "server/master/master.h"

/* dr_supervise runs the server's own loop until everything has ended. Errors: server->failure. */
dora_err dr_supervise(dr_server *server);

/* dr_supervisor_serve lets clients in: all is prepared. */
dora_err dr_supervisor_serve(dr_server *server, dora_error *error);

#endif
