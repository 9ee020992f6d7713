/* crew_memory.c: how much memory each worker has, and those that have too much. */
#include "task/crew_memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"
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

/* say_replaced names the api that the worker grew in, where that was seen. */
static void say_replaced(const dr_crew *crew, int pid, const dr_grower *most)
{
    char name[DR_PRINTABLE_MAX(DR_API_NAME_MAX)] = "the fallback";
    char text[sizeof(name) + 128] = "";
    if (most->api < crew->names.count) {
        const char *item = crew->names.items[most->api];
        (void)dr_printable_text((dora_slice){item, strlen(item)}, name, sizeof(name));
    }
    if (most->bytes >= 1024) {
        (void)snprintf(text, sizeof(text),
                       "; it grew most in calls of %s: by %" PRId64 " KiB in %" PRIu32
                       " that were looked at",
                       name, most->bytes / 1024, most->looks);
    }
    dr_log_write(crew->log, DR_LOG_NOTICE, crew->options.name,
                 "worker process %d is above memory_mb_max (%u) and is replaced%s", pid,
                 crew->options.memory_mb_max, text);
}

void dr_crew_check_memory(dr_crew *crew)
{
    dr_pool *pool = crew->pool;
    dr_grower most;
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
            (void)dr_growers_most(pool, i, &most);
        }
        pthread_mutex_unlock(&pool->lock);
        if (is_above) {
            say_replaced(crew, pid, &most);
        }
    }
    dr_crew_balance(crew);
}
