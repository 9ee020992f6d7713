/* hung.c: pools and workers that make no progress. */
#include "task/hung.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ipc/inbox.h"
#include "task/look.h"

/* takes_tasks: a canary helps nobody who waits. */
static bool takes_tasks(const dr_slot *slot)
{
    return dr_slot_is_live(slot) && !slot->is_canary;
}

/* is_occupied says whether a worker could take no task, by what it holds or by not reacting. */
static bool is_occupied(const dr_pool *pool, uint32_t index)
{
    const dr_slot *slot = &pool->slots[index];
    return slot->held >= pool->limits.concurrency || slot->silent_ns != 0 ||
           !dr_inbox_is_empty(&pool->region, index);
}

/* stirred_ns is when a worker has last shown that it goes on. */
static uint64_t stirred_ns(const dr_slot *slot)
{
    return slot->news_ns > slot->since_ns ? slot->news_ns : slot->since_ns;
}

/* are_all_stuck says whether every worker is occupied and none has ended a task for `ms`. */
static bool are_all_stuck(const dr_pool *pool, uint64_t now_ns, uint32_t ms)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        const dr_slot *slot = &pool->slots[i];
        if (!takes_tasks(slot)) {
            continue;
        }
        if (!is_occupied(pool, i) || now_ns < stirred_ns(slot) + (uint64_t)ms * 1000000u) {
            return false;
        }
        count++;
    }
    return count > 0;
}

/* running_of is the oldest task that a worker runs. */
static uint32_t running_of(const dr_pool *pool, const dr_slot *slot)
{
    uint32_t task = slot->held > 0 ? slot->tasks.first : DR_NONE;
    while (task != DR_NONE && !dr_task_is(pool, task, DR_TASK_RUNNING)) {
        task = pool->records[task].next;
    }
    return task;
}

/* waiting_of counts the tasks that no worker has begun. */
static uint32_t waiting_of(const dr_pool *pool)
{
    uint32_t count = pool->queue.count;
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        const dr_slot *slot = &pool->slots[i];
        uint32_t task = slot->held > 0 ? slot->tasks.first : DR_NONE;
        for (; task != DR_NONE; task = pool->records[task].next) {
            count += dr_task_is(pool, task, DR_TASK_QUEUED);
        }
    }
    return count;
}

/* tell adds what a worker is busy with. */
static void tell(const dr_pool *pool, const dr_slot *slot, uint64_t now_ns, dr_busy *busy)
{
    const uint32_t task = running_of(pool, slot);
    busy->workers++;
    if (busy->count == DR_BUSY_TOLD_MAX) {
        return;
    }
    dr_task_seen *seen = &busy->told[busy->count++];
    *seen = (dr_task_seen){.pid = slot->pid, .has_begun = task != DR_NONE};
    const uint64_t since_ns = task != DR_NONE ? dr_task_start_ns(pool, task) : slot->since_ns;
    seen->age_ns = now_ns > since_ns ? now_ns - since_ns : 0;
    seen->name_len = task != DR_NONE ? dr_task_name(pool, task, seen->name) : 0;
}

bool dr_pool_is_busy(dr_pool *pool, uint64_t now_ns, dr_busy *busy)
{
    busy->workers = busy->count = busy->waiting = 0;
    pthread_mutex_lock(&pool->lock);
    const bool is_busy = are_all_stuck(pool, now_ns, DR_BUSY_SAID_MS);
    for (uint32_t i = 0; is_busy && i < pool->region.shape.workers; i++) {
        if (takes_tasks(&pool->slots[i])) {
            tell(pool, &pool->slots[i], now_ns, busy);
        }
    }
    busy->waiting = is_busy ? waiting_of(pool) : 0;
    pthread_mutex_unlock(&pool->lock);
    return is_busy;
}

/* runs_for_ever says whether a worker is at what was said to take as long as it likes. */
static bool runs_for_ever(const dr_pool *pool, const dr_slot *slot)
{
    uint32_t task = slot->held > 0 ? slot->tasks.first : DR_NONE;
    while (task != DR_NONE && (pool->records[task].own_limit_ms != DR_LIMIT_NONE ||
                               !dr_task_is(pool, task, DR_TASK_RUNNING))) {
        task = pool->records[task].next;
    }
    return task != DR_NONE;
}

static bool does_any_run_for_ever(const dr_pool *pool)
{
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        if (takes_tasks(&pool->slots[i]) && runs_for_ever(pool, &pool->slots[i])) {
            return true;
        }
    }
    return false;
}

bool dr_pool_is_hung(dr_pool *pool, uint64_t now_ns, uint32_t *waiting)
{
    const uint32_t hung_ms = pool->limits.hung_ms;
    *waiting = 0;
    if (hung_ms == 0) {
        return false;
    }
    pthread_mutex_lock(&pool->lock);
    if (are_all_stuck(pool, now_ns, hung_ms) && !does_any_run_for_ever(pool)) {
        *waiting = waiting_of(pool);
    }
    pthread_mutex_unlock(&pool->lock);
    return *waiting > 0;
}

/* has_begun_any: a worker runs a task, or its end has not been seen yet. */
static bool has_begun_any(const dr_pool *pool, const dr_slot *slot)
{
    uint32_t task = slot->held > 0 ? slot->tasks.first : DR_NONE;
    while (task != DR_NONE && dr_task_is(pool, task, DR_TASK_QUEUED)) {
        task = pool->records[task].next;
    }
    return task != DR_NONE;
}

/* is_silent says whether a worker is neither asleep nor runs a task. */
static bool is_silent(const dr_pool *pool, uint32_t index)
{
    const dr_slot *slot = &pool->slots[index];
    const dr_shared_worker *shared = &pool->region.workers[index];
    return slot->state >= DR_SLOT_IDLE && slot->state != DR_SLOT_DEAD && slot->pidfd >= 0 &&
           !slot->killed_for_limit && !has_begun_any(pool, slot) &&
           (atomic_load(&shared->asleep) == DR_AWAKE || !dr_inbox_is_empty(&pool->region, index));
}

/* has_been_silent says whether a worker was seen so for as long as what it did last may take. Many
 * are so for a moment between two tasks: one that has taken anything meanwhile counts anew. */
static bool has_been_silent(dr_pool *pool, uint32_t index, uint64_t now_ns)
{
    dr_slot *slot = &pool->slots[index];
    const uint64_t limit_ms = dr_pool_limit_ms(pool, slot->last_type, slot->last_own_limit_ms);
    const uint32_t head = atomic_load(&pool->region.workers[index].inbox_head);
    if (limit_ms == 0 || !is_silent(pool, index)) {
        slot->silent_ns = 0;
        return false;
    }
    if (slot->silent_ns == 0 || slot->silent_head != head) {
        slot->silent_ns = now_ns;
        slot->silent_head = head;
        return false;
    }
    const uint64_t most_ms = limit_ms + (slot->has_loop ? DR_LOOP_GRACE_MS : 0);
    return now_ns - slot->silent_ns >= most_ms * 1000000u;
}

/* is_stopped says whether a process was stopped by a signal, or by a debugger: it hangs in nothing.
 */
static bool is_stopped(int pid)
{
    char path[64];
    char text[512];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    const char *state = strrchr(text, ')'); /* of a name that may hold anything */
    return state != NULL && strlen(state) > 2 && (state[2] == 'T' || state[2] == 't');
}

int dr_pool_end_silent(dr_pool *pool, uint64_t now_ns, uint32_t *own_limit_ms)
{
    int ended = 0;
    for (uint32_t i = 0; ended == 0 && i < pool->region.shape.workers; i++) {
        dr_slot *slot = &pool->slots[i];
        pthread_mutex_lock(&pool->lock);
        const int pid = has_been_silent(pool, i, now_ns) ? slot->pid : 0;
        pthread_mutex_unlock(&pool->lock);
        if (pid == 0 || is_stopped(pid)) {
            continue;
        }
        pthread_mutex_lock(&pool->lock);
        if (slot->pid == pid && is_silent(pool, i) &&
            syscall(SYS_pidfd_send_signal, slot->pidfd, SIGKILL, NULL, 0) == 0) {
            slot->killed_for_limit = true;
            *own_limit_ms = slot->last_own_limit_ms;
            ended = pid;
        }
        pthread_mutex_unlock(&pool->lock);
    }
    return ended;
}
