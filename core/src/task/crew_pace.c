/* crew_pace.c: workers and zygotes of a crew that end by themselves, again and again. */
#include "task/crew_pace.h"

#include <inttypes.h>

#include "base/clock.h"
#include "task/crew.h"

/* serves: a crew on trial fails with its first end, one that leaves starts nobody. */
static bool serves(const dr_crew *crew)
{
    return dr_crew_is_proven(crew) &&
           (crew->state == DR_CREW_LOADED || crew->state == DR_CREW_LOADING);
}

/* tasks_done counts what the pool's workers have ended. */
static uint64_t tasks_done(dr_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    uint64_t count = pool->handled;
    for (uint32_t i = 0; i < pool->region.shape.workers; i++) {
        count += pool->slots[i].finished;
    }
    pthread_mutex_unlock(&pool->lock);
    return count;
}

/* show has the pool's numbers say how it is. */
static void show(dr_crew *crew)
{
    dr_pool *pool = crew->pool;
    const uint64_t now_ms = dr_clock_ms();
    pthread_mutex_lock(&pool->lock);
    pool->is_looping = dr_pace_is_loop(&crew->pace);
    pool->held_until_ms = now_ms + dr_pace_left_ms(&crew->pace, now_ms);
    pthread_mutex_unlock(&pool->lock);
}

uint32_t dr_crew_pace_ms(const dr_crew *crew)
{
    return (uint32_t)dr_pace_left_ms(&crew->pace, dr_clock_ms());
}

bool dr_crew_waits_for_status(const dr_crew *crew)
{
    return crew->pace.crashes > 0 && serves(crew);
}

static void crashed(dr_crew *crew, uint64_t started_ms, uint64_t ended_ms)
{
    const bool was_loop = dr_pace_is_loop(&crew->pace);
    dr_pace_crashed(&crew->pace, started_ms, ended_ms, tasks_done(crew->pool));
    show(crew);
    if (dr_pace_is_loop(&crew->pace) && !was_loop) {
        crew->is_refusal_said = false;
        dr_log_write(crew->log, DR_LOG_ERROR, crew->options.name,
                     "a crash loop: its processes have ended by themselves %" PRIu32
                     " times in a row, and no task was done between; the next start waits %u ms, "
                     "each one behind it twice as long, %u s at most; a reload starts at once",
                     crew->pace.crashes, DR_CRASH_PAUSE_MS, DR_CRASH_PAUSE_MS_MAX / 1000u);
    }
}

void dr_crew_crashed(dr_crew *crew)
{
    const uint64_t now_ms = dr_clock_ms();
    if (serves(crew)) {
        crashed(crew, now_ms, now_ms);
    }
}

void dr_crew_worker_crashed(dr_crew *crew, uint64_t started_ms, uint64_t ended_ms)
{
    if (serves(crew)) {
        dr_pace_owe(&crew->pace);
        crashed(crew, started_ms, ended_ms);
    }
}

void dr_crew_started(dr_crew *crew)
{
    if (crew->pace.owed > 0) {
        dr_pace_started(&crew->pace, dr_clock_ms());
        show(crew);
    }
}

/* refuse: nobody is left who could serve, and nobody will be for a while. */
static void refuse(dr_crew *crew)
{
    dr_pool *pool = crew->pool;
    pthread_mutex_lock(&pool->lock);
    const bool is_news = !pool->unhealthy;
    pool->unhealthy = true;
    pthread_mutex_unlock(&pool->lock);
    if (!crew->is_refusal_said) {
        crew->is_refusal_said = true;
        dr_log_write(crew->log, DR_LOG_ERROR, crew->options.name,
                     "no worker is left: until one has started, calls are refused (100203)");
    }
    if (is_news) {
        crew->events.on_death(crew->events.user); /* what waits is answered */
    }
}

void dr_crew_hold(dr_crew *crew, uint32_t alive)
{
    const uint32_t left_ms = serves(crew) ? dr_crew_pace_ms(crew) : 0;
    if (left_ms == 0) {
        return;
    }
    if (!crew->is_retry_set) {
        dr_crew_later(crew, left_ms);
    }
    if (alive == 0 && (dr_pace_is_loop(&crew->pace) || left_ms >= DR_CRASH_WAIT_MS)) {
        refuse(crew);
    }
}

void dr_crew_pace_look(dr_crew *crew)
{
    const bool was_loop = dr_pace_is_loop(&crew->pace);
    if (crew->pace.crashes == 0 || !serves(crew)) {
        return;
    }
    dr_pace_rest(&crew->pace, dr_clock_ms(), tasks_done(crew->pool));
    show(crew);
    if (crew->pace.crashes == 0) {
        crew->is_refusal_said = false;
    }
    if (was_loop && !dr_pace_is_loop(&crew->pace)) {
        dr_log_write(crew->log, DR_LOG_NOTICE, crew->options.name,
                     "the crash loop is over: starts wait no longer");
    }
}
