/* poison.h: what is said of calls that have ended workers. Thread: the supervisor's. */
#ifndef DR_SERVER_POISON_H
#define DR_SERVER_POISON_H

#include "server/master/master.h"

/* dr_poison_look writes down calls that have come to be refused, and forgets those whose time is
 * over. */
void dr_poison_look(dr_server *server);

#endif
