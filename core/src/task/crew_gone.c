/* crew_gone.c: workers that end while they run something: what that was, with how they ended. */
#include "task/crew_gone.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "base/slice.h"
#include "task/crew_pace.h"
#include "task/interrupt.h"
#include "task/limit.h"
#include "task/look.h"
#include "task/memory_limit.h"

#define LOOKS_MAX 2u /* one a second: a zygote that lives has said the status by then */

struct dr_gone {
    dr_gone *next;
    int pid;
    uint32_t worker;
    uint32_t looks;
    uint64_t started_ms;
    uint64_t ended_ms;
    bool is_expected; /* it was told to leave, or has left in order */
    bool is_late;     /* killed past a time limit */
    uint32_t count;
    size_t stack_len; /* where it was when it was asked to end a task */
    char stack[DORA_STACK_BYTES];
    dr_task_ran tasks[];
};

bool dr_is_own_act(int status)
{
    return WIFSIGNALED(status) ? WTERMSIG(status) != SIGKILL && WTERMSIG(status) != SIGTERM
                               : WEXITSTATUS(status) != DR_EXIT_DAMAGED;
}

void dr_gone_note(dr_crew *crew, uint32_t index, int pid)
{
    dr_pool *pool = crew->pool;
    pthread_mutex_lock(&pool->lock);
    const dr_slot seen = pool->slots[index];
    pthread_mutex_unlock(&pool->lock);
    dr_gone *gone = malloc(sizeof(*gone) + seen.held * sizeof(gone->tasks[0]));
    if (gone == NULL) {
        return; /* its status is told all the same */
    }
    gone->count = dr_tasks_running(pool, index, gone->tasks, seen.held);
    gone->is_expected = seen.leaving || atomic_load(&pool->region.workers[index].has_left) == 1;
    gone->is_late = seen.killed_for_limit && seen.killed_why == DR_INTERRUPT_TIME_LIMIT;
    pthread_mutex_lock(&pool->lock);
    gone->stack_len = seen.interrupted > 0
                          ? dr_interrupt_stack(pool, index, gone->stack, sizeof(gone->stack))
                          : 0;
    pthread_mutex_unlock(&pool->lock);
    gone->started_ms = seen.started_ms;
    gone->ended_ms = dr_clock_ms(); /* its replacement is started after that */
    gone->pid = pid;
    gone->worker = seen.number;
    gone->looks = 0;
    gone->next = crew->gone;
    crew->gone = gone;
}

/* ending_text says how a process ended. Returns: `text`. */
static const char *ending_text(int status, char *text, size_t size)
{
    if (WIFSIGNALED(status)) {
        (void)snprintf(text, size, "was killed by signal %d (%s)", WTERMSIG(status),
                       strsignal(WTERMSIG(status)));
    } else {
        (void)snprintf(text, size, "exited with status %d", WEXITSTATUS(status));
    }
    return text;
}

/* limit_text says which limit a task was past, nothing where it was past none. */
static void limit_text(const dr_crew *crew, const dr_task_ran *ran, char *text, size_t size)
{
    char own[DR_LIMIT_TEXT_MAX];
    text[0] = '\0';
    if (ran->starved_kb > 0) {
        (void)dr_memory_limit_name(crew->pool->limits.memory_hard_mb, ran->starved_kb, own,
                                   sizeof(own));
        (void)snprintf(text, size, "at its %s, ", own);
        return;
    }
    if (ran->code == DORA_CODE_CANCELLED) {
        (void)snprintf(text, size, "since it did not end, though cancelled, ");
    }
    if (ran->code != DORA_CODE_TIME_LIMIT) {
        return;
    }
    if (ran->own_limit_ms == 0) {
        (void)snprintf(text, size, "past its time limit of %" PRIu32 " ms, ",
                       dr_pool_limit_ms(crew->pool, ran->type, 0));
        return;
    }
    const dora_slice name = {ran->name, ran->name_len};
    (void)dr_limit_name(name, ran->own_limit_ms, own, sizeof(own));
    (void)snprintf(text, size, "past %s, ", own);
}

static void tell_task(const dr_crew *crew, const dr_gone *gone, const dr_task_ran *ran,
                      const char *ending)
{
    char limit[DR_LIMIT_TEXT_MAX + 16];
    char text[sizeof(limit) + 512];
    struct timespec now;
    const char *type = dr_call_type_name((dr_call_type)ran->type);
    const bool is_asked = ran->interrupt != DR_INTERRUPT_NONE;
    limit_text(crew, ran, limit, sizeof(limit));
    char who[32] = "a worker process"; /* whose zygote did not live to say which */
    if (gone->pid > 0) {
        (void)snprintf(who, sizeof(who), "worker process %d", gone->pid);
    }
    const int len = snprintf(text, sizeof(text), "%s %s %swhile it ran %.*s", who, ending, limit,
                             (int)ran->name_len, ran->name);
    const dr_log_call call = {.kind = DR_LOG_CALL_ERROR,
                              .api = {ran->name, ran->name_len},
                              .guid = {ran->guid, DR_GUID_LEN},
                              .trace = {ran->trace, ran->trace_len},
                              .type = dr_slice(type),
                              .code = ran->code,
                              .is_timed = true,
                              .queue_ns = ran->queue_ns,
                              .run_ns = ran->run_ns,
                              .has_worker = true,
                              .worker = gone->worker,
                              .generation = crew->generation,
                              .traceback = {gone->stack, is_asked ? gone->stack_len : 0}};
    clock_gettime(CLOCK_REALTIME, &now);
    const dr_log_entry entry = {.level = DR_LOG_ERROR,
                                .time_ns =
                                    (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec,
                                .tag = dr_slice(crew->options.name),
                                .pid = gone->pid,
                                .pool = crew->options.name,
                                .msg = {text, len < 0 ? 0 : strlen(text)},
                                .is_line = true,
                                .call = &call};
    dr_log_record(crew->log, &entry);
}

/* how says for people how a task has ended its worker, whose end `ending` is. */
static const char *how(const dr_crew *crew, const dr_task_ran *ran, const char *ending, char *text,
                       size_t size)
{
    char limit[DR_MEMORY_LIMIT_TEXT_MAX];
    if (ran->code == DORA_CODE_TIME_LIMIT) {
        return "was ended past its time limit";
    }
    if (ran->starved_kb == 0) {
        return ending;
    }
    (void)dr_memory_limit_name(crew->pool->limits.memory_hard_mb, ran->starved_kb, limit,
                               sizeof(limit));
    (void)snprintf(text, size, "ended at its %s", limit);
    return text;
}

/* blame notes what each task of a worker has done that has ended it. */
static void blame(dr_crew *crew, const dr_gone *gone, int status, const char *ending)
{
    dr_pool *pool = crew->pool;
    char text[DR_MEMORY_LIMIT_TEXT_MAX + 16];
    bool is_news = false;
    pthread_mutex_lock(&pool->lock);
    for (uint32_t i = 0; i < gone->count && crew->generation == pool->generation; i++) {
        const dr_task_ran *ran = &gone->tasks[i];
        if (ran->code == DORA_CODE_TIME_LIMIT || dr_is_own_act(status)) {
            const char *ended = how(crew, ran, ending, text, sizeof(text));
            is_news |= dr_suspect_note(pool, &ran->blame, ended, dr_clock_ns());
        }
    }
    pthread_mutex_unlock(&pool->lock);
    if (is_news) {
        pool->on_attention(pool, pool->user);
    }
}

/* tell takes one out of the list and tells of it. */
static void tell(dr_crew *crew, dr_gone **at, const char *ending)
{
    dr_gone *gone = *at;
    *at = gone->next;
    for (uint32_t i = 0; i < gone->count; i++) {
        if (!gone->tasks[i].is_told) {
            tell_task(crew, gone, &gone->tasks[i], ending);
        }
    }
    free(gone);
}

void dr_gone_tell(dr_crew *crew, int pid, int status)
{
    char text[128];
    const char *ending = ending_text(status, text, sizeof(text));
    dr_gone **at = &crew->gone;
    while (*at != NULL && (*at)->pid != pid) {
        at = &(*at)->next;
    }
    const bool ran_nothing = *at == NULL || (*at)->count == 0;
    if (*at != NULL) {
        const bool is_crash = !(*at)->is_expected && ((*at)->is_late || dr_is_own_act(status));
        const uint64_t started_ms = (*at)->started_ms;
        const uint64_t ended_ms = (*at)->ended_ms;
        blame(crew, *at, status, ending);
        tell(crew, at, ending);
        if (is_crash) {
            dr_crew_worker_crashed(crew, started_ms, ended_ms);
        }
    }
    if (ran_nothing && status != 0) {
        dr_log_write(crew->log, DR_LOG_ERROR, crew->options.name, "worker process %d %s", pid,
                     ending);
    }
    dr_crew_balance(crew); /* it may have waited for this */
}

void dr_gone_look(dr_crew *crew)
{
    dr_gone **at = &crew->gone;
    bool is_news = false;
    while (*at != NULL) {
        if (++(*at)->looks > LOOKS_MAX) {
            tell(crew, at, "ended with its zygote");
            is_news = true;
        } else {
            at = &(*at)->next;
        }
    }
    if (is_news) {
        dr_crew_balance(crew); /* it may have waited for this */
    }
}

void dr_gone_free(dr_crew *crew)
{
    while (crew->gone != NULL) {
        tell(crew, &crew->gone, "ended");
    }
}
