/* top_page.c: what `dora top` shows: the server, its pools, its slowest tasks, its workers. */
#include "cli/top_page.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/text.h"

#define BAR_COLUMNS 20
#define TASKS_MAX 5
#define NAME_COLUMNS 16

/* page is where the next line goes. */
typedef struct page {
    dr_buf *out;
    size_t rows; /* that are left */
    size_t columns;
    double seconds; /* between the two looks; 0: there is only one */
} page;

#define LINE(page, ...)                                                                            \
    do {                                                                                           \
        if ((page)->rows > 0) {                                                                    \
            (page)->rows--;                                                                        \
            dr_text_line((page)->out, (page)->columns, __VA_ARGS__);                               \
        }                                                                                          \
    } while (0)

/* per_second is how fast a counter grows. Returns: below 0 where that is not known. */
static double per_second(const page *self, const json_t *now, const json_t *before, const char *key)
{
    const int64_t grown = dr_text_int(now, key) - dr_text_int(before, key);
    return self->seconds > 0.0 && before != NULL && grown >= 0 ? (double)grown / self->seconds
                                                               : -1.0;
}

static const char *rate(double value, char text[DR_TEXT_MAX])
{
    if (value < 0.0) {
        return "-";
    }
    (void)snprintf(text, DR_TEXT_MAX, "%.1f", value);
    return text;
}

static const char *byte_rate(double value, char text[DR_TEXT_MAX])
{
    return value < 0.0 ? "-" : dr_text_bytes(value, text);
}

static void put_server(page *self, const char *address, const json_t *now, const json_t *before)
{
    char texts[4][DR_TEXT_MAX];
    LINE(self, "%s  dora %s  process %" PRId64 "  up %s  %s", address, dr_text_word(now, "version"),
         dr_text_int(now, "pid"), dr_text_time(dr_text_int(now, "uptime_s"), texts[0]),
         json_is_true(json_object_get(now, "draining")) ? "draining" : "serving");
    LINE(self, "connections %" PRId64 "  requests/s %s  tasks %" PRId64 "  in/s %s  out/s %s",
         dr_text_int(now, "connection_num"),
         rate(per_second(self, now, before, "request_count"), texts[1]),
         dr_text_int(now, "tasking_num"),
         byte_rate(per_second(self, now, before, "bytes_in"), texts[2]),
         byte_rate(per_second(self, now, before, "bytes_out"), texts[3]));
}

/* bar draws how many of `all` are busy. */
static const char *bar(int64_t busy, int64_t all, char text[BAR_COLUMNS + 1])
{
    const int64_t filled = all > 0 ? (busy * BAR_COLUMNS + all - 1) / all : 0;
    for (int64_t i = 0; i < BAR_COLUMNS; i++) {
        text[i] = i < filled ? '#' : '.';
    }
    text[BAR_COLUMNS] = '\0';
    return text;
}

static void put_pools(page *self, const json_t *pools, const json_t *pools_before)
{
    const char *name;
    const json_t *pool;
    LINE(self, "%s", "");
    LINE(self, "%-*s %4s %9s %7s %8s %6s %8s  %-*s  BUSY", NAME_COLUMNS, "POOL", "GEN", "TASKS/S",
         "QUEUED", "RUNNING", "DIED", "REFUSED", BAR_COLUMNS + 2, "WORKERS");
    json_object_foreach((json_t *)(uintptr_t)pools, name, pool)
    {
        char text[DR_TEXT_MAX];
        char drawn[BAR_COLUMNS + 1];
        const json_t *before = json_object_get(pools_before, name);
        const int64_t busy = dr_text_int(pool, "busy");
        const int64_t workers = dr_text_int(pool, "workers");
        LINE(self,
             "%-*s %4" PRId64 " %9s %7" PRId64 " %8" PRId64 " %6" PRId64 " %8" PRId64
             "  [%s]  %" PRId64 "/%" PRId64 "%s",
             NAME_COLUMNS, name, dr_text_int(pool, "generation"),
             rate(per_second(self, pool, before, "handled"), text), dr_text_int(pool, "queued"),
             dr_text_int(pool, "running"), dr_text_int(pool, "died"), dr_text_int(pool, "refused"),
             bar(busy, workers, drawn), busy, workers,
             json_is_true(json_object_get(pool, "hung"))      ? " hangs"
             : json_is_true(json_object_get(pool, "healthy")) ? ""
                                                              : " workers do not start");
    }
}

/* slowest is one of the tasks that have run for longest in all pools. */
typedef struct slowest {
    const char *pool;
    const json_t *task;
} slowest;

static size_t find_slowest(const json_t *pools, slowest found[TASKS_MAX])
{
    const char *name;
    const json_t *pool;
    size_t count = 0;
    json_object_foreach((json_t *)(uintptr_t)pools, name, pool)
    {
        size_t index;
        const json_t *task;
        json_array_foreach(json_object_get(pool, "running_tasks"), index, task)
        {
            size_t at = count;
            while (at > 0 && dr_text_int(found[at - 1].task, "ms") < dr_text_int(task, "ms")) {
                at--;
            }
            if (at < TASKS_MAX) {
                count += count < TASKS_MAX;
                memmove(&found[at + 1], &found[at], (count - at - 1) * sizeof(*found));
                found[at] = (slowest){name, task};
            }
        }
    }
    return count;
}

static void put_tasks(page *self, const json_t *pools)
{
    slowest found[TASKS_MAX];
    const size_t count = find_slowest(pools, found);
    LINE(self, "%s", "");
    LINE(self, "%-*s %6s %8s %12s  %s", NAME_COLUMNS, "RUNS LONGEST", "WORKER", "PID", "FOR",
         "API");
    for (size_t i = 0; i < count; i++) {
        char text[DR_TEXT_MAX];
        const json_t *task = found[i].task;
        LINE(self, "%-*s %6" PRId64 " %8" PRId64 " %12s  %s", NAME_COLUMNS, found[i].pool,
             dr_text_int(task, "number"), dr_text_int(task, "pid"),
             dr_text_ms(dr_text_int(task, "ms"), text), dr_text_word(task, "api"));
    }
}

/* worker_before finds a process in the look before. */
static const json_t *worker_before(const json_t *pool, int64_t pid)
{
    size_t index;
    const json_t *worker;
    json_array_foreach(json_object_get(pool, "processes"), index, worker)
    {
        if (dr_text_int(worker, "pid") == pid) {
            return worker;
        }
    }
    return NULL;
}

static void put_workers(page *self, const json_t *pools, const json_t *pools_before)
{
    const char *name;
    const json_t *pool;
    LINE(self, "%s", "");
    LINE(self, "%-*s %6s %8s  %-8s %10s %10s %9s", NAME_COLUMNS, "POOL", "WORKER", "PID", "STATE",
         "MEMORY", "HANDLED", "TASKS/S");
    json_object_foreach((json_t *)(uintptr_t)pools, name, pool)
    {
        const json_t *pool_before = json_object_get(pools_before, name);
        size_t index;
        const json_t *worker;
        json_array_foreach(json_object_get(pool, "processes"), index, worker)
        {
            char texts[2][DR_TEXT_MAX];
            const int64_t kb = dr_text_int(worker, "memory_kb");
            const json_t *before = worker_before(pool_before, dr_text_int(worker, "pid"));
            LINE(self, "%-*s %6" PRId64 " %8" PRId64 "  %-8s %10s %10" PRId64 " %9s", NAME_COLUMNS,
                 name, dr_text_int(worker, "number"), dr_text_int(worker, "pid"),
                 dr_text_word(worker, "state"),
                 kb > 0 ? dr_text_bytes((double)kb * 1024.0, texts[0]) : "-",
                 dr_text_int(worker, "handled"),
                 rate(per_second(self, worker, before, "handled"), texts[1]));
        }
    }
}

void dr_top_page(dr_buf *out, const char *address, const dr_top_look *now,
                 const dr_top_look *before, size_t rows, size_t columns)
{
    const json_t *server = json_object_get(now->data, "server");
    const json_t *earlier = json_object_get(before->data, "server");
    page self = {.out = out, .rows = rows, .columns = columns};
    if (dr_text_int(server, "start_time") != dr_text_int(earlier, "start_time") ||
        dr_text_int(server, "pid") != dr_text_int(earlier, "pid")) {
        earlier = NULL; /* another server by now */
    }
    if (earlier != NULL && now->at_ms > before->at_ms) {
        self.seconds = (double)(now->at_ms - before->at_ms) / 1000.0;
    }
    const json_t *pools = json_object_get(server, "pools");
    const json_t *pools_before = json_object_get(earlier, "pools");
    put_server(&self, address, server, earlier);
    put_pools(&self, pools, pools_before);
    put_tasks(&self, pools);
    put_workers(&self, pools, pools_before);
}
