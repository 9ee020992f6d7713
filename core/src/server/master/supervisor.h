/* supervisor.h: the master's own loop. Thread: it is the supervisor's. */
#ifndef DR_SERVER_SUPERVISOR_H
#define DR_SERVER_SUPERVISOR_H

#include "server/master/master.h"

/* dr_supervise runs the server's own loop until everything has ended. */
dora_err dr_supervise(dr_server *server, dora_error *error);

#endif
