/* rehearsal.h: a start that ends once every application has loaded, or has not. Nothing is listened
 * on, no worker is made, and no hook runs. Thread: the supervisor's. */
#ifndef DR_SERVER_REHEARSAL_H
#define DR_SERVER_REHEARSAL_H

#include "server/config/config.h"
#include "task/names.h"

struct dr_server;

/* dr_rehearsal is told of each pool: what its application registers, or `why` it does not load,
 * which is NULL where it does. */
typedef struct dr_rehearsal {
    void (*tell)(void *user, const dr_pool_config *pool, const dr_names *names, const char *why);
    void *user;
} dr_rehearsal;

/* dr_rehearsal_look ends the server when all pools are known. Its outcome is DORA_ELOAD where one
 * does not load, or DORA_ECONFIG where two claim one name. */
void dr_rehearsal_look(struct dr_server *server);

#endif
