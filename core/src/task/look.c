/* look.c: what a pool's tasks are doing, for people. */
#include "task/look.h"

#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "task/collect.h"
#include "task/dispatch.h"
#include "task/interrupt.h"

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

/* stream_since_ns: waiting for room counts for no limit. */
static uint64_t stream_since_ns(const dr_pool *pool, const dr_slot *slot, uint32_t task)
{
    const uint64_t start_ns =
        atomic_load_explicit(&pool->region.tasks[task].start_ns, memory_order_relaxed);
    return start_ns > slot->since_ns ? start_ns : slot->since_ns;
}

uint64_t dr_task_since_ns(const dr_pool *pool, const dr_slot *slot, uint32_t task)
{
    if (pool->limits.concurrency == 1) {
        return pool->records[task].type == DR_TYPE_ST_S ? stream_since_ns(pool, slot, task)
                                                        : slot->since_ns;
    }
    const uint64_t handed_ns = pool->records[task].handed_ns;
    const uint64_t start_ns = /* while it waits for a thread, far in the future */
        atomic_load_explicit(&pool->region.tasks[task].start_ns, memory_order_relaxed);
    return start_ns > handed_ns ? start_ns : handed_ns;
}

uint32_t dr_slot_starved_kb(const dr_pool *pool, uint32_t slot)
{
    return pool->limits.memory_hard_mb == 0
               ? 0
               : atomic_load_explicit(&pool->region.workers[slot].starved_kb, memory_order_relaxed);
}

bool dr_task_is(const dr_pool *pool, uint32_t task, uint32_t state)
{
    const dr_record *record = &pool->records[task];
    return atomic_load_explicit(&pool->region.tasks[task].word, memory_order_acquire) ==
           dr_task_word(record->generation, state, record->slot);
}

/* copy takes bytes that a worker may be writing over. */
static void copy(char *to, const volatile char *from, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        to[i] = from[i];
    }
}

/* copy_trace takes a task's trace. Returns: its length. */
static size_t copy_trace(const dr_pool *pool, uint32_t task, char trace[DR_TRACE_BYTES_MAX])
{
    const dr_record *record = &pool->records[task];
    const uint32_t said = *(const volatile uint32_t *)&pool->region.tasks[task].trace_len;
    const size_t len = said <= DR_TRACE_BYTES_MAX && said <= record->input_len ? said : 0;
    copy(trace, pool->region.slab + record->offset + record->input_len - len, len);
    return len;
}

/* note_run writes down a task whose worker has ended. */
static void note_run(dr_pool *pool, const dr_slot *slot, uint32_t task, uint64_t now_ns,
                     dr_task_ran *ran)
{
    dr_record *record = &pool->records[task];
    const volatile dr_shared_task *shared = &pool->region.tasks[task];
    const uint64_t start_ns = dr_task_start_ns(pool, task);
    ran->is_told = record->is_told;
    record->is_told = true;
    ran->type = record->type;
    ran->interrupt = record->interrupt;
    ran->own_limit_ms = record->own_limit_ms;
    ran->code = dr_code_of_dead(pool, slot, task);
    ran->starved_kb =
        ran->code == DORA_CODE_WORKER_DIED ? dr_slot_starved_kb(pool, record->slot) : 0;
    ran->name_len = dr_task_name(pool, task, ran->name);
    copy(ran->guid, shared->guid, DR_GUID_LEN);
    ran->trace_len = copy_trace(pool, task, ran->trace);
    dr_suspect_blame(pool, task, &ran->blame);
    const bool has_begun = start_ns < now_ns; /* else it waited in its worker for a thread */
    ran->queue_ns = (has_begun ? start_ns : now_ns) - record->submitted_ns;
    ran->run_ns = has_begun ? now_ns - start_ns : 0;
}

uint32_t dr_tasks_running(dr_pool *pool, uint32_t slot, dr_task_ran *ran, uint32_t max)
{
    const uint64_t now_ns = dr_clock_ns();
    const dr_slot *self = &pool->slots[slot];
    uint32_t count = 0;
    pthread_mutex_lock(&pool->lock);
    uint32_t task = self->held > 0 ? self->tasks.first : DR_NONE;
    for (; task != DR_NONE && count < max; task = pool->records[task].next) {
        if (dr_task_is(pool, task, DR_TASK_RUNNING)) {
            note_run(pool, self, task, now_ns, &ran[count++]);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return count;
}

void dr_task_ask(const dr_pool *pool, uint32_t task, dr_task_asked *asked)
{
    const dr_record *record = &pool->records[task];
    const volatile dr_shared_task *shared = &pool->region.tasks[task];
    const uint64_t now_ns = dr_clock_ns();
    const uint64_t start_ns = dr_task_start_ns(pool, task);
    const bool has_begun = start_ns > record->submitted_ns && start_ns < now_ns;
    const char *block = pool->region.slab + record->offset;
    const uint32_t name_len = shared->name_len;
    const uint32_t trace_len = shared->trace_len;
    const uint32_t caller_len = shared->caller_len;
    const bool is_sound = name_len <= sizeof(asked->name) && trace_len <= sizeof(asked->trace) &&
                          name_len + trace_len <= record->input_len;
    asked->name_len = is_sound ? name_len : 0;
    asked->trace_len = is_sound ? trace_len : 0;
    copy(asked->name, block, asked->name_len);
    copy(asked->trace, block + record->input_len - asked->trace_len, asked->trace_len);
    const size_t rest = record->input_len - asked->name_len - asked->trace_len;
    asked->caller_len =
        is_sound && caller_len <= sizeof(asked->caller) && caller_len <= rest ? caller_len : 0;
    copy(asked->caller, block + asked->name_len + rest - asked->caller_len, asked->caller_len);
    asked->param_bytes = rest > caller_len ? rest - caller_len : 0;
    asked->came_ns = record->submitted_ns;
    asked->is_http = shared->protocol == DR_PROTOCOL_HTTP;
    asked->queue_ns = (has_begun ? start_ns : now_ns) - record->submitted_ns;
    asked->run_ns = has_begun ? now_ns - start_ns : 0;
}

int dr_slot_pid(dr_pool *pool, uint32_t slot)
{
    pthread_mutex_lock(&pool->lock);
    const int pid = pool->slots[slot].last_pid;
    pthread_mutex_unlock(&pool->lock);
    return pid;
}

/* tell tells `fn` of a task. */
static void tell(dr_pool *pool, uint32_t task, bool has_begun, dr_task_seen_fn fn, void *user)
{
    dr_record *record = &pool->records[task];
    dr_task_seen room;
    dr_task_seen *seen = &room; /* not zeroed: it is large */
    if (record->is_told) {
        return;
    }
    const uint64_t now_ns = dr_clock_ns();
    const uint64_t start_ns = has_begun ? dr_task_start_ns(pool, task) : now_ns;
    /* What waits in its worker, for a thread or for room in its stream, counts since it came. */
    const uint64_t since_ns = start_ns < now_ns ? start_ns : record->submitted_ns;
    const uint64_t age_ns = now_ns > since_ns ? now_ns - since_ns : 0;
    seen->owner = record->owner;
    seen->slot = DR_NONE;
    seen->has_begun = has_begun;
    seen->queue_ns = has_begun ? since_ns - record->submitted_ns : age_ns;
    seen->age_ns = age_ns;
    seen->stack_len = 0;
    if (has_begun) {
        const dr_slot *slot = &pool->slots[record->slot];
        seen->slot = record->slot;
        seen->crew = slot->crew;
        seen->worker = slot->number;
        seen->pid = slot->pid;
        if (record->interrupt != DR_INTERRUPT_NONE && pool->limits.concurrency == 1) {
            seen->stack_len = /* of several it may be another one's */
                dr_interrupt_stack(pool, record->slot, seen->stack, sizeof(seen->stack));
        }
    }
    seen->name_len = dr_task_name(pool, task, seen->name);
    seen->trace_len = copy_trace(pool, task, seen->trace);
    record->is_told = fn(seen, user);
}

void dr_dispatch_each(dr_pool *pool, dr_task_seen_fn fn, void *user)
{
    pthread_mutex_lock(&pool->lock);
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        uint32_t task = pool->slots[i].held > 0 ? pool->slots[i].tasks.first : DR_NONE;
        for (; task != DR_NONE; task = pool->records[task].next) {
            if (!dr_task_is(pool, task, DR_TASK_DONE)) {
                tell(pool, task, !dr_task_is(pool, task, DR_TASK_QUEUED), fn, user);
            }
        }
    }
    const dr_queue *const queues[] = {&pool->queue, &pool->canary.queue};
    for (size_t q = 0; q < sizeof(queues) / sizeof(queues[0]); q++) {
        uint32_t task = queues[q]->count > 0 ? queues[q]->all.first : DR_NONE;
        for (; task != DR_NONE; task = pool->records[task].next) {
            tell(pool, task, false, fn, user);
        }
    }
    pthread_mutex_unlock(&pool->lock);
}
