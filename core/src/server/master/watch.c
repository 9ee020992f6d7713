/* watch.c: a new generation is compared with the old one before it takes over. */
#include "server/master/watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "server/master/master.h"
#include "task/crew_zygote.h"

bool dr_watch_is_on(const dr_server *server)
{
    return server->watch.routes != NULL;
}

/* ---- apis that only the new generation has ---- */

/* add_new adds them to the names of a pool. Returns: how many. */
static uint32_t add_new(const dr_server *server, const dr_routes *routes, uint32_t pool,
                        dr_names *names)
{
    const dr_routes *now = atomic_load(&server->backend.routes);
    const dr_names *own = &routes->applications[pool];
    uint32_t count = 0;
    for (uint32_t i = 0; i < own->count && !names->has_fallback; i++) {
        const dora_slice name = {own->items[i], strlen(own->items[i])};
        dr_route route;
        if (!dr_routes_find(now, name, &route) && dr_routes_find(routes, name, &route) &&
            route.pool == pool) {
            count += dr_names_add_as(names, own, i) == DORA_OK;
        }
    }
    return count;
}

/* routes_of_both makes the routes that are in force meanwhile; NULL: the ones that are do. */
static dora_err routes_of_both(dr_server *server, const dr_routes *routes, dr_routes **both,
                               dora_error *error)
{
    dr_names names[DR_POOLS_MAX] = {{0}};
    uint32_t count = 0;
    dora_err err = DORA_OK;
    for (uint32_t i = 0; i < server->backend.pool_count && err == DORA_OK; i++) {
        err = dr_names_copy(&names[i], &server->crews[i]->names);
        count += err == DORA_OK ? add_new(server, routes, i, &names[i]) : 0;
    }
    if (err != DORA_OK) {
        dora_error_set(error, err, "out of memory");
    } else if (count > 0) {
        err = dr_reload_routes(server, names, both, error);
    }
    for (uint32_t i = 0; i < server->backend.pool_count; i++) {
        dr_names_fini(&names[i]);
    }
    return err;
}

/* forget_new takes them out of the routes again. Without memory they stay until the next reload,
 * and a worker says of each call that there is no such api. */
static void forget_new(dr_server *server)
{
    dr_names names[DR_POOLS_MAX];
    dr_routes *routes = NULL;
    dora_error error;
    for (uint32_t i = 0; i < server->backend.pool_count; i++) {
        names[i] = server->crews[i]->names;
    }
    if (server->watch.has_more_names &&
        dr_reload_routes(server, names, &routes, &error) == DORA_OK) {
        dr_reload_publish(server, routes);
    }
    server->watch.has_more_names = false;
}

/* apis_of says of each api of the routes that are in force meanwhile, and last of the fallback, who
 * has it. Returns: NULL without memory. */
static dr_canary_api *apis_of(const dr_server *server, const dr_routes *both,
                              const dr_routes *routes, uint32_t pool)
{
    const dr_names *names = &both->applications[pool];
    dr_canary_api *apis = calloc((size_t)names->count + 1, sizeof(*apis));
    for (uint32_t i = 0; apis != NULL && i <= names->count; i++) {
        const bool is_fallback = i == names->count;
        const dora_slice name = is_fallback
                                    ? (dora_slice){"", 0}
                                    : (dora_slice){names->items[i], strlen(names->items[i])};
        dr_route route;
        const bool is_there = dr_routes_own(routes, pool, name, &route);
        apis[i] = (dr_canary_api){is_there ? route.api : DR_NONE, route.own_limit_ms,
                                  dr_names_about(names, i)->own_limit_ms,
                                  !is_fallback && i >= server->crews[pool]->names.count};
    }
    return apis;
}

/* ---- begin ---- */

static dora_err begin_pools(dr_server *server, const dr_routes *both, const dr_routes *routes)
{
    dora_err err = DORA_OK;
    for (uint32_t i = 0; i < server->backend.pool_count && err == DORA_OK; i++) {
        dr_canary_api *apis = apis_of(server, both, routes, i);
        err = apis == NULL ? DORA_ENOMEM
                           : dr_canary_begin(&server->backend.pools[i], server->reload.crews[i]->id,
                                             server->crews[i]->id,
                                             server->backend.config->reload.canary_percent, apis,
                                             both->applications[i].count + 1);
    }
    for (uint32_t i = 0; i < server->backend.pool_count && err != DORA_OK; i++) {
        dr_canary_end(&server->backend.pools[i]);
    }
    return err;
}

dora_err dr_watch_begin(dr_server *server, dr_routes *routes, dora_error *error)
{
    dr_watch *watch = &server->watch;
    dr_routes *more = NULL;
    const dora_err err = routes_of_both(server, routes, &more, error);
    if (err != DORA_OK) {
        return err;
    }
    const dr_routes *both = more != NULL ? more : atomic_load(&server->backend.routes);
    if (begin_pools(server, both, routes) != DORA_OK) {
        dr_routes_free(more);
        return dora_error_set(error, DORA_ENOMEM, "out of memory");
    }
    for (uint32_t i = 0; i < server->backend.pool_count; i++) {
        dr_crew_watch(server->reload.crews[i]);
    }
    watch->has_more_names = more != NULL;
    if (more != NULL) {
        dr_reload_publish(server, more); /* now that somebody has them */
    }
    watch->routes = routes;
    watch->began_ms = dr_clock_ms();
    dr_rollout_begun(&watch->told, server->reload.generation + 1);
    dr_log_write(server->backend.log, DR_LOG_NOTICE, "master",
                 "generation %" PRIu32 " is watched for %" PRIu32 " s: it gets %" PRIu32
                 " %% of the calls",
                 server->reload.generation + 1, server->backend.config->reload.watch_s,
                 server->backend.config->reload.canary_percent);
    return DORA_OK;
}

/* ---- the verdict ---- */

/* judgement is how it stands, over all pools. */
typedef struct judgement {
    bool is_enough; /* every pool has had so many calls as are wanted for an early verdict */
    bool is_down;   /* a pool's old generation has no worker left */
    dr_worse worse;
    uint32_t pool; /* of that */
    const char *failure;
} judgement;

static judgement judge(dr_server *server, bool is_last)
{
    const dr_config *config = server->backend.config;
    const dr_bounds bounds = {config->reload.max_error_ratio, config->reload.max_time_ratio};
    const uint64_t enough = config->reload.enough_calls;
    judgement all = {.is_enough = enough > 0};
    for (uint32_t i = 0; i < server->backend.pool_count; i++) {
        dr_pool *pool = &server->backend.pools[i];
        const dr_crew *crew = server->reload.crews[i];
        dr_seen seen[DR_CANARY_SIDES];
        (void)dr_canary_look(pool, seen);
        pthread_mutex_lock(&pool->lock);
        all.is_down |= pool->unhealthy && pool->live_count == 0;
        pthread_mutex_unlock(&pool->lock);
        all.is_enough = all.is_enough && seen[DR_CANARY_NEW].calls >= enough &&
                        seen[DR_CANARY_OLD].calls >= enough;
        if (all.worse == DR_WORSE_IN_NOTHING) {
            all.worse = dr_worse_of(&seen[DR_CANARY_OLD], &seen[DR_CANARY_NEW], &bounds, is_last);
            all.pool = i;
        }
        if (crew->state == DR_CREW_FAILED) {
            all.failure = crew->why.msg;
        }
    }
    return all;
}

/* reason_of says what is worse than it may be. */
static void reason_of(const dr_server *server, const judgement *all, char *text, size_t room)
{
    const dr_config *config = server->backend.config;
    static const char *const whats[] = {
        [DR_WORSE_IN_NOTHING] = "",
        [DR_WORSE_IN_ERRORS] = "more errors",
        [DR_WORSE_IN_DEATHS] = "more deaths of workers",
        [DR_WORSE_IN_MEDIAN] = "a longer median run time",
        [DR_WORSE_IN_P90] = "a longer run time of nine calls in ten",
    };
    const bool is_time = all->worse >= DR_WORSE_IN_MEDIAN;
    (void)snprintf(text, room, "pool %s has %s than %s (%g) allows", config->pools[all->pool].name,
                   whats[all->worse], is_time ? "max_time_ratio" : "max_error_ratio",
                   is_time ? config->reload.max_time_ratio : config->reload.max_error_ratio);
}

dr_rollout_state dr_watch_look(dr_server *server, char text[DR_ROLLOUT_TEXT_MAX])
{
    const uint64_t ms = dr_clock_ms() - server->watch.began_ms;
    const uint32_t next = server->reload.generation + 1;
    judgement all = judge(server, false);
    const bool is_over =
        all.is_enough || ms >= (uint64_t)server->backend.config->reload.watch_s * 1000;
    char reason[DR_ROLLOUT_TEXT_MAX / 2] = "";
    if (is_over && all.worse == DR_WORSE_IN_NOTHING) {
        all = judge(server, true);
    }
    const bool is_back = all.failure != NULL || all.worse != DR_WORSE_IN_NOTHING;
    if (!is_back && !is_over && !all.is_down) {
        return DR_ROLLOUT_WATCHING;
    }
    if (all.failure != NULL) { /* whatever the old one does: this one starts no workers */
        (void)snprintf(reason, sizeof(reason), ": %s", all.failure);
    } else if (all.is_down) {
        (void)snprintf(reason, sizeof(reason), ": the old one has no worker left");
    } else if (is_back) {
        (void)snprintf(reason, sizeof(reason), ": ");
        reason_of(server, &all, reason + 2, sizeof(reason) - 2);
    }
    const bool goes_on = all.failure == NULL && (all.is_down || !is_back);
    int len = snprintf(text, DR_ROLLOUT_TEXT_MAX,
                       "generation %" PRIu32 " %s after %" PRIu64 ".%" PRIu64 " s%s; ", next,
                       goes_on ? "takes over" : "goes back", ms / 1000, ms % 1000 / 100, reason);
    len = len < (int)DR_ROLLOUT_TEXT_MAX ? len : (int)DR_ROLLOUT_TEXT_MAX - 1;
    (void)dr_rollout_figures(&server->backend, text + len, DR_ROLLOUT_TEXT_MAX - (size_t)len);
    return goes_on ? DR_ROLLOUT_AHEAD : DR_ROLLOUT_BACK;
}

/* ---- the end ---- */

dr_routes *dr_watch_won(dr_server *server, const char *text)
{
    dr_routes *routes = server->watch.routes;
    server->watch.routes = NULL;
    server->watch.has_more_names = false;
    dr_log_write(server->backend.log, DR_LOG_NOTICE, "master", "%s", text);
    dr_rollout_ended(&server->watch.told, DR_ROLLOUT_AHEAD, text);
    return routes;
}

void dr_watch_lost(dr_server *server, dr_rollout_state state, const char *text)
{
    dr_log_write_lines(server->backend.log, state == DR_ROLLOUT_BACK ? DR_LOG_ERROR : DR_LOG_NOTICE,
                       "master", "%s", text);
    for (uint32_t i = 0; i < server->backend.pool_count; i++) {
        dr_canary_end(&server->backend.pools[i]);
        dr_crew_retire(server->reload.crews[i]);
        server->reload.crews[i] = NULL;
    }
    forget_new(server);
    dr_routes_free(server->watch.routes);
    server->watch.routes = NULL;
    dr_rollout_ended(&server->watch.told, state, text);
}
