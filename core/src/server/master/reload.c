/* reload.c: a new generation of applications beside the old, and the moment it takes over. */
#include "server/master/reload.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "server/master/master.h"
#include "task/crew_zygote.h"
#include "task/switch.h"

#define TIMER_MS 50u

static const char stopping_text[] = "the server is stopping";
static const char replaced_text[] = "the watch ends without a verdict: another reload has come";
static const char ended_text[] = "the watch ends without a verdict: the server is stopping";
static const char damaged_text[] =
    "the new generation goes back: the shared memory of a pool was damaged while it was watched";

static const char upgrading_text[] =
    "reload refused: an upgrade is under way, and what takes over has loaded everything anew";

static void answer_all(dr_reload_request **list, int64_t code, const char *msg)
{
    while (*list != NULL) {
        dr_reload_request *request = *list;
        *list = request->next;
        dr_control_answer(request, code, false, msg);
    }
}

/* answer_late tells those who have waited long enough that it goes on. */
static void answer_late(dr_reload_request **list, uint64_t now_ms)
{
    while (*list != NULL) {
        dr_reload_request *request = *list;
        if (request->wish != DR_WISH_RELOAD_WAIT && request->wish != DR_WISH_RELOAD_NOW_WAIT &&
            now_ms - request->taken_ms >= DR_RELOAD_ANSWER_MS) {
            *list = request->next;
            dr_control_answer(request, 0, true, NULL);
        } else {
            list = &request->next;
        }
    }
}

static void take_requests(dr_server *server)
{
    dr_reload *reload = &server->reload;
    dr_reload_request *request;
    while ((request = dr_control_take(server)) != NULL) {
        if (request->wish == DR_WISH_UPGRADE) {
            dr_elder_asked(server, request);
            continue;
        }
        if (dr_elder_is_busy(server)) {
            dr_control_answer(request, DORA_CODE_RELOAD, false, upgrading_text);
            continue;
        }
        request->taken_ms = dr_clock_ms();
        request->next = reload->waiting;
        reload->waiting = request;
        reload->is_wanted = true;
        reload->skips_watch |=
            request->wish == DR_WISH_RELOAD_NOW || request->wish == DR_WISH_RELOAD_NOW_WAIT;
    }
    if (atomic_load(&server->backend.phase) > DR_PHASE_SERVING) {
        answer_all(&reload->waiting, DORA_CODE_STOPPING, stopping_text);
    }
}

static void discard(dr_server *server)
{
    dr_reload *reload = &server->reload;
    for (uint32_t i = 0; i < server->backend.pool_count; i++) {
        if (reload->crews[i] != NULL) {
            dr_crew_discard(reload->crews[i]);
            reload->crews[i] = NULL;
        }
    }
    dr_certificates_discard(server);
    reload->is_loading = false;
}

static void refuse(dr_server *server, const char *why)
{
    dr_reload *reload = &server->reload;
    dr_log_write_lines(server->backend.log, DR_LOG_ERROR, "master",
                       "reload refused, generation %" PRIu32 " serves on: %s", reload->generation,
                       why);
    dr_dev_loaded(server, false);
    discard(server);
    dr_service_ready(server);
    answer_all(&reload->interested, DORA_CODE_RELOAD, why);
}

static void begin(dr_server *server)
{
    dr_reload *reload = &server->reload;
    dora_error error = {0};
    dora_err err = DORA_OK;
    reload->is_wanted = false;
    reload->is_watch_wanted = dr_rollout_is_configured(&server->backend) && !reload->skips_watch;
    reload->skips_watch = false;
    reload->is_loading = true;
    reload->began_ms = dr_clock_ms();
    reload->interested = reload->waiting;
    reload->waiting = NULL;
    dr_log_write(server->backend.log, DR_LOG_INFO, "master", "loading the applications again");
    dr_service_reloading(server);
    dr_dev_begin(server);
    err = dr_certificates_renew(server, &error);
    for (uint32_t i = 0; i < server->backend.pool_count && err == DORA_OK; i++) {
        err = dr_launch(server, i, true, &reload->crews[i], &error);
    }
    if (err != DORA_OK) {
        refuse(server, error.msg);
    }
}

/* apis_moved says what becomes of each api of an old application, and last of its fallback.
 * Returns: how many. `moves` has room for DR_APP_APIS_MAX. */
static uint32_t apis_moved(const dr_routes *routes, uint32_t pool, const dr_names *old,
                           dr_move *moves)
{
    dr_route route;
    for (uint32_t i = 0; i < old->count; i++) {
        const dora_slice name = {old->items[i], strlen(old->items[i])};
        const bool is_there = dr_routes_own(routes, pool, name, &route);
        moves[i] = (dr_move){is_there ? route.api : DR_NONE, route.own_limit_ms};
    }
    (void)dr_routes_own(routes, pool, (dora_slice){"", 0}, &route);
    moves[old->count] = (dr_move){route.api, route.own_limit_ms};
    return old->count + 1;
}

/* take_over is the moment. Pool by pool the new workers get everything and the old nothing more;
 * only then do lanes see the new names, so no worker meets a name that its pool does not have.
 * Where a name moves to another pool, what waits for it in the old one is answered 100204. */
static void take_over(dr_server *server, dr_routes *routes)
{
    dr_reload *reload = &server->reload;
    const dr_routes *now = atomic_load(&server->backend.routes);
    dr_move moves[DR_APP_APIS_MAX];
    for (uint32_t i = 0; i < server->backend.pool_count; i++) {
        dr_crew *old = server->crews[i];
        dr_crew *crew = reload->crews[i];
        const uint32_t count = apis_moved(routes, i, &now->applications[i], moves);
        dr_dispatch_switch(&server->backend.pools[i], crew->id, moves, count);
        dr_crew_take_over(crew);
        server->crews[i] = crew;
        reload->crews[i] = NULL;
        dr_crew_retire(old);
    }
    dr_certificates_take_over(server);
    dr_settings_reload(server); /* before the routes, which say that lanes have seen both */
    dr_reload_publish(server, routes);
    reload->generation++;
    reload->is_loading = false;
    dr_log_write(server->backend.log, DR_LOG_NOTICE, "master", "reloaded, generation %" PRIu32,
                 reload->generation);
    dr_dev_loaded(server, true);
    dr_service_ready(server);
    answer_all(&reload->interested, 0, NULL);
}

static void begin_watch(dr_server *server, dr_routes *routes)
{
    dora_error error = {0};
    if (dr_watch_begin(server, routes, &error) != DORA_OK) {
        dr_routes_free(routes);
        refuse(server, error.msg);
        return;
    }
    server->reload.is_loading = false;
    dr_service_ready(server); /* whose manager does not wait as long as a watch may last */
}

/* end_watch ends it without the new generation. */
static void end_watch(dr_server *server, dr_rollout_state state, const char *text)
{
    dr_watch_lost(server, state, text);
    dr_certificates_discard(server);
    if (state == DR_ROLLOUT_BACK) {
        answer_all(&server->reload.interested, DORA_CODE_RELOAD, text);
    }
}

static void look_at_watch(dr_server *server)
{
    char text[DR_ROLLOUT_TEXT_MAX];
    const dr_rollout_state state = dr_watch_look(server, text);
    if (state == DR_ROLLOUT_BACK) {
        end_watch(server, state, text);
    } else if (state == DR_ROLLOUT_AHEAD) {
        take_over(server, dr_watch_won(server, text));
    }
}

/* finish_if_ready takes over, or has the new generation watched, when all crews are complete, or
 * refuses when one has failed. */
static void finish_if_ready(dr_server *server)
{
    dr_reload *reload = &server->reload;
    dr_names names[DR_POOLS_MAX];
    dora_error error = {0};
    dr_routes *routes = NULL;
    bool is_complete = true;
    for (uint32_t i = 0; i < server->backend.pool_count; i++) {
        const dr_crew *crew = reload->crews[i];
        if (crew->state == DR_CREW_FAILED) {
            refuse(server, crew->why.msg);
            return;
        }
        is_complete = is_complete && dr_crew_is_complete(crew);
        names[i] = crew->names;
    }
    if (!is_complete) {
        return;
    }
    if (dr_reload_routes(server, names, &routes, &error) != DORA_OK) {
        refuse(server, error.msg);
        return;
    }
    if (reload->is_watch_wanted) {
        begin_watch(server, routes);
    } else {
        take_over(server, routes);
    }
}

/* refuse_slow gives up, and says what was not ready. */
static void refuse_slow(dr_server *server)
{
    char text[DR_API_NAME_MAX + 256];
    uint32_t slow = 0;
    while (slow + 1 < server->backend.pool_count &&
           dr_crew_is_complete(server->reload.crews[slow])) {
        slow++;
    }
    const dr_crew *crew = server->reload.crews[slow];
    if (crew->state == DR_CREW_LOADED) {
        (void)snprintf(text, sizeof(text),
                       "pool %s: %" PRIu32 " of %" PRIu32 " workers are ready after %u s; there "
                       "may be too many old ones that still run their tasks",
                       crew->options.name, dr_crew_ready(crew), crew->options.workers,
                       DR_RELOAD_MS_MAX / 1000);
    } else {
        (void)snprintf(text, sizeof(text), "pool %s: the application is not loaded after %u s",
                       crew->options.name, DR_RELOAD_MS_MAX / 1000);
    }
    refuse(server, text);
}

/* bury closes crews whose processes have all gone. */
static void bury(dr_server *server)
{
    dr_crew **at = &server->all_crews;
    while (*at != NULL) {
        dr_crew *crew = *at;
        if (crew->state == DR_CREW_STOPPED && dr_crew_has_left(crew)) {
            *at = crew->next;
            dr_crew_close(crew);
        } else {
            at = &crew->next;
        }
    }
}

dora_err dr_reload_routes(dr_server *server, const dr_names *names, dr_routes **routes,
                          dora_error *error)
{
    dora_err err = dr_routes_new(routes, server->backend.config, names, error);
    if (err == DORA_OK) {
        err = dr_rows_fill(&server->backend.rows, *routes, error);
        if (err != DORA_OK) {
            dr_routes_free(*routes);
            *routes = NULL;
        }
    }
    return err;
}

void dr_reload_publish(dr_server *server, dr_routes *routes)
{
    dr_routes *old = atomic_load(&server->backend.routes);
    routes->number = old == NULL ? 1 : old->number + 1;
    routes->older = old;
    atomic_store(&server->backend.routes, routes);
    dr_reactor_threads_ask(server);
}

/* free_old_routes: a lane that has been asked since a newer table came no longer reads an older
 * one: it never keeps a table over a turn of its loop. */
static void free_old_routes(dr_server *server)
{
    dr_routes *routes = atomic_load(&server->backend.routes);
    uint32_t seen = UINT32_MAX;
    for (uint32_t i = 0; i < server->backend.lane_count; i++) {
        const uint32_t lane_seen = atomic_load(&server->threads[i].routes_seen);
        seen = lane_seen < seen ? lane_seen : seen;
    }
    while (routes != NULL && routes->number > seen) {
        routes = routes->older;
    }
    if (routes != NULL) {
        dr_routes_free(routes->older);
        routes->older = NULL;
    }
    dr_settings_forget(server, seen);
}

/* wait_again has who is interested in what is thrown away wait for the next one. */
static void wait_again(dr_reload *reload)
{
    dr_reload_request **end = &reload->waiting;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = reload->interested;
    reload->interested = NULL;
}

void dr_reload_want(dr_server *server)
{
    server->reload.is_wanted = true;
    (void)uv_async_send(&server->attention);
}

static void on_timer(uv_timer_t *timer)
{
    dr_server *server = timer->data;
    dr_reload *reload = &server->reload;
    const uint64_t now_ms = dr_clock_ms();
    answer_late(&reload->waiting, now_ms);
    answer_late(&reload->interested, now_ms);
    if (reload->is_loading && now_ms - reload->began_ms >= DR_RELOAD_MS_MAX) {
        refuse_slow(server);
    }
    dr_reload_look(server);
}

void dr_reload_look(dr_server *server)
{
    dr_reload *reload = &server->reload;
    const bool is_serving = atomic_load(&server->backend.phase) == DR_PHASE_SERVING;
    take_requests(server);
    if (reload->is_loading) {
        finish_if_ready(server);
    }
    if (dr_watch_is_on(server) && reload->is_wanted && is_serving) {
        end_watch(server, DR_ROLLOUT_REPLACED, replaced_text);
        wait_again(reload);
    } else if (dr_watch_is_on(server)) {
        look_at_watch(server);
    }
    if (!reload->is_loading && reload->is_wanted && is_serving) {
        begin(server);
    }
    bury(server);
    free_old_routes(server);
    if (!reload->is_loading && !dr_watch_is_on(server)) {
        uv_timer_stop(&reload->timer);
    } else if (!uv_is_active((uv_handle_t *)&reload->timer)) {
        uv_timer_start(&reload->timer, on_timer, TIMER_MS, TIMER_MS);
    }
}

void dr_reload_again(dr_server *server)
{
    dr_reload *reload = &server->reload;
    if (dr_watch_is_on(server)) {
        end_watch(server, DR_ROLLOUT_BACK, damaged_text);
    }
    if (reload->is_loading) {
        discard(server);
        wait_again(reload);
        reload->is_wanted = true;
        reload->skips_watch |= !reload->is_watch_wanted;
    }
}

void dr_reload_abandon(dr_server *server)
{
    dr_reload *reload = &server->reload;
    if (reload->is_loading) {
        dr_log_write(server->backend.log, DR_LOG_NOTICE, "master", "the reload is given up: %s",
                     stopping_text);
        discard(server);
    }
    if (dr_watch_is_on(server)) {
        end_watch(server, DR_ROLLOUT_REPLACED, ended_text);
    }
    take_requests(server);
    answer_all(&reload->interested, DORA_CODE_STOPPING, stopping_text);
}

void dr_reload_init(dr_server *server)
{
    server->reload.generation = 1;
    uv_timer_init(&server->loop, &server->reload.timer);
    server->reload.timer.data = server;
}

void dr_reload_close(dr_server *server)
{
    if (!uv_is_closing((uv_handle_t *)&server->reload.timer)) {
        uv_close((uv_handle_t *)&server->reload.timer, NULL);
    }
}
