/* renew.h: pools whose shared memory is damaged. Thread: the supervisor's. */
#ifndef DR_SERVER_RENEW_H
#define DR_SERVER_RENEW_H

#include "server/master/master.h"

/* dr_renew_look gives pools whose shared memory is damaged another. */
void dr_renew_look(dr_server *server);

#endif
