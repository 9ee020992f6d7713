/* crew.c: keeping the workers of a pool at their number. */
#include "task/crew.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "task/crew_child.h"
#include "task/crew_gone.h"
#include "task/crew_pace.h"
#include "task/crew_zygote.h"
#include "task/dispatch.h"
#include "task/watch.h"

/* tally is how many workers of a crew there are. */
typedef struct tally {
    uint32_t starting;
    uint32_t held;
    uint32_t live;      /* take tasks */
    uint32_t recycling; /* of these: want to be replaced */
    uint32_t processes; /* all, those that leave too */
} tally;

static tally count(const dr_crew *crew)
{
    tally found = {0};
    dr_pool *pool = crew->pool;
    pthread_mutex_lock(&pool->lock);
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        const dr_slot *slot = &pool->slots[i];
        if (slot->crew != crew->id || slot->state == DR_SLOT_EMPTY || slot->state == DR_SLOT_DEAD) {
            continue;
        }
        found.processes++;
        if (slot->leaving) {
            continue;
        }
        found.starting += slot->state == DR_SLOT_STARTING;
        found.held += slot->state == DR_SLOT_HELD;
        found.live += slot->state >= DR_SLOT_IDLE;
        found.recycling += slot->wants_recycling;
    }
    pthread_mutex_unlock(&pool->lock);
    return found;
}

/* free_number is the smallest that no worker of this crew has. One that is about to be replaced
 * leaves its number to its successor, so that they stay 0..N-1. */
static uint32_t free_number(const dr_crew *crew)
{
    uint64_t used[DR_WORKER_SLOTS_MAX / 64] = {0};
    const dr_pool *pool = crew->pool;
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        const dr_slot *slot = &pool->slots[i];
        if (slot->crew == crew->id && slot->state != DR_SLOT_EMPTY && slot->state != DR_SLOT_DEAD &&
            !slot->leaving && !slot->wants_recycling) {
            used[slot->number / 64] |= UINT64_C(1) << (slot->number % 64);
        }
    }
    uint32_t number = 0;
    while ((used[number / 64] & (UINT64_C(1) << (number % 64))) != 0) {
        number++;
    }
    return number;
}

static void on_retry(uv_timer_t *timer)
{
    dr_crew *crew = timer->data;
    crew->is_retry_set = false;
    dr_crew_balance(crew);
}

void dr_crew_later(dr_crew *crew, uint32_t pause_ms)
{
    crew->is_retry_set = true;
    uv_timer_start(&crew->retry, on_retry, pause_ms, 0);
}

/* spread makes workers that were started together not go together, as Swoole does. Returns: up to
 * half as many tasks. */
static uint32_t spread(dr_crew *crew, uint32_t tasks)
{
    crew->jitter = crew->jitter * 1103515245u + 12345u;
    return (crew->jitter >> 8) % (tasks / 2 + 1);
}

/* set_life says after how many tasks the worker of a slot is replaced. Locked. */
static void set_life(dr_crew *crew, uint32_t index)
{
    dr_slot *slot = &crew->pool->slots[index];
    const uint32_t tasks = crew->options.max_requests;
    if (tasks == DR_MAX_REQUESTS_AUTO) {
        slot->recycle_at = DR_LIFE_TASKS + spread(crew, DR_LIFE_TASKS);
        slot->recycle_last = DR_LIFE_TASKS_MAX - spread(crew, DR_LIFE_TASKS_MAX);
        atomic_store(&crew->pool->region.workers[index].growth, DR_GROWTH_NONE);
    } else if (tasks > 0) {
        slot->recycle_at = (uint64_t)tasks + spread(crew, tasks);
    }
}

/* reserve prepares a slot for a worker of this crew; `*loop_fd` is what wakes its event loop, -1:
 * it has none. Returns: DR_NONE when all are in use. */
static uint32_t reserve(dr_crew *crew, int32_t *number, int *loop_fd)
{
    dr_pool *pool = crew->pool;
    pthread_mutex_lock(&pool->lock);
    const uint32_t free = free_number(crew);
    const uint32_t index = dr_slot_reserve(pool);
    if (index != DR_NONE) {
        dr_slot *slot = &pool->slots[index];
        slot->crew = crew->id;
        slot->number = free;
        slot->started_ms = dr_clock_ms();
        slot->has_loop = crew->has_loop;
        *number = (int32_t)free;
        *loop_fd = crew->has_loop ? dr_slot_loop_fd(pool, index) : -1;
        set_life(crew, index);
    }
    pthread_mutex_unlock(&pool->lock);
    return index;
}

/* fork_one asks the zygote for a worker. Returns: false when no slot is free yet. */
static bool fork_one(dr_crew *crew)
{
    dr_pool *pool = crew->pool;
    dr_control_head head = {.kind = DR_CONTROL_FORK};
    int loop_fd = -1;
    head.slot = reserve(crew, &head.number, &loop_fd);
    if (head.slot == DR_NONE) {
        return false;
    }
    if (dr_child_ask(crew, &head, loop_fd) == DORA_OK) {
        return true;
    }
    /* The zygote is behind with its work: the slot was never its, and is asked for later. */
    pthread_mutex_lock(&pool->lock);
    pool->slots[head.slot].state = DR_SLOT_EMPTY;
    pthread_mutex_unlock(&pool->lock);
    dr_crew_later(crew, DR_FORK_RETRY_MS);
    return false;
}

/* is_status_awaited: how a worker has ended decides how long the next start waits. */
static bool is_status_awaited(const dr_crew *crew)
{
    return crew->gone != NULL && dr_crew_waits_for_status(crew);
}

void dr_crew_balance(dr_crew *crew)
{
    if (crew->state == DR_CREW_LEAVING && dr_crew_has_left(crew)) {
        dr_crew_stop(crew);
    }
    while (true) {
        const tally now = count(crew);
        const uint32_t alive = now.starting + now.held + now.live;
        dr_crew_hold(crew, alive);
        const uint32_t want = crew->options.workers + (now.recycling > 0 ? 1 : 0);
        if (crew->state != DR_CREW_LOADED || crew->is_retry_set || alive >= want ||
            is_status_awaited(crew) || !fork_one(crew)) {
            return;
        }
        dr_crew_started(crew);
    }
}

bool dr_crew_is_complete(const dr_crew *crew)
{
    return crew->state == DR_CREW_LOADED && dr_crew_ready(crew) >= crew->options.workers;
}

uint32_t dr_crew_ready(const dr_crew *crew)
{
    return count(crew).held;
}

void dr_crew_watch(dr_crew *crew)
{
    crew->is_watched = true;
    dr_crew_balance(crew);
}

void dr_crew_take_over(dr_crew *crew)
{
    crew->is_on_trial = crew->is_watched = false;
    dr_crew_balance(crew);
}

void dr_crew_retire(dr_crew *crew)
{
    const bool has_failed = crew->state == DR_CREW_FAILED && crew->is_watched;
    if (crew->state != DR_CREW_LOADED && (!has_failed || crew->zygote == NULL)) {
        dr_crew_stop(crew); /* its zygote died, and another one was on its way */
        return;
    }
    uv_timer_stop(&crew->retry);
    crew->is_on_trial = crew->is_watched = false;
    crew->state = DR_CREW_LEAVING;
    dr_crew_balance(crew);
}

void dr_crew_discard(dr_crew *crew)
{
    dr_pool *pool = crew->pool;
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        pthread_mutex_lock(&pool->lock);
        const bool is_ours = pool->slots[i].crew == crew->id;
        pthread_mutex_unlock(&pool->lock);
        if (is_ours) {
            dr_dispatch_worker_retire(pool, i); /* nobody is to miss it */
        }
    }
    dr_crew_kill(crew);
    dr_crew_stop(crew);
}

bool dr_crew_has_left(const dr_crew *crew)
{
    return count(crew).processes == 0;
}

bool dr_crew_is_proven(const dr_crew *crew)
{
    return crew->was_ready && !crew->is_on_trial;
}

void dr_crew_end_stuck(dr_crew *crew)
{
    dr_pool *pool = crew->pool;
    const uint64_t now_ns = dr_clock_ns();
    pthread_mutex_lock(&pool->lock);
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        const dr_slot *slot = &pool->slots[i];
        if (slot->crew == crew->id && slot->leaving && slot->stopped_ns != 0 && slot->pidfd >= 0 &&
            slot->state != DR_SLOT_DEAD && slot->state != DR_SLOT_EMPTY &&
            now_ns - slot->stopped_ns > (uint64_t)DR_ZYGOTE_GRACE_MS * 1000000u) {
            (void)syscall(SYS_pidfd_send_signal, slot->pidfd, SIGKILL, NULL, 0);
        }
    }
    pthread_mutex_unlock(&pool->lock);
}

/* is_due says whether a worker of this crew wants to be replaced and still takes tasks. */
static bool is_due(const dr_crew *crew, const dr_slot *slot)
{
    return slot->crew == crew->id && slot->wants_recycling && !slot->leaving &&
           slot->state >= DR_SLOT_IDLE && slot->state <= DR_SLOT_SUSPECT;
}

/* retire_one lets one worker that wants recycling go, now that its replacement is ready: the one
 * whose number that has taken. */
static void retire_one(dr_crew *crew, uint32_t newcomer)
{
    dr_pool *pool = crew->pool;
    uint32_t found = DR_NONE;
    if (count(crew).live <= crew->options.workers) {
        return;
    }
    pthread_mutex_lock(&pool->lock);
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        const dr_slot *slot = &pool->slots[i];
        if (is_due(crew, slot) &&
            (found == DR_NONE || slot->number == pool->slots[newcomer].number)) {
            found = i;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    if (found != DR_NONE) {
        dr_dispatch_worker_retire(pool, found);
    }
}

void dr_crew_start_failed(dr_crew *crew)
{
    if (crew->state != DR_CREW_LOADED) {
        return; /* it starts no others */
    }
    crew->start_failures++;
    const uint32_t shift = crew->start_failures < 7 ? crew->start_failures : 7;
    const uint32_t pause_ms = 10u << shift;
    pthread_mutex_lock(&crew->pool->lock);
    if (crew->start_failures >= DR_START_FAILURES_MAX) {
        crew->pool->unhealthy = true;
    }
    pthread_mutex_unlock(&crew->pool->lock);
    dr_crew_later(crew, pause_ms < DR_START_RETRY_MS_MAX ? pause_ms : DR_START_RETRY_MS_MAX);
    crew->events.on_death(crew->events.user); /* what waits in an unhealthy pool is answered */
}

/* was_stillborn says whether a worker died before it was of any use: a crash loop if repeated. */
static bool was_stillborn(const dr_slot *slot)
{
    return (slot->state == DR_SLOT_STARTING && !slot->leaving) ||
           (slot->finished == 0 && slot->held == 0 && !slot->leaving &&
            dr_clock_ns() - slot->ready_ns < DR_STILLBORN_NS);
}

void dr_crew_worker_gone(dr_crew *crew, uint32_t index, int pid)
{
    dr_pool *pool = crew->pool;
    pthread_mutex_lock(&pool->lock);
    dr_slot *slot = &pool->slots[index];
    const bool is_news = slot->crew == crew->id && slot->pid == pid &&
                         slot->state != DR_SLOT_DEAD && slot->state != DR_SLOT_EMPTY;
    const bool is_stillborn = is_news && was_stillborn(slot);
    if (is_news) {
        slot->pidfd = -1; /* crew_child.c closes it */
        slot->pid = 0;
    }
    pthread_mutex_unlock(&pool->lock);
    if (!is_news) {
        return;
    }
    dr_gone_note(crew, index, pid);
    dr_dispatch_worker_died(pool, index);
    crew->events.on_death(crew->events.user);
    if (!is_stillborn || crew->state != DR_CREW_LOADED) {
        crew->start_failures = is_stillborn ? crew->start_failures : 0;
    } else if (!dr_crew_is_proven(crew)) {
        static const char text[] = "a worker ended while it started; what it printed is in the log";
        dr_crew_fail(crew, text, sizeof(text) - 1);
    } else {
        dr_crew_start_failed(crew);
    }
    dr_crew_balance(crew);
}

void dr_crew_worker_ready(dr_crew *crew, uint32_t slot)
{
    const bool is_news = !crew->was_ready || crew->is_on_trial;
    crew->was_ready = true;
    if (crew->is_on_trial && !crew->is_watched) {
        dr_dispatch_worker_hold(crew->pool, slot);
    } else {
        dr_dispatch_worker_ready(crew->pool, slot);
        retire_one(crew, slot);
        dr_crew_balance(crew);
    }
    if (is_news) {
        crew->events.on_state(crew->events.user);
    }
}

void dr_crew_set_state(dr_crew *crew, dr_crew_state state)
{
    crew->state = state;
    crew->events.on_state(crew->events.user);
}

void dr_crew_file(const dr_crew *crew, dora_slice path)
{
    if (crew->events.on_file != NULL) {
        crew->events.on_file(crew->events.user, path);
    }
}

void dr_crew_fail(dr_crew *crew, const char *text, size_t len)
{
    if (crew->state == DR_CREW_STOPPING || crew->state == DR_CREW_STOPPED ||
        crew->state == DR_CREW_FAILED) {
        return; /* the first reason counts */
    }
    if (dr_crew_is_proven(crew)) {
        /* A zygote that was started again does not load: the other pools go on. */
        dr_log_write_lines(crew->log, DR_LOG_EMERGENCY, crew->options.name, "%.*s", (int)len, text);
        dr_crew_crashed(crew);
        dr_crew_load_again(crew);
        return;
    }
    dora_error_set(&crew->why, DORA_ELOAD, "pool %s: %.*s", crew->options.name, (int)len, text);
    dr_crew_set_state(crew, DR_CREW_FAILED);
}
