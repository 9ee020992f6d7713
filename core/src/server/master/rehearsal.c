/* rehearsal.c: a start that ends once every application has loaded, or has not. */
#include "server/master/rehearsal.h"

#include "server/master/master.h"

static bool all_are_known(const dr_server *server)
{
    for (uint32_t i = 0; i < server->backend.pool_count; i++) {
        const dr_crew_state state = server->crews[i]->state;
        if (state != DR_CREW_LOADED && state != DR_CREW_FAILED) {
            return false;
        }
    }
    return true;
}

/* tell_all. Returns: how many do not load. */
static uint32_t tell_all(const dr_server *server)
{
    const dr_rehearsal *told = server->rehearsal;
    uint32_t failed = 0;
    for (uint32_t i = 0; i < server->backend.pool_count; i++) {
        const dr_crew *crew = server->crews[i];
        const bool has_failed = crew->state == DR_CREW_FAILED;
        told->tell(told->user, &server->backend.config->pools[i], &crew->names,
                   has_failed ? crew->why.msg : NULL);
        failed += has_failed;
    }
    return failed;
}

void dr_rehearsal_look(dr_server *server)
{
    dr_names names[DR_POOLS_MAX];
    dr_routes *routes = NULL;
    if (!all_are_known(server)) {
        return;
    }
    for (uint32_t i = 0; i < server->backend.pool_count; i++) {
        names[i] = server->crews[i]->names;
    }
    const uint32_t failed = tell_all(server);
    const dora_err err = failed > 0 ? dora_error_set(&server->failure, DORA_ELOAD,
                                                     "%u of %u applications do not load", failed,
                                                     server->backend.pool_count)
                                    : dr_reload_routes(server, names, &routes, &server->failure);
    dr_routes_free(routes);
    if (err == DORA_OK) {
        dr_stop_rehearsed(server);
    } else {
        dr_stop_give_up(server, err);
    }
}
