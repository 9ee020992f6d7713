/* board.c: what handlers may know of the server, into the memory of every pool. */
#include "server/lane.h"

#include <unistd.h>

static void set(_Atomic uint64_t *place, uint64_t value)
{
    atomic_store_explicit(place, value, memory_order_relaxed);
}

/* tasks_of counts what is queued or running. */
static uint64_t tasks_of(dr_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    const uint64_t tasks = (uint64_t)pool->waiting_count + pool->handed_count;
    pthread_mutex_unlock(&pool->lock);
    return tasks;
}

void dr_board_write(dr_server *server)
{
    uint64_t tasks = 0;
    uint64_t log_lines = 0;
    uint64_t log_bytes = 0;
    for (uint32_t i = 0; i < server->pool_count; i++) {
        tasks += tasks_of(&server->pools[i]);
    }
    dr_log_queue(server->log, &log_lines, &log_bytes);
    for (uint32_t i = 0; i < server->pool_count; i++) {
        dr_shared_board *board = server->pools[i].region.board;
        atomic_store_explicit(&board->pid, getpid(), memory_order_relaxed);
        set(&board->start_time, server->start_time);
        set(&board->tasks, tasks);
        set(&board->log_lines, log_lines);
        set(&board->log_bytes, log_bytes);
    }
}
