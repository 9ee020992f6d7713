/* stat.c: the numbers behind getStat. */
#include "server/ops/stat.h"
#include "server/ops/discovery.h"
#include "server/ops/rollout.h"
#include "server/ops/stat_callers.h"
#include "server/ops/stat_growth.h"
#include "server/ops/stat_poison.h"
#include "server/ops/stat_pool.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <dora/dora.h>

#include "base/clock.h"
#include "server/call/lane.h"
#include "server/config/config_rights.h"
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

/* count_priorities: what has been done of the usual priority is not counted, but what is left. */
static void count_priorities(const dr_pool *pool, dr_pool_numbers *numbers)
{
    const uint32_t low = 0, normal = 1, high = 2;
    for (uint32_t i = 0; i < DR_PRIORITIES; i++) {
        numbers->waiting[i] = pool->queue.classes[i].count;
    }
    numbers->done[low] = pool->patient;
    numbers->done[high] = pool->urgent;
    numbers->done[normal] = numbers->handled - pool->patient - pool->urgent;
}

void dr_stat_pool(dr_pool *pool, dr_pool_numbers *numbers)
{
    memset(numbers, 0, sizeof(*numbers));
    pthread_mutex_lock(&pool->lock);
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        count_worker(&pool->slots[i], numbers);
    }
    numbers->generation = pool->generation;
    numbers->queued = pool->queue.count + pool->canary.queue.count + pool->ahead_count;
    numbers->running = pool->handed_count - pool->ahead_count;
    numbers->handled += pool->handled;
    numbers->refused = pool->refused;
    numbers->streams = pool->streams;
    for (uint32_t i = 0; i < DR_REACTORS_MAX; i++) {
        numbers->parts += dr_count_get(&pool->parts[i]);
    }
    numbers->poison_found = pool->poison.found;
    numbers->poison_refused = pool->poison.refused;
    count_priorities(pool, numbers);
    memcpy(numbers->restarts, pool->restarts, sizeof(numbers->restarts));
    const uint64_t now_ms = dr_clock_ms();
    numbers->held_ms = pool->held_until_ms > now_ms ? pool->held_until_ms - now_ms : 0;
    numbers->is_looping = pool->is_looping;
    numbers->is_healthy = !pool->unhealthy;
    pthread_mutex_unlock(&pool->lock);
    uint32_t waiting;
    numbers->is_hung = dr_pool_is_hung(pool, dr_clock_ns(), &waiting);
}

uint64_t dr_stat_uptime_s(const dr_backend *backend)
{
    return (dr_clock_ms() - backend->start_ms) / 1000;
}

static void sum_tls(const dr_reactor_tls *tls, dr_totals *totals)
{
    const uint64_t closed = dr_count_get(&tls->closed);
    const uint64_t accepted = dr_count_get(&tls->accepted);
    totals->tls.open += accepted > closed ? accepted - closed : 0;
    totals->tls.handshakes += dr_count_get(&tls->done);
    totals->tls.resumed += dr_count_get(&tls->resumed);
    totals->tls.failed += dr_count_get(&tls->failed);
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
        totals->ignored += dr_count_get(&lane->ignored);
        totals->bytes_in += dr_count_get(&lane->reactor.bytes_in);
        totals->bytes_out += dr_count_get(&lane->reactor.bytes_out);
        for (uint32_t why = 0; why < DR_PAUSE_REASONS; why++) {
            totals->pauses[why] += dr_count_get(&lane->reactor.pauses[why]);
        }
        sum_tls(&lane->reactor.tls, totals);
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

/* name_empty writes which pools have no worker, one behind the other. Returns: how many. */
static uint32_t name_empty(dr_backend *backend, char *names, size_t room, bool *is_looping)
{
    uint32_t count = 0;
    size_t len = 0;
    names[0] = '\0';
    for (uint32_t i = 0; i < backend->pool_count; i++) {
        dr_pool *pool = &backend->pools[i];
        pthread_mutex_lock(&pool->lock);
        const bool is_empty = pool->live_count == 0;
        *is_looping |= is_empty && pool->is_looping;
        pthread_mutex_unlock(&pool->lock);
        if (is_empty && len < room) {
            len += (size_t)snprintf(names + len, room - len, "%s%s", count > 0 ? ", " : "",
                                    backend->config->pools[i].name);
        }
        count += is_empty;
    }
    return count;
}

bool dr_stat_has_workers(dr_backend *backend, char *why, size_t room)
{
    char names[DR_STAT_WHY_MAX - 64];
    bool is_looping = false;
    const dr_phase phase = atomic_load(&backend->phase);
    if (phase != DR_PHASE_SERVING) {
        (void)snprintf(why, room, "%s\n",
                       phase == DR_PHASE_STARTING ? "starting"
                       : phase == DR_PHASE_NOW    ? "stopping"
                                                  : "draining");
        return false;
    }
    const uint32_t count = name_empty(backend, names, sizeof(names), &is_looping);
    if (count > 0) {
        (void)snprintf(why, room, "pool%s %s ha%s no worker%s\n", count > 1 ? "s" : "", names,
                       count > 1 ? "ve" : "s", is_looping ? ": a crash loop" : "");
        return false;
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

static void put_bool(dora_writer *writer, void *value)
{
    dora_write_bool(writer, *(const bool *)value);
}

/* field is a key, and under it what `put` writes, else the text, else the number. */
typedef struct field {
    const char *key;
    uint64_t number;
    const char *text;
    void (*put)(dora_writer *writer, void *of);
    void *of;
} field;

static void put_fields(dora_writer *writer, const field *fields, size_t count)
{
    dora_write_array(writer, count);
    for (const field *one = fields; one < fields + count; one++) {
        dr_stat_key(writer, one->key);
        if (one->put != NULL) {
            one->put(writer, one->of);
        } else if (one->text != NULL) {
            dora_write_string(writer, one->text, strlen(one->text));
        } else {
            dora_write_int(writer, (int64_t)one->number);
        }
    }
    dora_write_end(writer);
}

#define FIELDS_MAX 32 /* of the server, with those that are not always there */
#define COUNT(fields) (sizeof(fields) / sizeof(*(fields)))

static void put_priorities(dora_writer *writer, void *of)
{
    const dr_pool_numbers *numbers = of;
    dora_write_array(writer, DR_PRIORITIES);
    for (uint32_t i = DR_PRIORITIES; i-- > 0;) {
        dr_stat_key(writer, dr_stat_priority(i));
        dora_write_array(writer, 2);
        dr_stat_put(writer, "waiting", numbers->waiting[i]);
        dr_stat_put(writer, "handled", numbers->done[i]);
        dora_write_end(writer);
    }
    dora_write_end(writer);
}

static void put_restarts(dora_writer *writer, void *of)
{
    const dr_pool_numbers *numbers = of;
    dora_write_array(writer, DR_RESTART_COUNT - 1);
    for (uint32_t i = DR_RESTART_NONE + 1; i < DR_RESTART_COUNT; i++) {
        dr_stat_put(writer, dr_restart_name((dr_restart)i), numbers->restarts[i]);
    }
    dora_write_end(writer);
}

static void put_pool(dora_writer *writer, dr_backend *backend, uint32_t index,
                     dr_pool_numbers *numbers)
{
    const dr_pool_config *config = &backend->config->pools[index];
    const char *user = dr_rights_user(backend->config, config);
    dr_pool *pool = &backend->pools[index];
    dr_stat_growth growth = {backend, index};
    const uint64_t *restarts = numbers->restarts;
    const field fields[] = {
        {"runtime", .text = dr_runtime_of(config->runtime)->name},
        {"user", .text = user != NULL ? user : ""},
        {"generation", .number = numbers->generation},
        {"workers", .number = config->workers},
        {"idle", .number = numbers->idle},
        {"busy", .number = numbers->busy},
        {"starting", .number = numbers->starting},
        {"leaving", .number = numbers->leaving},
        {"queued", .number = numbers->queued},
        {"running", .number = numbers->running},
        {"handled", .number = numbers->handled},
        {"refused", .number = numbers->refused},
        {"streams", .number = numbers->streams},
        {"parts", .number = numbers->parts},
        {"died", .number = restarts[DR_RESTART_DIED] + restarts[DR_RESTART_TIME_LIMIT] +
                           restarts[DR_RESTART_CANCELLED] + restarts[DR_RESTART_DAMAGED] +
                           restarts[DR_RESTART_LEFT]},
        {"recycled", .number = restarts[DR_RESTART_RECYCLED] + restarts[DR_RESTART_MEMORY] +
                               restarts[DR_RESTART_WENT_ON]},
        {"healthy", .put = put_bool, .of = &numbers->is_healthy},
        {"hung", .put = put_bool, .of = &numbers->is_hung},
        {"crash_loop", .put = put_bool, .of = &numbers->is_looping},
        {"next_start_ms", .number = numbers->held_ms},
        {"priorities", .put = put_priorities, .of = numbers},
        {"restarts", .put = put_restarts, .of = numbers},
        {"processes", .put = dr_stat_put_workers, .of = pool},
        {"running_tasks", .put = dr_stat_put_tasks, .of = pool},
        {"poison", .put = dr_stat_put_poison, .of = pool},
        {"growth", .put = dr_stat_put_growth, .of = &growth},
    };
    dr_stat_key(writer, config->name);
    put_fields(writer, fields, COUNT(fields));
}

/* put_repeats tells what is remembered of calls, and of those that were sent again. */
static void put_repeats(dora_writer *writer, void *of)
{
    dr_reply_cache_numbers numbers = {0};
    if (of != NULL) {
        dr_reply_cache_count(of, &numbers);
    }
    const field fields[] = {
        {"kept", .number = numbers.replies},          {"bytes", .number = numbers.bytes},
        {"tombstones", .number = numbers.tombstones}, {"hits", .number = numbers.hits},
        {"joins", .number = numbers.joins},           {"lost", .number = numbers.lost},
        {"evicted", .number = numbers.evicted},
    };
    put_fields(writer, fields, COUNT(fields));
}

static void put_ended(dora_writer *writer, void *of)
{
    dr_budget *budget = of;
    dora_write_array(writer, DR_ENDED_REASONS);
    for (uint32_t i = 0; i < DR_ENDED_REASONS; i++) {
        dr_stat_put(writer, dr_ended_name((dr_ended)i), atomic_load(&budget->ended[i]));
    }
    dora_write_end(writer);
}

/* put_held tells what is held for connections, and how many were ended for it, and why. */
static void put_held(dora_writer *writer, void *of)
{
    dr_budget *budget = of;
    const field fields[] = {
        {"bytes", .number = atomic_load(&budget->total)},
        {"bytes_max", .number = budget->total_max},
        {"connection_bytes_max", .number = budget->connection_max},
        {"ended", .put = put_ended, .of = budget},
    };
    put_fields(writer, fields, COUNT(fields));
}

static void put_tls(dora_writer *writer, void *of)
{
    const dr_totals *totals = of;
    const field fields[] = {
        {"open", .number = totals->tls.open},
        {"handshakes", .number = totals->tls.handshakes},
        {"resumed", .number = totals->tls.resumed},
        {"failed", .number = totals->tls.failed},
    };
    put_fields(writer, fields, COUNT(fields));
}

/* put_discovery tells as what the server is listed, and how each Redis does. */
static void put_discovery(dora_writer *writer, void *of)
{
    dr_discovery *discovery = of;
    char address[DR_ADDRESS_TEXT_MAX];
    dr_discovery_row rows[DR_DISCOVERY_REDIS_MAX];
    const size_t count = dr_discovery_rows(discovery, rows);
    const dr_entry *entry = dr_discovery_entry(discovery);
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

/* put_callers tells how much each identity has called. */
static void put_callers(dora_writer *writer, void *of)
{
    dr_callers_told rows[DR_CALLER_ROWS_MAX];
    const uint32_t count = dr_stat_callers(of, rows);
    dora_write_array(writer, count);
    for (uint32_t i = 0; i < count; i++) {
        dr_stat_key(writer, rows[i].name);
        dora_write_array(writer, 2);
        dr_stat_put(writer, "calls", rows[i].calls);
        dr_stat_put(writer, "refused", rows[i].refused);
        dora_write_end(writer);
    }
    dora_write_end(writer);
}

/* told is a server and its pools at one moment. */
typedef struct told {
    dr_backend *backend;
    dr_totals totals;
    dr_pool_numbers pools[DR_POOLS_MAX];
    bool is_draining;
} told;

static void put_pools(dora_writer *writer, void *of)
{
    told *now = of;
    dr_backend *backend = now->backend;
    dora_write_array(writer, backend->pool_count);
    for (uint32_t i = 0; i < backend->pool_count; i++) {
        put_pool(writer, backend, i, &now->pools[i]);
    }
    dora_write_end(writer);
}

static void put_refused(dora_writer *writer, void *of)
{
    dr_backend *backend = of;
    const field fields[] = {
        {"connections", .number = atomic_load(&backend->places.refused[DR_CROWDED_ALL])},
        {"connections_of_address",
         .number = atomic_load(&backend->places.refused[DR_CROWDED_ADDRESS])},
        {"rate", .number = atomic_load(&backend->rates.refused)},
    };
    put_fields(writer, fields, COUNT(fields));
}

static void put_paused(dora_writer *writer, void *of)
{
    const dr_totals *totals = of;
    dora_write_array(writer, DR_PAUSE_REASONS);
    for (uint32_t i = 0; i < DR_PAUSE_REASONS; i++) {
        dr_stat_put(writer, dr_pause_name((dr_pause)i), totals->pauses[i]);
    }
    dora_write_end(writer);
}

/* put_limits tells the limits that are in force, and what they refused or held back. */
static void put_limits(dora_writer *writer, void *of)
{
    told *now = of;
    dr_backend *backend = now->backend;
    const field fields[] = {
        {"connections_max", .number = atomic_load(&backend->places.total_max)},
        {"connections_per_address_max", .number = atomic_load(&backend->places.address_max)},
        {"connection_calls_max", .number = backend->config->connection_calls_max},
        {"rate_per_address", .number = atomic_load(&backend->rates.a_second)},
        {"burst_per_address", .number = atomic_load(&backend->rates.most)},
        {"refused", .put = put_refused, .of = backend},
        {"paused", .put = put_paused, .of = &now->totals},
    };
    put_fields(writer, fields, COUNT(fields));
}

static void put_server(dora_writer *writer, told *now, const char *reload)
{
    dr_backend *backend = now->backend;
    const dr_totals *totals = &now->totals;
    field fields[FIELDS_MAX] = {
        {"start_time", .number = (uint64_t)backend->start_time},
        {"connection_num", .number = totals->connections},
        {"accept_count", .number = totals->accepted},
        {"close_count", .number = totals->closed},
        {"tasking_num", .number = totals->tasks},
        {"request_count", .number = totals->requests},
        {"worker_request_count", .number = totals->handled},
        {"ignored", .number = totals->ignored},
        {"version", .text = DORA_VERSION},
        {"pid", .number = (uint64_t)getpid()},
        {"uptime_s", .number = dr_stat_uptime_s(backend)},
        {"reactors", .number = backend->lane_count},
        {"bytes_in", .number = totals->bytes_in},
        {"bytes_out", .number = totals->bytes_out},
        {"draining", .put = put_bool, .of = &now->is_draining},
        {"stop_ms_max", .number = dr_config_stop_ms_max(backend->config)},
        {"held", .put = put_held, .of = &backend->budget},
        {"limits", .put = put_limits, .of = now},
        {"tls", .put = put_tls, .of = &now->totals},
        {"repeats", .put = put_repeats, .of = backend->reply_cache},
        {"discovery", .put = put_discovery, .of = backend->discovery},
        {"pools", .put = put_pools, .of = now},
    };
    size_t count = 0;
    while (fields[count].key != NULL) {
        count++;
    }
    if (atomic_load(&backend->callers.count) > 0) {
        fields[count++] = (field){"callers", .put = put_callers, .of = backend};
    }
    if (dr_rollout_is_configured(backend)) {
        fields[count++] = (field){"rollout", .put = dr_rollout_put, .of = backend};
    }
    if (reload != NULL) {
        fields[count++] = (field){"reload", .text = reload};
    }
    put_fields(writer, fields, count);
}

static void put_log(dora_writer *writer, dr_log *log)
{
    uint64_t lines = 0;
    uint64_t bytes = 0;
    dr_log_queue(log, &lines, &bytes);
    const field fields[] = {{"queue_num", .number = lines}, {"queue_bytes", .number = bytes}};
    put_fields(writer, fields, COUNT(fields));
}

void dr_stat_write(dr_backend *backend, const char *reload, dora_writer *writer)
{
    told now = {.backend = backend,
                .is_draining = atomic_load(&backend->phase) != DR_PHASE_SERVING};
    atomic_store(&backend->memory_is_wanted, true);
    sum_lanes(backend, &now.totals);
    for (uint32_t i = 0; i < backend->pool_count; i++) {
        dr_stat_pool(&backend->pools[i], &now.pools[i]);
        add_pool(&now.pools[i], &now.totals);
    }
    dora_write_array(writer, 2);
    dr_stat_key(writer, "server");
    put_server(writer, &now, reload);
    dr_stat_key(writer, "logqueue");
    put_log(writer, backend->log);
    dora_write_end(writer);
}
