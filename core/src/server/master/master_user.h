/* master_user.h: the master becomes another user once it has opened what only root may. */
#ifndef DR_SERVER_MASTER_USER_H
#define DR_SERVER_MASTER_USER_H

#include <dora/error.h>

typedef struct dr_server dr_server;

/* dr_master_user_check says before the start whether that will be possible, and whether this user
 * can reach what the master opens later. Errors: DORA_ECONFIG. */
dora_err dr_master_user_check(const dr_server *server, dora_error *error);

/* dr_master_user_become makes every thread of the process `master_user`, for good. It keeps the
 * rights to start processes as other users, and to signal them. Thread: the supervisor's, before
 * those that serve are started. */
dora_err dr_master_user_become(const dr_server *server, dora_error *error);

#endif
