/* listeners.h: where clients come in. Thread: the supervisor's. */
#ifndef DR_SERVER_LISTENERS_H
#define DR_SERVER_LISTENERS_H

#include "server/master/master.h"

/* dr_listeners_listen makes the listening sockets; nobody accepts from them yet. Errors: DORA_EIO
 * names the address. dr_listeners_open starts the lanes and prints the ready line.
 * dr_listeners_close takes the Unix socket's file away, so that nobody new comes, unless it is a
 * service manager's, or that of the server from which this one was to take over; the lanes close
 * their listeners. */
dora_err dr_listeners_listen(dr_server *server, dora_error *error);
dora_err dr_listeners_open(dr_server *server, dora_error *error);
void dr_listeners_close(dr_server *server);

/* dr_listeners_admin opens the operators' socket, where the configuration has one, and answers
 * there from then on: dr_listeners_open_admin; an heir does so when it takes over. Errors: DORA_EIO
 * names the address. */
dora_err dr_listeners_admin(dr_server *server, dora_error *error);
dora_err dr_listeners_open_admin(dr_server *server, dora_error *error);

#endif
