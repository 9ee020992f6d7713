/* crew.c: keeping the workers of a pool at their number. */
#include "task/crew.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "task/dispatch.h"

static uint32_t count_starting(const dr_pool *pool, uint32_t *recycling)
{
    uint32_t starting = 0;
    *recycling = 0;
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        const dr_slot *slot = &pool->slots[i];
        starting += slot->state == DR_SLOT_STARTING;
        *recycling += slot->wants_recycling && !slot->leaving && slot->state != DR_SLOT_DEAD &&
                      slot->state != DR_SLOT_EMPTY;
    }
    return starting;
}

static void on_retry(uv_timer_t *timer)
{
    dr_crew *crew = timer->data;
    crew->is_retry_set = false;
    dr_crew_balance(crew);
}

static void balance_later(dr_crew *crew, uint32_t pause_ms)
{
    crew->is_retry_set = true;
    uv_timer_start(&crew->retry, on_retry, pause_ms, 0);
}

/* fork_one asks the zygote for a worker. Returns: false when no slot is free yet. */
static bool fork_one(dr_crew *crew)
{
    dr_pool *pool = crew->pool;
    pthread_mutex_lock(&pool->lock);
    const uint32_t slot = dr_slot_reserve(pool);
    if (slot != DR_NONE && crew->options.max_requests > 0) {
        /* Spread, so that workers started together are not replaced together. */
        crew->jitter = crew->jitter * 1103515245u + 12345u;
        const uint32_t spread = crew->options.max_requests / 10 + 1;
        pool->slots[slot].recycle_at = crew->options.max_requests + (crew->jitter >> 8) % spread;
    }
    pthread_mutex_unlock(&pool->lock);
    if (slot == DR_NONE) {
        return false;
    }
    const dr_control_head head = {
        .kind = DR_CONTROL_FORK, .slot = slot, .number = (int32_t)crew->next_number++};
    if (dr_control_send(crew->control_fd, &head, NULL, 0, NULL, 0) == DORA_OK) {
        return true;
    }
    /* The zygote is behind with its work: the slot was never its, and is asked for later. */
    pthread_mutex_lock(&pool->lock);
    pool->slots[slot].state = DR_SLOT_EMPTY;
    pthread_mutex_unlock(&pool->lock);
    balance_later(crew, DR_FORK_RETRY_MS);
    return false;
}

void dr_crew_balance(dr_crew *crew)
{
    dr_pool *pool = crew->pool;
    if (crew->state != DR_CREW_LOADED || crew->is_retry_set) {
        return;
    }
    for (;;) {
        uint32_t recycling;
        pthread_mutex_lock(&pool->lock);
        const uint32_t starting = count_starting(pool, &recycling);
        const uint32_t live = pool->live_count;
        pthread_mutex_unlock(&pool->lock);
        const uint32_t want = crew->options.workers + (recycling > 0 ? 1 : 0);
        if (live + starting >= want || !fork_one(crew)) {
            return;
        }
    }
}

void dr_crew_forget_starting(dr_crew *crew)
{
    dr_pool *pool = crew->pool;
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        pthread_mutex_lock(&pool->lock);
        /* Workers that are watched tell their end themselves. */
        const bool is_lost = pool->slots[i].state != DR_SLOT_EMPTY &&
                             pool->slots[i].state != DR_SLOT_DEAD && pool->slots[i].pidfd < 0;
        pthread_mutex_unlock(&pool->lock);
        if (is_lost) {
            dr_dispatch_worker_died(pool, i);
        }
    }
    crew->events.on_death(crew->events.user);
}

void dr_crew_check_memory(dr_crew *crew)
{
    dr_pool *pool = crew->pool;
    const long page = sysconf(_SC_PAGESIZE);
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        pthread_mutex_lock(&pool->lock);
        dr_slot *slot = &pool->slots[i];
        const int pid = slot->leaving || slot->wants_recycling ? 0 : slot->pid;
        pthread_mutex_unlock(&pool->lock);
        char path[64];
        long pages[2] = {0, 0};
        (void)snprintf(path, sizeof(path), "/proc/%d/statm", pid);
        FILE *file = pid == 0 ? NULL : fopen(path, "re");
        if (file == NULL) {
            continue;
        }
        const int read = fscanf(file, "%ld %ld", &pages[0], &pages[1]);
        fclose(file);
        if (read == 2 && (uint64_t)pages[1] * (uint64_t)page >
                             (uint64_t)crew->options.memory_mb_max * 1024 * 1024) {
            pthread_mutex_lock(&pool->lock);
            slot->wants_recycling = slot->pid == pid;
            pthread_mutex_unlock(&pool->lock);
            dr_log_write(crew->log, DR_LOG_NOTICE, crew->options.name,
                         "worker process %d is above memory_mb_max (%u) and is replaced", pid,
                         crew->options.memory_mb_max);
        }
    }
    dr_crew_balance(crew);
}

void dr_crew_end_stuck(dr_crew *crew)
{
    dr_pool *pool = crew->pool;
    const uint64_t now_ns = dr_clock_ns();
    pthread_mutex_lock(&pool->lock);
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        const dr_slot *slot = &pool->slots[i];
        if (slot->leaving && slot->stopped_ns != 0 && slot->pidfd >= 0 &&
            slot->state != DR_SLOT_DEAD && slot->state != DR_SLOT_EMPTY &&
            now_ns - slot->stopped_ns > (uint64_t)DR_ZYGOTE_GRACE_MS * 1000000u) {
            (void)syscall(SYS_pidfd_send_signal, slot->pidfd, SIGKILL, NULL, 0);
        }
    }
    pthread_mutex_unlock(&pool->lock);
}

/* retire_one lets one worker that wants recycling go, now that its replacement is ready. */
static void retire_one(dr_crew *crew)
{
    dr_pool *pool = crew->pool;
    uint32_t found = DR_NONE;
    pthread_mutex_lock(&pool->lock);
    if (pool->live_count > crew->options.workers) {
        for (uint32_t i = 0; i < pool->region.shape.workers && found == DR_NONE; i++) {
            const dr_slot *slot = &pool->slots[i];
            if (slot->wants_recycling && !slot->leaving && slot->state != DR_SLOT_DEAD &&
                slot->state != DR_SLOT_EMPTY) {
                found = i;
            }
        }
    }
    pthread_mutex_unlock(&pool->lock);
    if (found != DR_NONE) {
        dr_dispatch_worker_retire(pool, found);
    }
}

/* start_failed slows down after a worker that died before it was ready. */
static void start_failed(dr_crew *crew)
{
    crew->start_failures++;
    const uint32_t shift = crew->start_failures < 7 ? crew->start_failures : 7;
    const uint32_t pause_ms = 10u << shift;
    pthread_mutex_lock(&crew->pool->lock);
    if (crew->start_failures >= DR_START_FAILURES_MAX) {
        crew->pool->unhealthy = true;
    }
    pthread_mutex_unlock(&crew->pool->lock);
    balance_later(crew, pause_ms < DR_START_RETRY_MS_MAX ? pause_ms : DR_START_RETRY_MS_MAX);
    crew->events.on_death(crew->events.user); /* what waits in an unhealthy pool is answered */
}

/* was_stillborn says whether a worker died before it was of any use: a crash loop if repeated. */
static bool was_stillborn(const dr_slot *slot)
{
    return slot->state == DR_SLOT_STARTING ||
           (slot->finished == 0 && slot->held == 0 && !slot->leaving &&
            dr_clock_ns() - slot->ready_ns < DR_STILLBORN_NS);
}

/* worker_gone settles a death, however it was noticed first. */
static void worker_gone(dr_crew *crew, uint32_t index, int pid)
{
    dr_pool *pool = crew->pool;
    pthread_mutex_lock(&pool->lock);
    dr_slot *slot = &pool->slots[index];
    const bool is_news =
        slot->pid == pid && slot->state != DR_SLOT_DEAD && slot->state != DR_SLOT_EMPTY;
    const bool is_stillborn = is_news && was_stillborn(slot);
    if (is_news) {
        slot->pidfd = -1; /* closed with its poll handle */
        slot->pid = 0;
    }
    pthread_mutex_unlock(&pool->lock);
    if (!is_news) {
        return;
    }
    dr_dispatch_worker_died(pool, index);
    crew->events.on_death(crew->events.user);
    if (!is_stillborn || crew->state != DR_CREW_LOADED) {
        crew->start_failures = is_stillborn ? crew->start_failures : 0;
    } else if (!crew->was_ready) {
        static const char text[] = "a worker ended while it started; what it printed is in the log";
        dr_crew_fail(crew, text, sizeof(text) - 1);
    } else {
        start_failed(crew);
    }
    dr_crew_balance(crew);
}

typedef struct watched_worker {
    uv_poll_t poll;
    dr_crew *crew;
    uint32_t slot;
    int pid;
    int pidfd;
} watched_worker;

static void on_worker_closed(uv_handle_t *handle)
{
    watched_worker *watched = handle->data;
    close(watched->pidfd);
    free(watched);
}

static void on_worker_exit(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    watched_worker *watched = poll->data;
    worker_gone(watched->crew, watched->slot, watched->pid);
    uv_close((uv_handle_t *)poll, on_worker_closed);
}

static void on_forked(dr_crew *crew, const dr_control_message *message)
{
    dr_pool *pool = crew->pool;
    const uint32_t index = message->head.slot;
    const int pidfd = message->fd_count > 0 ? message->fds[0] : -1;
    pthread_mutex_lock(&pool->lock);
    pool->slots[index].pid = message->head.pid;
    pool->slots[index].pidfd = pidfd;
    pthread_mutex_unlock(&pool->lock);
    watched_worker *watched = pidfd < 0 ? NULL : calloc(1, sizeof(*watched));
    if (watched == NULL || uv_poll_init(crew->loop, &watched->poll, pidfd) != 0) {
        /* Its end is still told by the zygote. */
        free(watched);
        return;
    }
    watched->crew = crew;
    watched->slot = index;
    watched->pid = message->head.pid;
    watched->pidfd = pidfd;
    watched->poll.data = watched;
    uv_poll_start(&watched->poll, UV_READABLE, on_worker_exit);
    uv_unref((uv_handle_t *)&watched->poll);
}

static void on_exited(dr_crew *crew, const dr_control_head *head)
{
    const int status = head->number;
    if (WIFSIGNALED(status)) {
        dr_log_write(crew->log, DR_LOG_ERROR, crew->options.name,
                     "worker process %d was killed by signal %d (%s)", head->pid, WTERMSIG(status),
                     strsignal(WTERMSIG(status)));
    } else if (WEXITSTATUS(status) != 0) {
        dr_log_write(crew->log, DR_LOG_ERROR, crew->options.name,
                     "worker process %d exited with status %d", head->pid, WEXITSTATUS(status));
    }
    worker_gone(crew, head->slot, head->pid);
}

void dr_crew_set_state(dr_crew *crew, dr_crew_state state)
{
    crew->state = state;
    crew->events.on_state(crew->events.user);
}

void dr_crew_fail(dr_crew *crew, const char *text, size_t len)
{
    if (crew->state == DR_CREW_STOPPING || crew->state == DR_CREW_STOPPED ||
        crew->state == DR_CREW_FAILED) {
        return; /* the first reason counts */
    }
    if (crew->was_ready) {
        /* A zygote that was started again does not load: the other pools go on. */
        dr_log_write(crew->log, DR_LOG_EMERGENCY, crew->options.name, "%.*s", (int)len, text);
        dr_crew_load_again(crew);
        return;
    }
    dora_error_set(&crew->why, DORA_ELOAD, "pool %s: %.*s", crew->options.name, (int)len, text);
    dr_crew_set_state(crew, DR_CREW_FAILED);
}

static void on_ready(dr_crew *crew, uint32_t slot)
{
    dr_dispatch_worker_ready(crew->pool, slot);
    retire_one(crew);
    dr_crew_balance(crew);
    if (!crew->was_ready) {
        crew->was_ready = true;
        crew->events.on_state(crew->events.user);
    }
}

static void on_name(dr_crew *crew, const dr_control_message *message)
{
    if (crew->state != DR_CREW_LOADING || crew->was_ready) {
        return; /* a zygote that was started again says what is known */
    }
    if (message->text_len == 0) {
        crew->has_fallback = true;
        return;
    }
    if (message->text_len > DR_API_NAME_MAX || crew->name_count == DR_APP_APIS_MAX - 1) {
        static const char text[] = "the application registers too many handlers";
        dr_crew_fail(crew, text, sizeof(text) - 1);
        return;
    }
    void *names = realloc(crew->names, (crew->name_count + 1) * sizeof(*crew->names));
    if (names == NULL) {
        static const char text[] = "out of memory";
        dr_crew_fail(crew, text, sizeof(text) - 1);
        return;
    }
    crew->names = names;
    memcpy(crew->names[crew->name_count], message->text, message->text_len);
    crew->names[crew->name_count][message->text_len] = '\0';
    crew->name_count++;
}

/* on_not_started: a start hook failed, and the worker ends by itself; or the fork did (pid 0). */
static void on_not_started(dr_crew *crew, const dr_control_message *message)
{
    if (!crew->was_ready) {
        dr_crew_fail(crew, message->text, message->text_len);
        return;
    }
    dr_log_write(crew->log, DR_LOG_ERROR, crew->options.name, "a worker does not start: %.*s",
                 (int)message->text_len, message->text);
    dr_pool *pool = crew->pool;
    pthread_mutex_lock(&pool->lock);
    const dr_slot *slot = &pool->slots[message->head.slot];
    const bool is_lost =
        message->head.pid == 0 && slot->state == DR_SLOT_STARTING && slot->pid == 0;
    pthread_mutex_unlock(&pool->lock);
    if (is_lost) {
        dr_dispatch_worker_died(pool, message->head.slot);
        start_failed(crew);
    }
}

void dr_crew_message(dr_crew *crew, const dr_control_message *message)
{
    if (message->head.slot >= crew->pool->region.shape.workers) {
        return;
    }
    switch ((dr_control_kind)message->head.kind) {
    case DR_CONTROL_HELLO:
        dr_crew_greet(crew, message);
        break;
    case DR_CONTROL_NAME:
        on_name(crew, message);
        break;
    case DR_CONTROL_LOADED:
        if (crew->state != DR_CREW_LOADING) {
            break; /* it was told to stop meanwhile */
        }
        crew->load_failures = 0;
        dr_crew_set_state(crew, DR_CREW_LOADED);
        dr_crew_balance(crew);
        break;
    case DR_CONTROL_FAILED:
        dr_crew_fail(crew, message->text, message->text_len);
        break;
    case DR_CONTROL_THREADS:
        dr_crew_load_late(crew, message->head.number);
        break;
    case DR_CONTROL_FORKED:
        on_forked(crew, message);
        break;
    case DR_CONTROL_EXITED:
        on_exited(crew, &message->head);
        break;
    case DR_CONTROL_READY:
        on_ready(crew, message->head.slot);
        break;
    case DR_CONTROL_NOT_STARTED:
        on_not_started(crew, message);
        break;
    default:
        break;
    }
}
