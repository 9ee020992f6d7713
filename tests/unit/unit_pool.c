/* unit_pool.c: a pool of a test: its region, its descriptors, its workers, tasks of it. */
#include "unit_pool.h"

#include <sched.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "ipc/inbox.h"
#include "task/watch.h"
#include "task/worker.h"

#define REACTORS_MAX 2u
#define IN_FLIGHT 60u

static void on_attention(dr_pool *pool, void *user)
{
    (void)pool;
    (void)user;
}

void unit_pool_begin(dr_pool *pool, int *event_fds, const dr_pool_limits *limits)
{
    dora_error error = {0};
    for (uint32_t i = 0; i < limits->reactors && i < REACTORS_MAX; i++) {
        event_fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    }
    assert_int_equal(dr_pool_init(pool, limits, event_fds, &error), DORA_OK);
    assert_int_equal(dr_pool_set_apis(pool, 4), DORA_OK);
    pool->on_attention = on_attention;
}

void unit_pool_end(dr_pool *pool, int *event_fds)
{
    const uint32_t reactors = pool->limits.reactors;
    dr_pool_fini(pool);
    for (uint32_t i = 0; i < reactors && i < REACTORS_MAX; i++) {
        unit_close(&event_fds[i]);
    }
}

uint32_t unit_pool_reserve(dr_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    const uint32_t slot = dr_slot_reserve(pool);
    pthread_mutex_unlock(&pool->lock);
    assert_true(slot != DR_NONE);
    return slot;
}

uint32_t unit_pool_worker(dr_pool *pool)
{
    const uint32_t slot = unit_pool_reserve(pool);
    dr_dispatch_worker_ready(pool, slot);
    return slot;
}

int64_t submit_task(dr_pool *pool, const dr_task_input *input, uint32_t *task)
{
    const char *why;
    const int64_t code = dr_dispatch_reserve(pool, input, task, &why);
    if (code == 0) {
        dr_dispatch_commit(pool, task, 1);
    }
    return code;
}

uint32_t unit_pool_submit(dr_pool *pool, const dr_task_input *input)
{
    uint32_t task = DR_NONE;
    assert_int_equal(submit_task(pool, input, &task), 0);
    return task;
}

uint32_t unit_pool_start(dr_pool *pool, uint32_t slot)
{
    uint32_t generation = 0;
    uint32_t task = DR_NONE;
    assert_true(dr_inbox_pop(&pool->region, slot, &generation, &task));
    uint64_t word = dr_task_word(generation, DR_TASK_QUEUED, slot);
    assert_true(atomic_compare_exchange_strong(&pool->region.tasks[task].word, &word,
                                               dr_task_word(generation, DR_TASK_RUNNING, slot)));
    return task;
}

bool unit_pool_drop(const dr_outcome *outcome, void *user)
{
    (void)outcome;
    (void)user;
    return false;
}

bool unit_count(const dr_outcome *outcome, void *user)
{
    unit_tally *self = user;
    self->count++;
    self->last_code = outcome->code;
    self->died += outcome->code == DORA_CODE_WORKER_DIED;
    self->killed_for_limit += outcome->code == DORA_CODE_TIME_LIMIT;
    self->wrong += self->expected.len > 0 &&
                   (outcome->code != 0 || outcome->data.len != self->expected.len ||
                    memcmp(outcome->data.data, self->expected.data, self->expected.len) != 0);
    if (self->seen != NULL) {
        self->seen[(uint32_t *)outcome->owner - self->seen]++;
    }
    return false;
}

/* One reactor's thread: it keeps tasks in flight until all have come back. */
typedef struct reactor {
    dr_pool *pool;
    uint32_t number;
    uint32_t total;
    uint32_t refused;
    unit_tally told;
} reactor;

static void *drive(void *user)
{
    reactor *self = user;
    uint32_t sent = 0;
    uint32_t task;
    const uint64_t end_ms = dr_clock_ms() + 60000;
    while (self->told.count + self->refused < self->total && dr_clock_ms() < end_ms) {
        while (sent < self->total && sent - self->told.count < IN_FLIGHT) {
            const dr_task_input input = {.name = {"/t", 2},
                                         .param = self->told.expected,
                                         .guid = UNIT_GUID,
                                         .reactor = self->number,
                                         .owner = &self->told.seen[sent++]};
            self->refused += submit_task(self->pool, &input, &task) != 0;
        }
        if (dr_dispatch_collect(self->pool, self->number, unit_count, &self->told) == 0) {
            (void)dr_dispatch_tick(self->pool, dr_clock_ns());
            sched_yield();
        }
    }
    return NULL;
}

void unit_pool_exchange(dr_pool *pool, unit_threads *threads, dora_slice param, uint32_t total)
{
    static reactor reactors[REACTORS_MAX]; /* threads of a failed test still have them */
    for (uint32_t i = 0; i < REACTORS_MAX; i++) {
        reactors[i] = (reactor){.pool = pool, .number = i, .total = total};
        reactors[i].told.expected = param;
        reactors[i].told.seen = calloc(total, sizeof(uint32_t));
        unit_threads_start(threads, 1, drive, &reactors[i]);
    }
    (void)unit_threads_join(threads);
    for (uint32_t r = 0; r < REACTORS_MAX; r++) {
        assert_int_equal(reactors[r].told.count, total);
        assert_int_equal(reactors[r].told.wrong, 0);
        assert_int_equal(reactors[r].refused, 0);
        for (uint32_t i = 0; i < total; i++) {
            assert_int_equal(reactors[r].told.seen[i], 1);
        }
        free(reactors[r].told.seen);
    }
    assert_int_equal(pool->handed_count, 0);
    assert_int_equal(pool->busy_count, 0);
    assert_int_equal(pool->ahead_count, 0);
}

void *unit_run_worker(void *worker)
{
    dr_worker_run(worker);
    return NULL;
}
