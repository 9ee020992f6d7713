/* recent.c: marks of what was counted, and the differences. */
#include "server/ops/recent.h"

#include <stdlib.h>
#include <string.h>

void dr_recent_init(dr_recent *recent, const dr_rows *rows, uint64_t now_ms)
{
    *recent = (dr_recent){.rows = rows, .start_ms = now_ms};
}

void dr_recent_fini(dr_recent *recent)
{
    free(recent->marks);
    recent->marks = NULL;
    recent->row_count = 0;
}

/* is_failure: accepted is none, whatever becomes of it is counted again. */
static bool is_failure(int64_t code)
{
    return code != DORA_CODE_OK && code != DORA_CODE_ACCEPTED;
}

static void add_lane(const dr_row_lane *lane, dr_mark *mark)
{
    const dr_series *series = atomic_load_explicit(&lane->first, memory_order_acquire);
    for (; series != NULL; series = atomic_load_explicit(&series->next, memory_order_acquire)) {
        const uint64_t count = dr_count_get(&series->count);
        mark->calls += count;
        mark->errors += is_failure(series->code) ? count : 0;
    }
    for (size_t i = 0; i <= DR_TYPE_COUNT; i++) { /* codes beyond the usual: errors */
        const uint64_t count = dr_count_get(&lane->others[i]);
        mark->calls += count;
        mark->errors += count;
    }
    mark->sum_ns += dr_count_get(&lane->run.sum_ns);
    for (size_t i = 0; i < DR_HISTOGRAM_BUCKETS; i++) {
        mark->runs[i] += dr_count_get(&lane->run.buckets[i]);
    }
}

static void count_row(const dr_rows *rows, const dr_row *row, dr_mark *mark)
{
    *mark = (dr_mark){0};
    for (uint32_t i = 0; i < rows->lane_count; i++) {
        add_lane(&row->lanes[i], mark);
    }
}

/* grow makes room for rows that are new. Those are appended, so the others keep their places. */
static bool grow(dr_recent *recent)
{
    const size_t count = recent->rows->count;
    if (count == recent->row_count) {
        return true;
    }
    dr_mark *marks = realloc(recent->marks, count * DR_RECENT_MARKS * sizeof(*marks));
    if (marks == NULL) {
        return false;
    }
    memset(marks + recent->row_count * DR_RECENT_MARKS, 0,
           (count - recent->row_count) * DR_RECENT_MARKS * sizeof(*marks));
    recent->marks = marks;
    recent->row_count = count;
    return true;
}

void dr_recent_look(dr_recent *recent, uint64_t now_ms)
{
    const uint32_t last = (recent->next + DR_RECENT_MARKS - 1) % DR_RECENT_MARKS;
    const uint64_t last_ms = recent->written > 0 ? recent->at_ms[last] : recent->start_ms;
    if (now_ms - last_ms < DR_RECENT_MS || !grow(recent)) {
        return;
    }
    size_t place = recent->next;
    for (const dr_row *row = recent->rows->first; row != NULL; row = row->next) {
        count_row(recent->rows, row, &recent->marks[place]);
        place += DR_RECENT_MARKS;
    }
    recent->at_ms[recent->next] = now_ms;
    recent->next = (recent->next + 1) % DR_RECENT_MARKS;
    recent->written += recent->written < DR_RECENT_MARKS;
}

/* is_full: the oldest mark is the one that is written next. Before, all that was counted since the
 * start counts. */
static bool is_full(const dr_recent *recent)
{
    return recent->written == DR_RECENT_MARKS;
}

uint64_t dr_recent_since(const dr_recent *recent)
{
    return is_full(recent) ? recent->at_ms[recent->next] : recent->start_ms;
}

static const dr_mark *oldest(const dr_recent *recent, const dr_row *row)
{
    static const dr_mark nothing;
    return is_full(recent) && row->number < recent->row_count
               ? &recent->marks[(size_t)row->number * DR_RECENT_MARKS + recent->next]
               : &nothing;
}

/* end_of_share gives the end of the bucket in which `share` of 100 have ended. */
static uint64_t end_of_share(const uint64_t *buckets, uint64_t count, uint64_t share)
{
    uint64_t seen = 0;
    for (uint32_t i = 0; i < DR_HISTOGRAM_BUCKETS; i++) {
        seen += buckets[i];
        if (count > 0 && seen * 100 >= count * share) {
            return dr_histogram_end(i);
        }
    }
    return 0;
}

void dr_recent_of(const dr_recent *recent, const dr_row *row, dr_recent_numbers *numbers)
{
    dr_mark now;
    uint64_t runs = 0;
    const dr_mark *then = oldest(recent, row);
    count_row(recent->rows, row, &now);
    for (size_t i = 0; i < DR_HISTOGRAM_BUCKETS; i++) {
        now.runs[i] -= then->runs[i];
        runs += now.runs[i];
    }
    *numbers = (dr_recent_numbers){.calls = now.calls - then->calls,
                                   .errors = now.errors - then->errors,
                                   .mean_ns = runs > 0 ? (now.sum_ns - then->sum_ns) / runs : 0,
                                   .p95_ns = end_of_share(now.runs, runs, 95)};
}
