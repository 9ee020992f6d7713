/* crew_memory.c: how much memory each worker has, and those that have too much. */
#include "task/crew_memory.h"

#include <stdio.h>
#include <unistd.h>

#include "task/crew.h"

/* memory_of is what a process keeps resident, in bytes; 0 where that cannot be read. */
static uint64_t memory_of(int pid)
{
    char path[64];
    unsigned long pages[2] = {0, 0};
    (void)snprintf(path, sizeof(path), "/proc/%d/statm", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return 0;
    }
    const int count = fscanf(file, "%lu %lu", &pages[0], &pages[1]);
    fclose(file);
    return count == 2 ? (uint64_t)pages[1] * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

void dr_crew_check_memory(dr_crew *crew)
{
    dr_pool *pool = crew->pool;
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        pthread_mutex_lock(&pool->lock);
        dr_slot *slot = &pool->slots[i];
        const int pid = slot->crew == crew->id ? slot->pid : 0;
        pthread_mutex_unlock(&pool->lock);
        const uint64_t bytes = pid != 0 ? memory_of(pid) : 0;
        bool is_above = crew->options.memory_mb_max != 0 &&
                        bytes > (uint64_t)crew->options.memory_mb_max * 1024 * 1024;
        pthread_mutex_lock(&pool->lock);
        if (slot->pid != pid) {
            is_above = false;
        } else if (pid != 0) {
            slot->memory_kb = (uint32_t)(bytes / 1024);
            is_above = is_above && !slot->leaving && !slot->wants_recycling;
        }
        if (is_above) {
            slot->wants_recycling = true;
            slot->why = DR_RESTART_MEMORY;
        }
        pthread_mutex_unlock(&pool->lock);
        if (is_above) {
            dr_log_write(crew->log, DR_LOG_NOTICE, crew->options.name,
                         "worker process %d is above memory_mb_max (%u) and is replaced", pid,
                         crew->options.memory_mb_max);
        }
    }
    dr_crew_balance(crew);
}
