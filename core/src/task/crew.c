/* crew.c: keeping the workers of a pool at their number. */
#include "task/crew.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "task/dispatch.h"

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

static void balance_later(dr_crew *crew, uint32_t pause_ms)
{
    crew->is_retry_set = true;
    uv_timer_start(&crew->retry, on_retry, pause_ms, 0);
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
        slot->has_loop = crew->has_loop;
        *number = (int32_t)free;
        *loop_fd = crew->has_loop ? dr_slot_loop_fd(pool, index) : -1;
        if (crew->options.max_requests > 0) {
            /* Spread, as Swoole does: workers started together are not replaced together. */
            crew->jitter = crew->jitter * 1103515245u + 12345u;
            const uint32_t spread = crew->options.max_requests / 2 + 1;
            slot->recycle_at = (uint64_t)crew->options.max_requests + (crew->jitter >> 8) % spread;
        }
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
    if (dr_control_send(crew->control_fd, &head, NULL, 0, &loop_fd, loop_fd < 0 ? 0 : 1) ==
        DORA_OK) {
        return true;
    }
    /* The zygote is behind with its work: the slot was never its, and is asked for later. */
    pthread_mutex_lock(&pool->lock);
    pool->slots[head.slot].state = DR_SLOT_EMPTY;
    pthread_mutex_unlock(&pool->lock);
    balance_later(crew, DR_FORK_RETRY_MS);
    return false;
}

void dr_crew_balance(dr_crew *crew)
{
    if (crew->state == DR_CREW_LEAVING && dr_crew_has_left(crew)) {
        dr_crew_stop(crew);
    }
    while (crew->state == DR_CREW_LOADED && !crew->is_retry_set) {
        const tally now = count(crew);
        const uint32_t want = crew->options.workers + (now.recycling > 0 ? 1 : 0);
        if (now.starting + now.held + now.live >= want || !fork_one(crew)) {
            return;
        }
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

void dr_crew_take_over(dr_crew *crew)
{
    crew->is_on_trial = false;
    dr_crew_balance(crew);
}

void dr_crew_retire(dr_crew *crew)
{
    if (crew->state != DR_CREW_LOADED) {
        dr_crew_stop(crew); /* its zygote died, and another one was on its way */
        return;
    }
    uv_timer_stop(&crew->retry);
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

void dr_crew_forget_starting(dr_crew *crew)
{
    dr_pool *pool = crew->pool;
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        pthread_mutex_lock(&pool->lock);
        /* Workers that are watched tell their end themselves. */
        const dr_slot *slot = &pool->slots[i];
        const bool is_lost = slot->crew == crew->id && slot->state != DR_SLOT_EMPTY &&
                             slot->state != DR_SLOT_DEAD && slot->pidfd < 0;
        pthread_mutex_unlock(&pool->lock);
        if (is_lost) {
            dr_dispatch_worker_died(pool, i);
        }
    }
    crew->events.on_death(crew->events.user);
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

/* start_failed slows down after a worker that died before it was ready. */
static void start_failed(dr_crew *crew)
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
    balance_later(crew, pause_ms < DR_START_RETRY_MS_MAX ? pause_ms : DR_START_RETRY_MS_MAX);
    crew->events.on_death(crew->events.user); /* what waits in an unhealthy pool is answered */
}

/* was_stillborn says whether a worker died before it was of any use: a crash loop if repeated. */
static bool was_stillborn(const dr_slot *slot)
{
    return (slot->state == DR_SLOT_STARTING && !slot->leaving) ||
           (slot->finished == 0 && slot->held == 0 && !slot->leaving &&
            dr_clock_ns() - slot->ready_ns < DR_STILLBORN_NS);
}

/* worker_gone settles a death, however it was noticed first. */
static void worker_gone(dr_crew *crew, uint32_t index, int pid)
{
    dr_pool *pool = crew->pool;
    pthread_mutex_lock(&pool->lock);
    dr_slot *slot = &pool->slots[index];
    const bool is_news = slot->crew == crew->id && slot->pid == pid &&
                         slot->state != DR_SLOT_DEAD && slot->state != DR_SLOT_EMPTY;
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
    } else if (!dr_crew_is_proven(crew)) {
        static const char text[] = "a worker ended while it started; what it printed is in the log";
        dr_crew_fail(crew, text, sizeof(text) - 1);
    } else {
        start_failed(crew);
    }
    dr_crew_balance(crew);
}

struct dr_watched_worker {
    uv_poll_t poll;
    dr_watched_worker *next;
    dr_crew *crew;
    uint32_t slot;
    int pid;
    int pidfd;
};

static void on_worker_closed(uv_handle_t *handle)
{
    dr_watched_worker *watched = handle->data;
    dr_crew *crew = watched->crew;
    close(watched->pidfd);
    free(watched);
    dr_crew_handle_closed(crew);
}

static void on_worker_exit(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    dr_watched_worker *watched = poll->data;
    dr_watched_worker **at = &watched->crew->watched;
    while (*at != watched) {
        at = &(*at)->next;
    }
    *at = watched->next;
    worker_gone(watched->crew, watched->slot, watched->pid);
    uv_close((uv_handle_t *)poll, on_worker_closed);
}

void dr_crew_unwatch(dr_crew *crew)
{
    while (crew->watched != NULL) {
        dr_watched_worker *watched = crew->watched;
        crew->watched = watched->next;
        uv_close((uv_handle_t *)&watched->poll, on_worker_closed);
    }
}

/* watch_worker waits for a worker's end. Without it the zygote tells the end, and the master's own
 * knowledge of the process ends with the zygote. Returns: false without memory. */
static bool watch_worker(dr_crew *crew, uint32_t slot, int pid, int pidfd)
{
    dr_watched_worker *watched = pidfd < 0 ? NULL : calloc(1, sizeof(*watched));
    if (watched == NULL || uv_poll_init(crew->loop, &watched->poll, pidfd) != 0) {
        free(watched);
        return false;
    }
    watched->next = crew->watched;
    watched->crew = crew;
    watched->slot = slot;
    watched->pid = pid;
    watched->pidfd = pidfd;
    crew->watched = watched;
    crew->open_handles++;
    watched->poll.data = watched;
    uv_poll_start(&watched->poll, UV_READABLE, on_worker_exit);
    uv_unref((uv_handle_t *)&watched->poll);
    return true;
}

/* is_news_of_start: the slot has not heard of its process yet, though that may have been quick and
 * have said that it is ready. */
static bool is_news_of_start(dr_pool *pool, const dr_control_head *head)
{
    pthread_mutex_lock(&pool->lock);
    const dr_slot *slot = &pool->slots[head->slot];
    const bool is_news = slot->state != DR_SLOT_EMPTY && slot->state != DR_SLOT_DEAD &&
                         slot->pid == 0 && head->pid > 0;
    pthread_mutex_unlock(&pool->lock);
    return is_news;
}

static void on_forked(dr_crew *crew, dr_control_message *message)
{
    dr_pool *pool = crew->pool;
    const uint32_t index = message->head.slot;
    if (!is_news_of_start(pool, &message->head)) {
        return;
    }
    int pidfd = dr_control_fd(message);
    if (!watch_worker(crew, index, message->head.pid, pidfd) && pidfd >= 0) {
        close(pidfd);
        pidfd = -1;
    }
    pthread_mutex_lock(&pool->lock);
    pool->slots[index].pid = message->head.pid;
    pool->slots[index].pidfd = pidfd;
    pthread_mutex_unlock(&pool->lock);
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
    if (dr_crew_is_proven(crew)) {
        /* A zygote that was started again does not load: the other pools go on. */
        dr_log_write_lines(crew->log, DR_LOG_EMERGENCY, crew->options.name, "%.*s", (int)len, text);
        dr_crew_load_again(crew);
        return;
    }
    dora_error_set(&crew->why, DORA_ELOAD, "pool %s: %.*s", crew->options.name, (int)len, text);
    dr_crew_set_state(crew, DR_CREW_FAILED);
}

static void on_ready(dr_crew *crew, uint32_t slot)
{
    const bool is_news = !crew->was_ready || crew->is_on_trial;
    crew->was_ready = true;
    if (crew->is_on_trial) {
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

static void on_name(dr_crew *crew, const dr_control_message *message)
{
    if (crew->state != DR_CREW_LOADING || crew->was_ready) {
        return; /* a zygote that was started again says what is known */
    }
    dr_names *names = &crew->names;
    if (message->text_len == 0) {
        names->has_fallback = true;
        return;
    }
    if (message->text_len > DR_API_NAME_MAX || names->count == DR_APP_APIS_MAX - 1) {
        static const char text[] = "the application registers too many handlers";
        dr_crew_fail(crew, text, sizeof(text) - 1);
        return;
    }
    void *items = realloc(names->items, (names->count + 1) * sizeof(*names->items));
    if (items == NULL) {
        static const char text[] = "out of memory";
        dr_crew_fail(crew, text, sizeof(text) - 1);
        return;
    }
    names->items = items;
    memcpy(names->items[names->count], message->text, message->text_len);
    names->items[names->count][message->text_len] = '\0';
    names->count++;
}

/* on_not_started: a start hook failed, and the worker ends by itself; or the fork did (pid 0). */
static void on_not_started(dr_crew *crew, const dr_control_message *message)
{
    if (!dr_crew_is_proven(crew)) {
        dr_crew_fail(crew, message->text, message->text_len);
        return;
    }
    dr_log_write_lines(crew->log, DR_LOG_ERROR, crew->options.name, "a worker does not start: %.*s",
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

/* is_out_of_place: words of a zygote that has loaded, a zygote's words from somebody else, or about
 * a slot that is not this crew's. A worker could say anything before it is ready. */
static bool is_out_of_place(const dr_crew *crew, const dr_control_message *message)
{
    dr_pool *pool = crew->pool;
    const dr_control_head *head = &message->head;
    if (head->kind < DR_CONTROL_FORKED) {
        return crew->state != DR_CREW_LOADING ||
               (head->kind == DR_CONTROL_HELLO && crew->has_greeted);
    }
    const bool is_zygotes = head->kind == DR_CONTROL_FORKED || head->kind == DR_CONTROL_EXITED;
    if (head->slot >= pool->region.shape.workers ||
        (is_zygotes && (head->pid <= 0 || message->sender != crew->speaker))) {
        return true;
    }
    pthread_mutex_lock(&pool->lock);
    const bool is_ours = pool->slots[head->slot].crew == crew->id;
    pthread_mutex_unlock(&pool->lock);
    return !is_ours;
}

void dr_crew_message(dr_crew *crew, dr_control_message *message)
{
    if (is_out_of_place(crew, message)) {
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
        crew->load_failures = 0;
        crew->has_loop = message->head.number != 0;
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
