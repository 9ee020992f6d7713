/* stat_pool.c: the workers of a pool one by one, and its slowest tasks. */
#include <string.h>

#include "base/clock.h"
#include "server/ops/stat.h"
#include "server/ops/stat_pool.h"
#include "task/interrupt.h"
#include "task/look.h"

/* told_worker is a worker at one moment. */
typedef struct told_worker {
    const char *state;
    int pid;
    uint32_t number;
    uint32_t memory_kb;
    uint64_t handled;
} told_worker;

/* told_task is a task that runs. */
typedef struct told_task {
    uint64_t start_ns;
    int pid;
    uint32_t number;
    uint32_t slot; /* of the worker that was asked to end it; DR_NONE: it was not */
    size_t name_len;
    char name[DR_API_NAME_MAX];
} told_task;

static void put_text(dora_writer *writer, const char *key, const char *text, size_t len)
{
    dr_stat_key(writer, key);
    dora_write_string(writer, text, len);
}

void dr_stat_put_workers(dora_writer *writer, void *of)
{
    dr_pool *pool = of;
    told_worker told[DR_STAT_WORKERS_MAX];
    uint32_t count = 0;
    pthread_mutex_lock(&pool->lock);
    for (uint32_t i = 0; i < pool->region.shape.workers && count < DR_STAT_WORKERS_MAX; i++) {
        const dr_slot *slot = &pool->slots[i];
        const char *state = dr_slot_state_name(slot);
        if (state != NULL) {
            told[count++] =
                (told_worker){state, slot->pid, slot->number, slot->memory_kb, slot->finished};
        }
    }
    pthread_mutex_unlock(&pool->lock);
    dora_write_array(writer, count);
    for (uint32_t i = 0; i < count; i++) {
        dora_write_int(writer, i);
        dora_write_array(writer, 5);
        dr_stat_put(writer, "pid", (uint64_t)told[i].pid);
        dr_stat_put(writer, "number", told[i].number);
        put_text(writer, "state", told[i].state, strlen(told[i].state));
        dr_stat_put(writer, "handled", told[i].handled);
        dr_stat_put(writer, "memory_kb", told[i].memory_kb);
        dora_write_end(writer);
    }
    dora_write_end(writer);
}

/* keep_slowest puts a running task in its place among the oldest. */
static void keep_slowest(const dr_pool *pool, uint32_t task, told_task *told, uint32_t *count)
{
    const uint64_t start_ns = dr_task_start_ns(pool, task);
    const dr_slot *slot = &pool->slots[pool->records[task].slot];
    uint32_t at = *count;
    while (at > 0 && told[at - 1].start_ns > start_ns) {
        at--;
    }
    if (at == DR_STAT_TASKS_MAX) {
        return;
    }
    *count += *count < DR_STAT_TASKS_MAX;
    memmove(&told[at + 1], &told[at], (*count - at - 1) * sizeof(*told));
    told[at].start_ns = start_ns;
    told[at].pid = slot->pid;
    told[at].number = slot->number;
    told[at].slot = pool->records[task].interrupt != 0 ? pool->records[task].slot : DR_NONE;
    told[at].name_len = dr_task_name(pool, task, told[at].name);
}

/* put_stack tells where a task is, as far as its worker has said it. */
static void put_stack(dora_writer *writer, dr_pool *pool, const told_task *task)
{
    char text[DORA_STACK_BYTES];
    size_t len = 0;
    if (task->slot != DR_NONE) {
        pthread_mutex_lock(&pool->lock);
        len = dr_interrupt_stack(pool, task->slot, text, sizeof(text));
        pthread_mutex_unlock(&pool->lock);
    }
    put_text(writer, "stack", text, len);
}

void dr_stat_put_tasks(dora_writer *writer, void *of)
{
    dr_pool *pool = of;
    told_task told[DR_STAT_TASKS_MAX];
    uint32_t count = 0;
    pthread_mutex_lock(&pool->lock);
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        uint32_t task = pool->slots[i].held > 0 ? pool->slots[i].tasks.first : DR_NONE;
        while (task != DR_NONE) { /* between those that run may be some that are done */
            if (dr_task_is(pool, task, DR_TASK_RUNNING)) {
                keep_slowest(pool, task, told, &count);
            }
            task = pool->records[task].next;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    const uint64_t now_ns = dr_clock_ns();
    dora_write_array(writer, count);
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t ns = now_ns > told[i].start_ns ? now_ns - told[i].start_ns : 0;
        dora_write_int(writer, i);
        dora_write_array(writer, 5);
        put_text(writer, "api", told[i].name, told[i].name_len);
        dr_stat_put(writer, "pid", (uint64_t)told[i].pid);
        dr_stat_put(writer, "number", told[i].number);
        dr_stat_put(writer, "ms", ns / 1000000u);
        put_stack(writer, pool, &told[i]);
        dora_write_end(writer);
    }
    dora_write_end(writer);
}
