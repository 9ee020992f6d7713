/* stat.c: the numbers behind getStat. */
#include "server/ops/stat.h"
#include "server/ops/discovery.h"
#include "server/ops/stat_pool.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <dora/dora.h>

#include "base/clock.h"
#include "server/call/lane.h"
#include "task/hung.h"

const char *dr_restart_name(dr_restart why)
{
#define RESTART_NAME(name, text) text,
    static const char *const names[DR_RESTART_COUNT] = {"none", DR_RESTARTS(RESTART_NAME)};
#undef RESTART_NAME
    return names[why];
}

const char *dr_slot_state_name(const dr_slot *slot)
{
    if (slot->state == DR_SLOT_EMPTY || slot->state == DR_SLOT_DEAD) {
        return NULL;
    }
    if (slot->state == DR_SLOT_STARTING || slot->state == DR_SLOT_HELD) {
        return "starting";
    }
    if (slot->leaving) {
        return "leaving";
    }
    return slot->state == DR_SLOT_IDLE ? "idle" : "busy";
}

static void count_worker(const dr_slot *slot, dr_pool_numbers *numbers)
{
    const char *state = dr_slot_state_name(slot);
    numbers->handled += slot->finished; /* also of a dead one, until its slot is used again */
    if (state != NULL) {
        numbers->starting += strcmp(state, "starting") == 0;
        numbers->leaving += strcmp(state, "leaving") == 0;
        numbers->idle += strcmp(state, "idle") == 0;
        numbers->busy += strcmp(state, "busy") == 0;
        numbers->memory_kb += slot->memory_kb;
    }
}

void dr_stat_pool(dr_pool *pool, dr_pool_numbers *numbers)
{
    memset(numbers, 0, sizeof(*numbers));
    pthread_mutex_lock(&pool->lock);
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        count_worker(&pool->slots[i], numbers);
    }
    numbers->generation = pool->generation;
    numbers->queued = pool->waiting_count + pool->ahead_count;
    numbers->running = pool->handed_count - pool->ahead_count;
    numbers->handled += pool->handled;
    numbers->refused = pool->refused;
    memcpy(numbers->restarts, pool->restarts, sizeof(numbers->restarts));
    numbers->is_healthy = !pool->unhealthy;
    pthread_mutex_unlock(&pool->lock);
    uint32_t waiting;
    numbers->is_hung = dr_pool_is_hung(pool, dr_clock_ns(), &waiting);
}

uint64_t dr_stat_uptime_s(const dr_backend *backend)
{
    return (dr_clock_ms() - backend->start_ms) / 1000;
}

static void sum_lanes(dr_backend *backend, dr_totals *totals)
{
    for (uint32_t i = 0; i < backend->lane_count; i++) {
        const dr_lane *lane = &backend->lanes[i];
        const uint64_t closed =
            dr_count_get(&lane->reactor.closed) + dr_count_get(&lane->http.closed);
        const uint64_t accepted =
            dr_count_get(&lane->reactor.accepted) + dr_count_get(&lane->http.accepted);
        totals->accepted += accepted;
        totals->closed += closed;
        totals->connections += accepted > closed ? accepted - closed : 0;
        totals->requests += dr_count_get(&lane->requests);
        totals->bytes_in += dr_count_get(&lane->reactor.bytes_in);
        totals->bytes_out += dr_count_get(&lane->reactor.bytes_out);
    }
}

static void add_pool(const dr_pool_numbers *numbers, dr_totals *totals)
{
    totals->tasks += (uint64_t)numbers->queued + numbers->running;
    totals->handled += numbers->handled;
}

void dr_stat_totals(dr_backend *backend, dr_totals *totals)
{
    memset(totals, 0, sizeof(*totals));
    sum_lanes(backend, totals);
    for (uint32_t i = 0; i < backend->pool_count; i++) {
        dr_pool_numbers numbers;
        dr_stat_pool(&backend->pools[i], &numbers);
        add_pool(&numbers, totals);
    }
}

bool dr_stat_has_workers(dr_backend *backend, char *why, size_t room)
{
    const dr_phase phase = atomic_load(&backend->phase);
    if (phase != DR_PHASE_SERVING) {
        (void)snprintf(why, room, "%s\n",
                       phase == DR_PHASE_STARTING ? "starting"
                       : phase == DR_PHASE_NOW    ? "stopping"
                                                  : "draining");
        return false;
    }
    for (uint32_t i = 0; i < backend->pool_count; i++) {
        dr_pool *pool = &backend->pools[i];
        pthread_mutex_lock(&pool->lock);
        const uint32_t live = pool->live_count;
        pthread_mutex_unlock(&pool->lock);
        if (live == 0) {
            (void)snprintf(why, room, "pool %s has no worker\n", backend->config->pools[i].name);
            return false;
        }
    }
    (void)snprintf(why, room, "ok\n");
    return true;
}

bool dr_stat_is_ready(dr_backend *backend, char *why, size_t room)
{
    const uint64_t now_ns = dr_clock_ns();
    bool is_ready = dr_stat_has_workers(backend, why, room);
    for (uint32_t i = 0; is_ready && i < backend->pool_count; i++) {
        uint32_t waiting;
        if (dr_pool_is_hung(&backend->pools[i], now_ns, &waiting)) {
            (void)snprintf(
                why, room,
                "pool %s hangs: %" PRIu32 " tasks wait, none ended for %" PRIu32 " ms (hung_ms)\n",
                backend->config->pools[i].name, waiting, backend->pools[i].limits.hung_ms);
            is_ready = false;
        }
    }
    return is_ready;
}

void dr_stat_key(dora_writer *writer, const char *key)
{
    dora_write_string(writer, key, strlen(key));
}

void dr_stat_put(dora_writer *writer, const char *key, uint64_t number)
{
    dr_stat_key(writer, key);
    dora_write_int(writer, (int64_t)number);
}

static void put_text(dora_writer *writer, const char *key, const char *text)
{
    dr_stat_key(writer, key);
    dora_write_string(writer, text, strlen(text));
}

static void put_bool(dora_writer *writer, const char *key, bool value)
{
    dr_stat_key(writer, key);
    dora_write_bool(writer, value);
}

static void put_restarts(dora_writer *writer, const dr_pool_numbers *numbers)
{
    dr_stat_key(writer, "restarts");
    dora_write_array(writer, DR_RESTART_COUNT - 1);
    for (uint32_t i = DR_RESTART_NONE + 1; i < DR_RESTART_COUNT; i++) {
        dr_stat_put(writer, dr_restart_name((dr_restart)i), numbers->restarts[i]);
    }
    dora_write_end(writer);
}

static void put_pool(dora_writer *writer, const dr_pool_config *config, dr_pool *pool,
                     const dr_pool_numbers *numbers)
{
    const uint64_t *restarts = numbers->restarts;
    const struct {
        const char *key;
        uint64_t number;
    } rows[] = {{"generation", numbers->generation},
                {"workers", config->workers},
                {"idle", numbers->idle},
                {"busy", numbers->busy},
                {"starting", numbers->starting},
                {"leaving", numbers->leaving},
                {"queued", numbers->queued},
                {"running", numbers->running},
                {"handled", numbers->handled},
                {"refused", numbers->refused},
                {"died", restarts[DR_RESTART_DIED] + restarts[DR_RESTART_TIME_LIMIT] +
                             restarts[DR_RESTART_DAMAGED] + restarts[DR_RESTART_LEFT]},
                {"recycled", restarts[DR_RESTART_RECYCLED] + restarts[DR_RESTART_MEMORY]}};
    const size_t count = sizeof(rows) / sizeof(rows[0]);
    dr_stat_key(writer, config->name);
    dora_write_array(writer, count + 6);
    put_text(writer, "runtime", dr_runtime_of(config->runtime)->name);
    for (size_t i = 0; i < count; i++) {
        dr_stat_put(writer, rows[i].key, rows[i].number);
    }
    put_bool(writer, "healthy", numbers->is_healthy);
    put_bool(writer, "hung", numbers->is_hung);
    put_restarts(writer, numbers);
    dr_stat_key(writer, "processes");
    dr_stat_put_workers(pool, writer);
    dr_stat_key(writer, "running_tasks");
    dr_stat_put_tasks(pool, writer);
    dora_write_end(writer);
}

/* put_repeats tells what is remembered of calls, and of those that were sent again. */
static void put_repeats(dora_writer *writer, dr_reply_cache *kept)
{
    dr_reply_cache_numbers numbers = {0};
    if (kept != NULL) {
        dr_reply_cache_count(kept, &numbers);
    }
    dr_stat_key(writer, "repeats");
    dora_write_array(writer, 7);
    dr_stat_put(writer, "kept", numbers.replies);
    dr_stat_put(writer, "bytes", numbers.bytes);
    dr_stat_put(writer, "tombstones", numbers.tombstones);
    dr_stat_put(writer, "hits", numbers.hits);
    dr_stat_put(writer, "joins", numbers.joins);
    dr_stat_put(writer, "lost", numbers.lost);
    dr_stat_put(writer, "evicted", numbers.evicted);
    dora_write_end(writer);
}

/* put_held tells what is held for connections, and how many were ended for it, and why. */
static void put_held(dora_writer *writer, dr_budget *budget)
{
    dr_stat_key(writer, "held");
    dora_write_array(writer, 4);
    dr_stat_put(writer, "bytes", atomic_load(&budget->total));
    dr_stat_put(writer, "bytes_max", budget->total_max);
    dr_stat_put(writer, "connection_bytes_max", budget->connection_max);
    dr_stat_key(writer, "ended");
    dora_write_array(writer, DR_ENDED_REASONS);
    for (uint32_t i = 0; i < DR_ENDED_REASONS; i++) {
        dr_stat_put(writer, dr_ended_name((dr_ended)i), atomic_load(&budget->ended[i]));
    }
    dora_write_end(writer);
    dora_write_end(writer);
}

/* put_discovery tells as what the server is listed, and how each Redis does. */
static void put_discovery(dora_writer *writer, dr_discovery *discovery)
{
    char address[DR_ADDRESS_TEXT_MAX];
    dr_discovery_row rows[DR_DISCOVERY_REDIS_MAX];
    const size_t count = dr_discovery_rows(discovery, rows);
    const dr_entry *entry = dr_discovery_entry(discovery);
    dr_stat_key(writer, "discovery");
    dora_write_array(writer, 3);
    if (entry != NULL) {
        put_text(writer, "advertise", dr_address_text(&entry->address, address));
    } else {
        dr_stat_key(writer, "advertise");
        dora_write_null(writer);
    }
    dr_stat_key(writer, "groups");
    dora_write_array(writer, entry != NULL ? entry->count : 0);
    for (size_t i = 0; entry != NULL && i < entry->count; i++) {
        dora_write_int(writer, (int64_t)i);
        dora_write_string(writer, entry->groups[i], strlen(entry->groups[i]));
    }
    dora_write_end(writer);
    dr_stat_key(writer, "redis");
    dora_write_array(writer, count);
    for (size_t i = 0; i < count; i++) {
        dora_write_int(writer, (int64_t)i);
        dora_write_array(writer, 5);
        put_text(writer, "url", rows[i].url);
        put_text(writer, "state", dr_discovery_state_name(rows[i].state));
        put_text(writer, "error", rows[i].why);
        dr_stat_put(writer, "beats", rows[i].beats);
        dr_stat_put(writer, "failures", rows[i].failures);
        dora_write_end(writer);
    }
    dora_write_end(writer);
    dora_write_end(writer);
}

static void put_log(dora_writer *writer, dr_log *log)
{
    uint64_t lines = 0;
    uint64_t bytes = 0;
    dr_log_queue(log, &lines, &bytes);
    dr_stat_key(writer, "logqueue");
    dora_write_array(writer, 2);
    dr_stat_put(writer, "queue_num", lines);
    dr_stat_put(writer, "queue_bytes", bytes);
    dora_write_end(writer);
}

void dr_stat_write(dr_backend *backend, const char *reload, dora_writer *writer)
{
    atomic_store(&backend->memory_is_wanted, true);
    dr_totals totals = {0};
    dr_pool_numbers numbers[DR_POOLS_MAX];
    sum_lanes(backend, &totals);
    for (uint32_t i = 0; i < backend->pool_count; i++) {
        dr_stat_pool(&backend->pools[i], &numbers[i]);
        add_pool(&numbers[i], &totals);
    }
    dora_write_array(writer, 2);
    dr_stat_key(writer, "server");
    dora_write_array(writer, reload != NULL ? 20 : 19);
    dr_stat_put(writer, "start_time", (uint64_t)backend->start_time);
    dr_stat_put(writer, "connection_num", totals.connections);
    dr_stat_put(writer, "accept_count", totals.accepted);
    dr_stat_put(writer, "close_count", totals.closed);
    dr_stat_put(writer, "tasking_num", totals.tasks);
    dr_stat_put(writer, "request_count", totals.requests);
    dr_stat_put(writer, "worker_request_count", totals.handled);
    put_text(writer, "version", DORA_VERSION);
    dr_stat_put(writer, "pid", (uint64_t)getpid());
    dr_stat_put(writer, "uptime_s", dr_stat_uptime_s(backend));
    dr_stat_put(writer, "reactors", backend->lane_count);
    dr_stat_put(writer, "bytes_in", totals.bytes_in);
    dr_stat_put(writer, "bytes_out", totals.bytes_out);
    put_bool(writer, "draining", atomic_load(&backend->phase) != DR_PHASE_SERVING);
    dr_stat_put(writer, "stop_ms_max", dr_config_stop_ms_max(backend->config));
    if (reload != NULL) {
        put_text(writer, "reload", reload);
    }
    put_held(writer, &backend->budget);
    put_repeats(writer, backend->reply_cache);
    put_discovery(writer, backend->discovery);
    dr_stat_key(writer, "pools");
    dora_write_array(writer, backend->pool_count);
    for (uint32_t i = 0; i < backend->pool_count; i++) {
        put_pool(writer, &backend->config->pools[i], &backend->pools[i], &numbers[i]);
    }
    dora_write_end(writer);
    dora_write_end(writer);
    put_log(writer, backend->log);
    dora_write_end(writer);
}
