/* stat.c: the numbers behind getStat. */
#include "server/stat.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include <dora/dora.h>

#include "base/clock.h"
#include "server/lane.h"

/* pool_numbers is one pool at one moment. */
typedef struct pool_numbers {
    uint32_t generation;
    uint32_t idle;
    uint32_t busy;
    uint32_t starting;
    uint32_t leaving;
    uint32_t queued; /* not begun */
    uint32_t running;
    uint64_t handled;
    uint64_t refused;
    uint64_t died;
    uint64_t recycled;
    bool is_healthy;
} pool_numbers;

static void count_worker(const dr_slot *slot, pool_numbers *numbers)
{
    if (slot->state == DR_SLOT_STARTING || slot->state == DR_SLOT_HELD) {
        numbers->starting++;
    } else if (slot->leaving && slot->state != DR_SLOT_DEAD && slot->state != DR_SLOT_EMPTY) {
        numbers->leaving++;
    } else if (slot->state == DR_SLOT_IDLE) {
        numbers->idle++;
    } else if (slot->state == DR_SLOT_BUSY || slot->state == DR_SLOT_SUSPECT) {
        numbers->busy++;
    }
    numbers->handled += slot->finished;
}

static void count_pool(dr_pool *pool, pool_numbers *numbers)
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
    numbers->died = pool->died;
    numbers->recycled = pool->recycled;
    numbers->is_healthy = !pool->unhealthy;
    pthread_mutex_unlock(&pool->lock);
}

static void sum_lanes(dr_server *server, dr_totals *totals)
{
    for (uint32_t i = 0; i < server->lane_count; i++) {
        const dr_lane *lane = &server->lanes[i];
        const uint64_t closed =
            dr_count_get(&lane->reactor.closed) + dr_count_get(&lane->http.closed);
        const uint64_t accepted =
            dr_count_get(&lane->reactor.accepted) + dr_count_get(&lane->http.accepted);
        totals->accepted += accepted;
        totals->closed += closed;
        totals->connections += accepted > closed ? accepted - closed : 0;
        totals->requests += dr_count_get(&lane->requests);
    }
}

static void add_pool(const pool_numbers *numbers, dr_totals *totals)
{
    totals->tasks += (uint64_t)numbers->queued + numbers->running;
    totals->handled += numbers->handled;
}

void dr_stat_totals(dr_server *server, dr_totals *totals)
{
    memset(totals, 0, sizeof(*totals));
    sum_lanes(server, totals);
    for (uint32_t i = 0; i < server->pool_count; i++) {
        pool_numbers numbers;
        count_pool(&server->pools[i], &numbers);
        add_pool(&numbers, totals);
    }
}

static void put_text(dora_writer *writer, const char *key, const char *text)
{
    dora_write_string(writer, key, strlen(key));
    dora_write_string(writer, text, strlen(text));
}

static void put_number(dora_writer *writer, const char *key, uint64_t number)
{
    dora_write_string(writer, key, strlen(key));
    dora_write_int(writer, (int64_t)number);
}

static void put_bool(dora_writer *writer, const char *key, bool value)
{
    dora_write_string(writer, key, strlen(key));
    dora_write_bool(writer, value);
}

static void put_pool(dora_writer *writer, const dr_pool_config *config, const pool_numbers *numbers)
{
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
                {"died", numbers->died},
                {"recycled", numbers->recycled}};
    const size_t count = sizeof(rows) / sizeof(rows[0]);
    dora_write_string(writer, config->name, strlen(config->name));
    dora_write_array(writer, count + 2);
    put_text(writer, "runtime", dr_runtime_kind_name(config->runtime));
    for (size_t i = 0; i < count; i++) {
        put_number(writer, rows[i].key, rows[i].number);
    }
    put_bool(writer, "healthy", numbers->is_healthy);
    dora_write_end(writer);
}

/* put_repeats tells what is remembered of calls, and of those that were sent again. */
static void put_repeats(dora_writer *writer, dr_kept *kept)
{
    dr_kept_numbers numbers = {0};
    if (kept != NULL) {
        dr_kept_count(kept, &numbers);
    }
    dora_write_string(writer, "repeats", strlen("repeats"));
    dora_write_array(writer, 7);
    put_number(writer, "kept", numbers.replies);
    put_number(writer, "bytes", numbers.bytes);
    put_number(writer, "tombstones", numbers.tombstones);
    put_number(writer, "hits", numbers.hits);
    put_number(writer, "joins", numbers.joins);
    put_number(writer, "lost", numbers.lost);
    put_number(writer, "evicted", numbers.evicted);
    dora_write_end(writer);
}

static void put_log(dora_writer *writer, dr_log *log)
{
    uint64_t lines = 0;
    uint64_t bytes = 0;
    dr_log_queue(log, &lines, &bytes);
    dora_write_string(writer, "logqueue", strlen("logqueue"));
    dora_write_array(writer, 2);
    put_number(writer, "queue_num", lines);
    put_number(writer, "queue_bytes", bytes);
    dora_write_end(writer);
}

void dr_stat_write(dr_server *server, const char *reload, dora_writer *writer)
{
    const int64_t now = (int64_t)time(NULL);
    dr_totals totals = {0};
    pool_numbers numbers[DR_POOLS_MAX];
    sum_lanes(server, &totals);
    for (uint32_t i = 0; i < server->pool_count; i++) {
        count_pool(&server->pools[i], &numbers[i]);
        add_pool(&numbers[i], &totals);
    }
    dora_write_array(writer, 2);
    dora_write_string(writer, "server", strlen("server"));
    dora_write_array(writer, reload != NULL ? 15 : 14);
    put_number(writer, "start_time", (uint64_t)server->start_time);
    put_number(writer, "connection_num", totals.connections);
    put_number(writer, "accept_count", totals.accepted);
    put_number(writer, "close_count", totals.closed);
    put_number(writer, "tasking_num", totals.tasks);
    put_number(writer, "request_count", totals.requests);
    put_number(writer, "worker_request_count", totals.handled);
    put_text(writer, "version", DORA_VERSION);
    put_number(writer, "pid", (uint64_t)getpid());
    put_number(writer, "uptime_s",
               now > server->start_time ? (uint64_t)(now - server->start_time) : 0);
    put_number(writer, "reactors", server->lane_count);
    put_bool(writer, "draining", atomic_load(&server->phase) != DR_PHASE_SERVING);
    if (reload != NULL) {
        put_text(writer, "reload", reload);
    }
    put_repeats(writer, server->kept);
    dora_write_string(writer, "pools", strlen("pools"));
    dora_write_array(writer, server->pool_count);
    for (uint32_t i = 0; i < server->pool_count; i++) {
        put_pool(writer, &server->config->pools[i], &numbers[i]);
    }
    dora_write_end(writer);
    dora_write_end(writer);
    put_log(writer, server->log);
    dora_write_end(writer);
}
