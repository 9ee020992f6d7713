/* status_page.c: what handlers may know of the server, into the memory of every pool. */
#include <unistd.h>

#include "server/call/lane.h"
#include "server/ops/stat.h"
#include "server/ops/status_page.h"

static void set(_Atomic uint64_t *place, uint64_t value)
{
    atomic_store_explicit(place, value, memory_order_relaxed);
}

void dr_status_page_write(dr_backend *backend)
{
    dr_totals totals;
    uint64_t log_lines = 0;
    uint64_t log_bytes = 0;
    dr_stat_totals(backend, &totals);
    dr_log_queue(backend->log, &log_lines, &log_bytes);
    for (uint32_t i = 0; i < backend->pool_count; i++) {
        dr_status_page *board = backend->pools[i].region.status_page;
        atomic_store_explicit(&board->pid, getpid(), memory_order_relaxed);
        set(&board->start_time, (uint64_t)backend->start_time);
        set(&board->connections, totals.connections);
        set(&board->accepted, totals.accepted);
        set(&board->closed, totals.closed);
        set(&board->tasks, totals.tasks);
        set(&board->requests, totals.requests);
        set(&board->log_lines, log_lines);
        set(&board->log_bytes, log_bytes);
    }
}
