/* metrics.c: the page for Prometheus: totals, pools, and every api's row. */
#include "server/ops/metrics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <dora/dora.h>

#include "base/slice.h"
#include "base/utf8.h"
#include "server/call/lane.h"
#include "server/ops/discovery.h"
#include "server/ops/rollout.h"
#include "server/ops/stat.h"
#include "server/ops/stat_callers.h"
#include "server/ops/stat_growth.h"
#include "wire/json.h"

#define NS_A_SECOND UINT64_C(1000000000)

/* page is what is being written; its first error stays. */
typedef struct page {
    dr_backend *backend;
    dr_buf *out;
    dora_err err;
    dr_pool_numbers pools[DR_POOLS_MAX];
} page;

static void put(page *self, const char *format, ...) DORA_PRINTF(2, 3);

static void put(page *self, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    const int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (self->err == DORA_OK && len > 0) {
        self->err = dr_buf_append(self->out, text, (size_t)len);
    }
}

dora_err dr_metrics_label(dr_buf *out, const char *value)
{
    const bool is_text = dr_utf8_is_valid(dr_slice(value));
    dora_err err = DORA_OK;
    for (const char *at = value; *at != '\0' && err == DORA_OK; at++) {
        char byte[8];
        const unsigned char code = (unsigned char)*at;
        if (code == '\\' || code == '"') {
            (void)snprintf(byte, sizeof(byte), "\\%c", code);
        } else if (code == '\n') {
            (void)snprintf(byte, sizeof(byte), "\\n");
        } else if (code >= 0x80 && !is_text) {
            (void)snprintf(byte, sizeof(byte), "\\\\x%02x", code);
        } else {
            byte[0] = *at;
            byte[1] = '\0';
        }
        err = dr_buf_append(out, byte, strlen(byte));
    }
    return err;
}

static void put_label(page *self, const char *name, const char *value)
{
    put(self, "%s=\"", name);
    if (self->err == DORA_OK) {
        self->err = dr_metrics_label(self->out, value);
    }
    put(self, "\"");
}

/* put_seconds writes exact decimals, without zeros at the end. */
static void put_seconds(page *self, uint64_t ns)
{
    char text[48];
    int len =
        snprintf(text, sizeof(text), "%" PRIu64 ".%09" PRIu64, ns / NS_A_SECOND, ns % NS_A_SECOND);
    while (text[len - 1] == '0' && text[len - 2] != '.') {
        len--;
    }
    put(self, "%.*s", len, text);
}

static void head(page *self, const char *name, const char *type, const char *help)
{
    put(self, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void one(page *self, const char *name, const char *type, const char *help, uint64_t value)
{
    head(self, name, type, help);
    put(self, "%s %" PRIu64 "\n", name, value);
}

static const char *pool_name(const page *self, uint32_t pool)
{
    return pool == DR_NONE ? "" : self->backend->config->pools[pool].name;
}

static void put_process(page *self)
{
    const int64_t start = self->backend->start_time;
    char why[128];
    head(self, "dora_build_info", "gauge", "The version of Dora that runs; always 1.");
    put(self, "dora_build_info{version=\"%s\"} 1\n", DORA_VERSION);
    one(self, "process_start_time_seconds", "gauge", "When the server started, in Unix time.",
        (uint64_t)start);
    one(self, "dora_uptime_seconds", "gauge", "How long the server has been running.",
        dr_stat_uptime_s(self->backend));
    one(self, "dora_ready", "gauge", "1 while the server takes calls, as /readyz says.",
        dr_stat_is_ready(self->backend, why, sizeof(why)));
    one(self, "dora_reactors", "gauge", "Threads that serve connections.",
        self->backend->lane_count);
}

/* put_places writes one series a Redis. */
static void put_places(page *self, const char *name, const char *type, const char *help,
                       const dr_discovery_row *rows, size_t count)
{
    head(self, name, type, help);
    for (size_t i = 0; i < count; i++) {
        put(self, "%s{", name);
        put_label(self, "redis", rows[i].url);
        put(self, "} %" PRIu64 "\n",
            strcmp(type, "counter") == 0 ? rows[i].failures
                                         : (uint64_t)(rows[i].state == DR_REGISTRATION_JOINED));
    }
}

static void put_discovery(page *self)
{
    dr_discovery_row rows[DR_DISCOVERY_REDIS_MAX];
    const size_t count = dr_discovery_rows(self->backend->discovery, rows);
    if (count > 0) {
        put_places(self, "dora_discovery_joined", "gauge",
                   "1 while the server is registered in this Redis.", rows, count);
        put_places(self, "dora_discovery_failures_total", "counter",
                   "Connections to this Redis that failed, and its error replies.", rows, count);
    }
}

static void put_repeats(page *self)
{
    dr_reply_cache_numbers numbers = {0};
    if (self->backend->reply_cache != NULL) {
        dr_reply_cache_count(self->backend->reply_cache, &numbers);
    }
    one(self, "dora_kept_replies", "gauge", "Replies kept for calls that are sent again.",
        numbers.replies);
    one(self, "dora_kept_bytes", "gauge", "Bytes of kept replies.", numbers.bytes);
    one(self, "dora_repeats_answered_total", "counter", "Calls sent again that got the kept reply.",
        numbers.hits);
    one(self, "dora_repeats_joined_total", "counter",
        "Calls sent again that joined the one that ran.", numbers.joins);
    one(self, "dora_repeats_lost_total", "counter",
        "Calls sent again whose reply was no longer kept.", numbers.lost);
}

static void put_held(page *self)
{
    static const char name[] = "dora_connections_ended_total";
    dr_budget *budget = &self->backend->budget;
    one(self, "dora_held_bytes", "gauge",
        "Bytes held for connections: received and not answered, ready and not sent.",
        atomic_load(&budget->total));
    one(self, "dora_held_bytes_max", "gauge", "How many may be held for all connections together.",
        budget->total_max);
    head(self, name, "counter", "Connections ended for what was held for them, by the reason.");
    for (uint32_t i = 0; i < DR_ENDED_REASONS; i++) {
        put(self, "%s{reason=\"%s\"} %" PRIu64 "\n", name, dr_ended_name((dr_ended)i),
            (uint64_t)atomic_load(&budget->ended[i]));
    }
}

/* put_limits writes what limits have refused, and what they hold back. */
static void put_limits(page *self, const dr_totals *totals)
{
    static const char refused[] = "dora_connections_refused_total";
    static const char paused[] = "dora_connections_paused_total";
    dr_backend *backend = self->backend;
    head(self, refused, "counter",
         "Connections refused because there were too many, by the limit.");
    put(self, "%s{limit=\"all\"} %" PRIu64 "\n", refused,
        (uint64_t)atomic_load(&backend->places.refused[DR_CROWDED_ALL]));
    put(self, "%s{limit=\"address\"} %" PRIu64 "\n", refused,
        (uint64_t)atomic_load(&backend->places.refused[DR_CROWDED_ADDRESS]));
    head(self, paused, "counter", "Times that a connection was not read on, by the limit.");
    for (uint32_t i = 0; i < DR_PAUSE_REASONS; i++) {
        put(self, "%s{limit=\"%s\"} %" PRIu64 "\n", paused, dr_pause_name((dr_pause)i),
            totals->pauses[i]);
    }
    one(self, "dora_http_rate_refused_total", "counter",
        "Calls over HTTP refused because their address makes too many.",
        atomic_load(&backend->rates.refused));
}

static void put_spans(page *self)
{
    const dr_spans_numbers spans = dr_spans_count(self->backend->spans);
    one(self, "dora_spans_sent_total", "counter", "Spans that the collector has taken.",
        spans.sent);
    one(self, "dora_spans_dropped_total", "counter",
        "Spans that were dropped: the queue was full, or the collector did not take them.",
        spans.dropped);
    one(self, "dora_spans_waiting", "gauge", "Spans that wait to be sent.", spans.waiting);
}

static void put_tls(page *self, const dr_totals *totals)
{
    one(self, "dora_tls_connections", "gauge", "Connections over TLS that are open.",
        totals->tls.open);
    one(self, "dora_tls_handshakes_total", "counter", "Handshakes of TLS that were done.",
        totals->tls.handshakes);
    one(self, "dora_tls_resumed_total", "counter",
        "Of these, those that went on from an earlier session.", totals->tls.resumed);
    one(self, "dora_tls_failed_total", "counter", "Handshakes of TLS that were not done.",
        totals->tls.failed);
}

static void put_traffic(page *self)
{
    dr_totals totals;
    uint64_t lines = 0;
    uint64_t bytes = 0;
    dr_stat_totals(self->backend, &totals);
    dr_log_queue(self->backend->log, &lines, &bytes);
    one(self, "dora_connections", "gauge", "Connections that are open.", totals.connections);
    one(self, "dora_connections_accepted_total", "counter", "Connections that came.",
        totals.accepted);
    one(self, "dora_received_bytes_total", "counter", "Bytes read from connections.",
        totals.bytes_in);
    one(self, "dora_sent_bytes_total", "counter", "Bytes written to connections.",
        totals.bytes_out);
    one(self, "dora_messages_total", "counter",
        "Requests that could be read, of every type; one may ask for many apis.", totals.requests);
    put_tls(self, &totals);
    put_held(self);
    put_limits(self, &totals);
    put_repeats(self);
    one(self, "dora_log_queue_bytes", "gauge", "Bytes of the log that are not written yet.", bytes);
    one(self, "dora_log_dropped_lines_total", "counter",
        "Lines of the log that were dropped because it was behind.",
        dr_log_dropped(self->backend->log));
    put_spans(self);
}

/* pool_metric is one number of every pool. */
typedef struct pool_metric {
    const char *name;
    const char *type;
    const char *help;
} pool_metric;

static const pool_metric pool_metrics[] = {
    {"dora_generation", "gauge", "1, and one more with each reload."},
    {"dora_pool_hung", "gauge", "1 while tasks of the pool wait and none ends (hung_ms)."},
    {"dora_pool_healthy", "gauge", "0 while workers of the pool do not start."},
    {"dora_pool_crash_loop", "gauge",
     "1 while processes of the pool end again and again, with no task done between."},
    {"dora_tasks_queued", "gauge", "Tasks that no worker has begun."},
    {"dora_tasks_running", "gauge", "Tasks that run."},
    {"dora_tasks_handled_total", "counter", "Tasks that workers have done."},
    {"dora_tasks_refused_total", "counter", "Tasks for which there was no room."},
    {"dora_streams", "gauge", "Streams that run, or wait to."},
    {"dora_stream_parts_total", "counter", "Parts of streams that were sent."},
    {"dora_poison_found_total", "counter",
     "Calls that came to be refused since they had ended workers."},
    {"dora_poison_refused_total", "counter", "Tasks that were refused for it."},
    {"dora_workers_resident_bytes", "gauge",
     "Memory that the workers keep resident, what they share counted in each."},
};

#define POOL_METRICS (sizeof(pool_metrics) / sizeof(pool_metrics[0]))

/* values_of gives the numbers of a pool in the order of pool_metrics. */
static void values_of(const dr_pool_numbers *numbers, uint64_t values[POOL_METRICS])
{
    const uint64_t all[] = {
        numbers->generation,      numbers->is_hung, numbers->is_healthy,   numbers->is_looping,
        numbers->queued,          numbers->running, numbers->handled,      numbers->refused,
        numbers->streams,         numbers->parts,   numbers->poison_found, numbers->poison_refused,
        numbers->memory_kb * 1024};
    _Static_assert(sizeof(all) / sizeof(all[0]) == POOL_METRICS, "each has its number");
    memcpy(values, all, sizeof(all));
}

static void put_pools(page *self)
{
    for (size_t i = 0; i < POOL_METRICS; i++) {
        const pool_metric *metric = &pool_metrics[i];
        head(self, metric->name, metric->type, metric->help);
        for (uint32_t p = 0; p < self->backend->pool_count; p++) {
            uint64_t values[POOL_METRICS];
            values_of(&self->pools[p], values);
            put(self, "%s{", metric->name);
            put_label(self, "pool", pool_name(self, p));
            put(self, "} %" PRIu64 "\n", values[i]);
        }
    }
}

static void put_pair(page *self, const char *name, uint32_t pool, const char *label,
                     const char *text, uint64_t value)
{
    put(self, "%s{", name);
    put_label(self, "pool", pool_name(self, pool));
    put(self, ",%s=\"%s\"} %" PRIu64 "\n", label, text, value);
}

static void put_priorities(page *self)
{
    static const char waiting[] = "dora_tasks_waiting";
    static const char done[] = "dora_tasks_done_total";
    head(self, waiting, "gauge", "Tasks in the pool's queue, by priority.");
    for (uint32_t p = 0; p < self->backend->pool_count; p++) {
        for (uint32_t i = DR_PRIORITIES; i-- > 0;) {
            put_pair(self, waiting, p, "priority", dr_stat_priority(i), self->pools[p].waiting[i]);
        }
    }
    head(self, done, "counter", "Tasks that workers have done, by priority.");
    for (uint32_t p = 0; p < self->backend->pool_count; p++) {
        for (uint32_t i = DR_PRIORITIES; i-- > 0;) {
            put_pair(self, done, p, "priority", dr_stat_priority(i), self->pools[p].done[i]);
        }
    }
}

static void put_workers(page *self)
{
    static const char workers[] = "dora_workers";
    static const char restarts[] = "dora_worker_restarts_total";
    head(self, workers, "gauge", "Workers, by what they do.");
    for (uint32_t p = 0; p < self->backend->pool_count; p++) {
        const dr_pool_numbers *numbers = &self->pools[p];
        put_pair(self, workers, p, "state", "idle", numbers->idle);
        put_pair(self, workers, p, "state", "busy", numbers->busy);
        put_pair(self, workers, p, "state", "starting", numbers->starting);
        put_pair(self, workers, p, "state", "leaving", numbers->leaving);
    }
    head(self, restarts, "counter", "Workers that were replaced, by the reason.");
    for (uint32_t p = 0; p < self->backend->pool_count; p++) {
        for (uint32_t i = DR_RESTART_NONE + 1; i < DR_RESTART_COUNT; i++) {
            put_pair(self, restarts, p, "cause", dr_restart_name((dr_restart)i),
                     self->pools[p].restarts[i]);
        }
    }
}

/* count_in is what a lane counted of a type and code. Returns: false when it has not met it. */
static bool count_in(const dr_row_lane *lane, dr_call_type type, int64_t code, uint64_t *count)
{
    const dr_series *series = atomic_load_explicit(&lane->first, memory_order_acquire);
    while (series != NULL && (series->type != type || series->code != code)) {
        series = atomic_load_explicit(&series->next, memory_order_acquire);
    }
    if (series != NULL) {
        *count += dr_count_get(&series->count);
    }
    return series != NULL;
}

static void put_request(page *self, const dr_row *row, dr_call_type type, const char *code,
                        uint64_t count)
{
    put(self, "dora_requests_total{");
    put_label(self, "pool", pool_name(self, row->pool));
    put(self, ",");
    put_label(self, "api", row->name);
    put(self, ",type=\"%s\",code=\"%s\"} %" PRIu64 "\n",
        type == DR_TYPE_UNKNOWN ? "" : dr_call_type_name(type), code, count);
}

/* put_row writes what the lanes counted of an api; a type and code stands where the first lane that
 * met it is looked at. */
static void put_row(page *self, const dr_row *row)
{
    const uint32_t lanes = self->backend->lane_count;
    uint64_t others[DR_TYPE_COUNT + 1] = {0};
    for (uint32_t i = 0; i < lanes; i++) {
        const dr_series *series = atomic_load_explicit(&row->lanes[i].first, memory_order_acquire);
        for (; series != NULL; series = atomic_load_explicit(&series->next, memory_order_acquire)) {
            char code[32];
            uint64_t count = 0;
            bool is_written = false;
            for (uint32_t before = 0; before < i; before++) {
                is_written |= count_in(&row->lanes[before], series->type, series->code, &count);
            }
            count = 0;
            for (uint32_t from = i; from < lanes && !is_written; from++) {
                (void)count_in(&row->lanes[from], series->type, series->code, &count);
            }
            (void)snprintf(code, sizeof(code), "%" PRId64, series->code);
            if (!is_written) {
                put_request(self, row, series->type, code, count);
            }
        }
        for (uint32_t type = 0; type <= DR_TYPE_COUNT; type++) {
            others[type] += dr_count_get(&row->lanes[i].others[type]);
        }
    }
    for (uint32_t type = 0; type <= DR_TYPE_COUNT; type++) {
        if (others[type] > 0) {
            put_request(self, row, (dr_call_type)type, "other", others[type]);
        }
    }
}

/* times is the sum of histograms. */
typedef struct times {
    uint64_t sum_ns;
    uint64_t count;
    uint64_t buckets[DR_HISTOGRAM_BUCKETS];
} times;

static void add_times(times *sum, const dr_histogram *histogram)
{
    sum->sum_ns += dr_count_get(&histogram->sum_ns);
    for (uint32_t i = 0; i < DR_HISTOGRAM_BUCKETS; i++) {
        const uint64_t count = dr_count_get(&histogram->buckets[i]);
        sum->buckets[i] += count;
        sum->count += count;
    }
}

static void put_times_labels(page *self, const char *name, const char *part, uint32_t pool,
                             const char *api)
{
    put(self, "%s%s{", name, part);
    put_label(self, "pool", pool_name(self, pool));
    if (api != NULL) {
        put(self, ",");
        put_label(self, "api", api);
    }
}

static void put_times(page *self, const char *name, uint32_t pool, const char *api,
                      const times *sum)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i + 1 < DR_HISTOGRAM_BUCKETS; i++) {
        count += sum->buckets[i];
        put_times_labels(self, name, "_bucket", pool, api);
        put(self, ",le=\"");
        put_seconds(self, dr_histogram_end(i));
        put(self, "\"} %" PRIu64 "\n", count);
    }
    put_times_labels(self, name, "_bucket", pool, api);
    put(self, ",le=\"+Inf\"} %" PRIu64 "\n", sum->count);
    put_times_labels(self, name, "_sum", pool, api);
    put(self, "} ");
    put_seconds(self, sum->sum_ns);
    put(self, "\n");
    put_times_labels(self, name, "_count", pool, api);
    put(self, "} %" PRIu64 "\n", sum->count);
}

static void put_rows(page *self)
{
    static const char queue[] = "dora_queue_seconds";
    static const char run[] = "dora_run_seconds";
    const dr_row *first = self->backend->rows.first;
    const uint32_t lanes = self->backend->lane_count;
    head(self, "dora_requests_total", "counter",
         "Requests that have ended, one for each api they asked for. api is empty for names that a "
         "fallback serves, pool as well for what no pool was asked.");
    for (const dr_row *row = first; row != NULL; row = row->next) {
        put_row(self, row);
    }
    head(self, queue, "histogram", "From a task's coming to its start in a worker.");
    for (uint32_t pool = 0; pool < self->backend->pool_count; pool++) {
        times sum = {0};
        for (const dr_row *row = first; row != NULL; row = row->next) {
            for (uint32_t i = 0; row->pool == pool && i < lanes; i++) {
                add_times(&sum, &row->lanes[i].queue);
            }
        }
        put_times(self, queue, pool, NULL, &sum);
    }
    head(self, run, "histogram", "How long handlers ran.");
    for (const dr_row *row = first; row != NULL; row = row->next) {
        times sum = {0};
        for (uint32_t i = 0; i < lanes; i++) {
            add_times(&sum, &row->lanes[i].run);
        }
        if (sum.count > 0) {
            put_times(self, run, row->pool, row->name, &sum);
        }
    }
}

static void put_callers_of(page *self, const char *name, const char *help, bool are_refused)
{
    dr_callers_told rows[DR_CALLER_ROWS_MAX];
    const uint32_t count = dr_stat_callers(self->backend, rows);
    if (count > 0) {
        head(self, name, "counter", help);
    }
    for (uint32_t i = 0; i < count; i++) {
        put(self, "%s{", name);
        put_label(self, "caller", rows[i].name);
        put(self, "} %" PRIu64 "\n", are_refused ? rows[i].refused : rows[i].calls);
    }
}

static void put_callers(page *self)
{
    put_callers_of(self, "dora_caller_calls_total",
                   "Apis and commands that each identity asked for.", false);
    put_callers_of(self, "dora_caller_refused_total", "Of these, what the rules of access refused.",
                   true);
}

/* put_rollout: of servers whose reloads are watched. */
static void put_rollout(page *self)
{
    static const char *const sides[] = {[DR_CANARY_OLD] = "old", [DR_CANARY_NEW] = "new"};
    static const char *const seen_metrics[][2] = {
        {"dora_rollout_calls", "Calls of each generation while the new one is watched."},
        {"dora_rollout_errors", "Of these, those that were answered by an error."},
        {"dora_rollout_deaths", "Workers that died meanwhile."},
    };
    static const char outcomes[] = "dora_rollouts_total";
    if (!dr_rollout_is_configured(self->backend)) {
        return;
    }
    const dr_rollout now = dr_rollout_now(self->backend->rollout);
    one(self, "dora_rollout_watching", "gauge", "1 while a new generation is watched.",
        now.state == DR_ROLLOUT_WATCHING);
    head(self, outcomes, "counter", "Reloads that were watched, by what became of them.");
    for (uint32_t i = DR_ROLLOUT_AHEAD; i <= DR_ROLLOUT_REPLACED; i++) {
        put(self, "%s{outcome=\"%s\"} %" PRIu64 "\n", outcomes,
            dr_rollout_name((dr_rollout_state)i), now.counts[i]);
    }
    for (size_t m = 0; m < sizeof(seen_metrics) / sizeof(seen_metrics[0]); m++) {
        head(self, seen_metrics[m][0], "gauge", seen_metrics[m][1]);
        for (uint32_t p = 0; p < self->backend->pool_count; p++) {
            dr_seen seen[DR_CANARY_SIDES];
            (void)dr_canary_look(&self->backend->pools[p], seen);
            for (uint32_t side = 0; side < DR_CANARY_SIDES; side++) {
                const uint64_t all[] = {seen[side].calls, seen[side].errors, seen[side].deaths};
                put_pair(self, seen_metrics[m][0], p, "generation", sides[side], all[m]);
            }
        }
    }
}

dora_err dr_metrics_write(dr_backend *backend, dr_buf *out)
{
    page self = {.backend = backend, .out = out};
    atomic_store(&backend->memory_is_wanted, true);
    for (uint32_t i = 0; i < backend->pool_count; i++) {
        dr_stat_pool(&backend->pools[i], &self.pools[i]);
    }
    put_process(&self);
    put_traffic(&self);
    put_discovery(&self);
    put_pools(&self);
    put_priorities(&self);
    put_workers(&self);
    put_rollout(&self);
    put_callers(&self);
    self.err = self.err == DORA_OK ? dr_metrics_growth(backend, out) : self.err;
    put_rows(&self);
    return self.err;
}
