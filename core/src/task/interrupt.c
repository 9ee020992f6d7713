/* interrupt.c: a task that should end before it has: its worker is asked, then killed. The master's
 * part; heed.c is the worker's. */
#include "task/interrupt.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "ipc/wake.h"
#include "task/collect.h"
#include "task/heed.h"
#include "task/limit.h"
#include "task/look.h"
#include "task/watch.h"

#define NS_PER_MS UINT64_C(1000000)

static dr_shared_stack *stack_of(const dr_pool *pool, uint32_t slot)
{
    return &pool->region.stacks[slot];
}

static bool has_stack(const dr_pool *pool, uint32_t index)
{
    return atomic_load_explicit(&stack_of(pool, index)->count, memory_order_acquire) !=
           pool->slots[index].stack_count;
}

/* call_out makes a worker look. An event loop is woken as ever, and what waits for room in its
 * stream, which may miss a signal that comes just before it sleeps; where a loop does not turn, the
 * signal says where it stands. */
static void call_out(dr_pool *pool, uint32_t index)
{
    (void)dr_slot_signal(&pool->slots[index], DORA_INTERRUPT_SIGNAL);
    dr_slot_wake(pool, index);
}

bool dr_interrupt_ask(dr_pool *pool, uint32_t task, dr_interrupt why, uint64_t now_ns)
{
    dr_record *record = &pool->records[task];
    if (record->state != DR_RECORD_HANDED || record->interrupt != DR_INTERRUPT_NONE ||
        dr_task_is(pool, task, DR_TASK_QUEUED) || dr_is_done(pool, task)) {
        return false;
    }
    dr_slot *slot = &pool->slots[record->slot];
    const bool is_heeded = pool->limits.kill_after_ms != 0 || slot->has_loop;
    if (!is_heeded && why != DR_INTERRUPT_TIME_LIMIT) {
        return false;
    }
    if (slot->interrupted++ == 0) {
        slot->stack_count =
            atomic_load_explicit(&stack_of(pool, record->slot)->count, memory_order_relaxed);
    }
    record->asked_again = 0;
    record->interrupt = (uint8_t)why;
    record->interrupt_ns = now_ns;
    if (is_heeded) {
        atomic_store_explicit(&pool->region.tasks[task].interrupt,
                              dr_interrupt_word(record->generation, why), memory_order_seq_cst);
        atomic_fetch_add(&pool->region.workers[record->slot].interrupts, 1);
        call_out(pool, record->slot);
    }
    return true;
}

bool dr_interrupt_task(dr_pool *pool, uint32_t task, dr_interrupt why)
{
    pthread_mutex_lock(&pool->lock);
    const bool is_asked = dr_interrupt_ask(pool, task, why, dr_clock_ns());
    pthread_mutex_unlock(&pool->lock);
    return is_asked;
}

uint32_t dr_interrupt_all(dr_pool *pool)
{
    uint32_t count = 0;
    const uint64_t now_ns = dr_clock_ns();
    pthread_mutex_lock(&pool->lock);
    pool->is_ending = true;
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        const dr_slot *slot = &pool->slots[i];
        if (slot->state == DR_SLOT_EMPTY || slot->state == DR_SLOT_DEAD) {
            continue;
        }
        (void)dr_requeue_unstarted(pool, i);
        for (uint32_t task = slot->tasks.first; task != DR_NONE; task = pool->records[task].next) {
            count += dr_interrupt_ask(pool, task, DR_INTERRUPT_STOP, now_ns);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return count;
}

/* grace_ns is how long what runs a task has to end it. An event loop that has others is asked by
 * all means. */
static uint64_t grace_ns(const dr_pool *pool, const dr_slot *slot)
{
    const uint64_t ms = pool->limits.kill_after_ms;
    return (ms == 0 && slot->has_loop ? DR_LOOP_GRACE_MS : ms) * NS_PER_MS;
}

/* have_answered has a reactor answer for a task that goes on, unless nobody is told before its end:
 * where the server stops. */
static void have_answered(dr_pool *pool, uint32_t task)
{
    dr_record *record = &pool->records[task];
    if (record->is_answered || record->is_due ||
        record->interrupt ==
            DR_INTERRUPT_STOP) { /* its block has what its caller has not taken yet */
        return;
    }
    record->is_due = true;
    pool->due_count++;
    dr_wake_reactor(&pool->region.reactors[record->reactor], record->slot,
                    pool->event_fds[record->reactor]);
}

/* end_worker kills a worker that has not ended a task in its time. */
static void end_worker(dr_pool *pool, uint32_t index, uint32_t task)
{
    dr_slot *slot = &pool->slots[index];
    (void)dr_requeue_unstarted(pool, index);
    /* Not when it has just finished and its reactor has yet to see that. */
    if (!dr_is_done(pool, task) && dr_slot_signal(slot, SIGKILL)) {
        slot->killed_for_limit = true;
        slot->killed_why = pool->records[task].interrupt;
    }
}

void dr_interrupt_watch(dr_pool *pool, uint32_t index, uint64_t now_ns)
{
    dr_slot *slot = &pool->slots[index];
    uint32_t task = slot->tasks.first;
    while (task != DR_NONE && !slot->killed_for_limit) {
        dr_record *record = &pool->records[task];
        const uint32_t next = record->next;
        const uint64_t age_ns = now_ns > record->interrupt_ns ? now_ns - record->interrupt_ns : 0;
        if (record->interrupt == DR_INTERRUPT_NONE || dr_is_done(pool, task)) {
            task = next;
            continue;
        }
        if (age_ns >= grace_ns(pool, slot)) {
            end_worker(pool, index, task);
        } else if ((slot->has_loop || !has_stack(pool, index)) && /* a loop's may be another's */
                   record->asked_again < DR_INTERRUPT_AGAIN_MAX &&
                   age_ns >= DR_INTERRUPT_AGAIN_MS * NS_PER_MS * (record->asked_again + 1u)) {
            record->asked_again++;
            call_out(pool, index);
        }
        if (has_stack(pool, index) || age_ns >= DR_INTERRUPT_ANSWER_MS * NS_PER_MS) {
            have_answered(pool, task);
        }
        task = next;
    }
}

void dr_interrupt_ended(dr_pool *pool, uint32_t task)
{
    dr_record *record = &pool->records[task];
    pool->slots[record->slot].interrupted--;
    if (record->is_due) {
        record->is_due = false;
        pool->due_count--;
    }
}

/* next_due finds a task that a reactor has to answer for, DR_NONE if there is none. */
static uint32_t next_due(const dr_pool *pool, uint32_t reactor)
{
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        uint32_t task = pool->slots[i].interrupted > 0 ? pool->slots[i].tasks.first : DR_NONE;
        for (; task != DR_NONE; task = pool->records[task].next) {
            if (pool->records[task].is_due && pool->records[task].reactor == reactor) {
                return task;
            }
        }
    }
    return DR_NONE;
}

/* first_line_of is the innermost call of a stack. */
static dora_slice first_line_of(const char *text, size_t len)
{
    const char *end = memchr(text, '\n', len);
    return (dora_slice){text, end != NULL ? (size_t)(end - text) : len};
}

size_t dr_interrupt_said(const dr_pool *pool, uint32_t task, char *text, size_t size)
{
    const dr_record *record = &pool->records[task];
    char name[DR_API_NAME_MAX];
    char stack[DORA_STACK_BYTES];
    const size_t name_len = dr_task_name(pool, task, name);
    const size_t stack_len = pool->limits.concurrency > 1
                                 ? 0 /* it may have been at another one's */
                                 : dr_interrupt_stack(pool, record->slot, stack, sizeof(stack));
    return dr_interrupt_text((dora_slice){name, name_len}, record->own_limit_ms,
                             (dr_interrupt)record->interrupt, first_line_of(stack, stack_len), text,
                             size);
}

bool dr_interrupt_due(dr_pool *pool, uint32_t reactor, uint64_t now_ns, dr_outcome *outcome)
{
    const uint32_t task = pool->due_count > 0 ? next_due(pool, reactor) : DR_NONE;
    if (task == DR_NONE) {
        return false;
    }
    dr_record *record = &pool->records[task];
    const uint64_t start_ns = dr_task_start_ns(pool, task);
    const bool has_begun = start_ns < now_ns;       /* else it says nonsense */
    char *text = malloc(DORA_INTERRUPT_TEXT_BYTES); /* without it the code has to do */
    *outcome = (dr_outcome){.owner = record->owner,
                            .item = record->item,
                            .task = task,
                            .code = dr_interrupt_code((dr_interrupt)record->interrupt),
                            .slot = record->slot,
                            .is_early = true,
                            .is_timed = has_begun,
                            .queue_ns = has_begun ? start_ns - record->submitted_ns : 0,
                            .run_ns = has_begun ? now_ns - start_ns : 0};
    outcome->msg.data = text;
    outcome->msg.len =
        text != NULL ? dr_interrupt_said(pool, task, text, DORA_INTERRUPT_TEXT_BYTES) : 0;
    record->owner = NULL;
    record->is_answered = true;
    record->is_due = false;
    pool->due_count--;
    return true;
}

size_t dr_interrupt_stack(const dr_pool *pool, uint32_t slot, char *text, size_t size)
{
    char own[DORA_STACK_BYTES]; /* the worker may write over the other meanwhile */
    const volatile dr_shared_stack *stack = stack_of(pool, slot);
    dr_buf shown = {0};
    if (!has_stack(pool, slot)) {
        return 0;
    }
    const uint32_t said_len =
        atomic_load_explicit(&stack_of(pool, slot)->len, memory_order_acquire);
    size_t len = said_len < sizeof(own) ? said_len : sizeof(own);
    for (size_t i = 0; i < len; i++) {
        own[i] = stack->text[i];
    }
    if (dr_printable(&shown, (dora_slice){own, len}, "\n") != DORA_OK) {
        return 0;
    }
    len = shown.len < size ? shown.len : dr_utf8_whole((dora_slice){shown.data, size});
    memcpy(text, shown.data, len);
    dr_buf_fini(&shown);
    return len;
}
