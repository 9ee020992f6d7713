/* renew.c: a pool whose shared memory cannot be as it is gets another, with new processes. */
#include "server/master/renew.h"
#include "task/crew_zygote.h"
#include "task/damage.h"
#include "task/renew.h"

#include <inttypes.h>
#include <stdio.h>

static void say(const dr_server *server, uint32_t pool, const dr_damage *seen)
{
    char whose[32] = "";
    if (seen->whose != NULL) {
        (void)snprintf(whose, sizeof(whose), "%s %" PRIu32 ": ", seen->whose, seen->number);
    }
    dr_log_write(server->backend.log, DR_LOG_ERROR, server->backend.config->pools[pool].name,
                 "the shared memory is damaged (%s%s): a worker wrote where it should not; the "
                 "pool gets new memory and new workers",
                 whose, seen->what);
}

static void renew(dr_server *server, uint32_t index, const dr_damage *seen)
{
    dora_error error = {0};
    dr_pool *pool = &server->backend.pools[index];
    if (dr_dispatch_renew(pool, &error) != DORA_OK) {
        dr_log_write(server->backend.log, DR_LOG_EMERGENCY,
                     server->backend.config->pools[index].name,
                     "the shared memory is damaged, and there is no other: %s", error.msg);
        return; /* the next look tries again */
    }
    say(server, index, seen);
    dr_reload_again(server); /* what is on trial has the old memory */
    for (dr_crew *crew = server->all_crews; crew != NULL; crew = crew->next) {
        if (crew->pool == pool) {
            dr_crew_renew(crew);
        }
    }
    dr_reactor_threads_ask(server);
}

void dr_renew_look(dr_server *server)
{
    for (uint32_t i = 0; i < server->backend.pool_count; i++) {
        dr_damage seen;
        if (dr_dispatch_is_damaged(&server->backend.pools[i], &seen)) {
            renew(server, i, &seen);
        }
    }
}
