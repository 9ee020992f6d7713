/* look.c: what a pool's tasks are doing, for people. */
#include "task/look.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "task/dispatch.h"

size_t dr_task_name(const dr_pool *pool, uint32_t task, char name[DR_API_NAME_MAX])
{
    const dr_record *record = &pool->records[task];
    const uint32_t said = *(const volatile uint32_t *)&pool->region.tasks[task].name_len;
    const char *from = pool->region.slab + record->offset;
    size_t len = said < DR_API_NAME_MAX ? said : DR_API_NAME_MAX;
    len = len < record->input_len ? len : record->input_len;
    char own[DR_API_NAME_MAX]; /* a worker may change the other while it is read */
    char shown[DR_API_NAME_MAX + 1];
    for (size_t i = 0; i < len; i++) {
        own[i] = ((const volatile char *)from)[i];
    }
    len = strlen(dr_printable_text((dora_slice){own, len}, shown, sizeof(shown)));
    memcpy(name, shown, len);
    return len;
}

uint64_t dr_task_start_ns(const dr_pool *pool, uint32_t task)
{
    const uint64_t came_ns = pool->records[task].submitted_ns;
    const uint64_t said_ns =
        atomic_load_explicit(&pool->region.tasks[task].start_ns, memory_order_relaxed);
    /* A worker says it just after it began: until then it is that of the place's last task. */
    return said_ns > came_ns ? said_ns : came_ns;
}

uint64_t dr_task_since_ns(const dr_pool *pool, const dr_slot *slot, uint32_t task)
{
    if (pool->limits.concurrency == 1) {
        return slot->since_ns;
    }
    const uint64_t handed_ns = pool->records[task].handed_ns;
    const uint64_t start_ns = /* while it waits for a thread, far in the future */
        atomic_load_explicit(&pool->region.tasks[task].start_ns, memory_order_relaxed);
    return start_ns > handed_ns ? start_ns : handed_ns;
}

bool dr_task_is(const dr_pool *pool, uint32_t task, uint32_t state)
{
    const dr_record *record = &pool->records[task];
    return atomic_load_explicit(&pool->region.tasks[task].word, memory_order_acquire) ==
           dr_task_word(record->generation, state, record->slot);
}

#define RUNNING_TOLD_MAX 4u

const char *dr_running_text(dr_pool *pool, uint32_t slot, char *text, size_t size)
{
    size_t len = 0;
    uint32_t count = 0;
    text[0] = '\0';
    pthread_mutex_lock(&pool->lock);
    uint32_t task = pool->slots[slot].held > 0 ? pool->slots[slot].tasks.first : DR_NONE;
    for (; task != DR_NONE && len < size; task = pool->records[task].next) {
        if (!dr_task_is(pool, task, DR_TASK_RUNNING) || count++ >= RUNNING_TOLD_MAX) {
            continue;
        }
        char name[DR_API_NAME_MAX];
        char guid[DR_PRINTABLE_MAX(DR_GUID_LEN)];
        char own[DR_GUID_LEN]; /* another worker may be spoiling the other */
        const volatile char *said = pool->region.tasks[task].guid;
        for (size_t i = 0; i < sizeof(own); i++) {
            own[i] = said[i];
        }
        const int name_len = (int)dr_task_name(pool, task, name);
        len += (size_t)snprintf(
            text + len, size - len, "%s%.*s (guid %s)", len > 0 ? ", " : "", name_len, name,
            dr_printable_text((dora_slice){own, sizeof(own)}, guid, sizeof(guid)));
    }
    if (count > RUNNING_TOLD_MAX && len < size) {
        (void)snprintf(text + len, size - len, " and %u more", count - RUNNING_TOLD_MAX);
    }
    pthread_mutex_unlock(&pool->lock);
    return text;
}

static void see(const dr_pool *pool, uint32_t task, bool has_begun, dr_task_seen *seen)
{
    const dr_record *record = &pool->records[task];
    const uint64_t now_ns = dr_clock_ns();
    const uint64_t since_ns = has_begun ? dr_task_start_ns(pool, task) : record->submitted_ns;
    *seen = (dr_task_seen){.owner = record->owner,
                           .slot = has_begun ? record->slot : DR_NONE,
                           .pid = has_begun ? pool->slots[record->slot].pid : 0,
                           .has_begun = has_begun,
                           .age_ns = now_ns > since_ns ? now_ns - since_ns : 0};
    seen->name_len = dr_task_name(pool, task, seen->name);
}

void dr_dispatch_each(dr_pool *pool, dr_task_seen_fn fn, void *user)
{
    dr_task_seen seen;
    pthread_mutex_lock(&pool->lock);
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        uint32_t task = pool->slots[i].held > 0 ? pool->slots[i].tasks.first : DR_NONE;
        for (; task != DR_NONE; task = pool->records[task].next) {
            if (!dr_task_is(pool, task, DR_TASK_DONE)) {
                see(pool, task, !dr_task_is(pool, task, DR_TASK_QUEUED), &seen);
                fn(&seen, user);
            }
        }
    }
    for (uint32_t i = pool->waiting.first; i != DR_NONE; i = pool->records[i].next) {
        see(pool, i, false, &seen);
        fn(&seen, user);
    }
    pthread_mutex_unlock(&pool->lock);
}
