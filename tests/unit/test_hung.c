/* test_hung.c: pools and workers that make no progress: who is told of, who is ended, and who is
 * left alone. The workers are processes that do nothing; what they would have done is written for
 * them. */
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "ipc/inbox.h"
#include "task/collect.h"
#include "task/hung.h"
#include "task/watch.h"
#include "unit_pool.h"

#define MS UINT64_C(1000000)
#define LIMIT_MS 500u
#define WORKERS 2

typedef struct setting {
    dr_pool pool;
    int event_fd;
    pid_t pids[WORKERS];
    uint32_t slots[WORKERS];
    uint32_t own_limit_ms; /* of the worker that was ended */
} setting;

static void set_up(setting *self, uint32_t hung_ms, uint32_t accepted_limit_ms)
{
    const dr_pool_limits limits = {.reactors = 1,
                                   .workers = WORKERS,
                                   .queue_tasks_max = 100,
                                   .slab_bytes = 1u << 20,
                                   .big_bytes = 4096,
                                   .time_limit_ms = LIMIT_MS,
                                   .accepted_limit_ms = accepted_limit_ms,
                                   .hung_ms = hung_ms};
    unit_pool_begin(&self->pool, &self->event_fd, &limits);
    for (uint32_t i = 0; i < WORKERS; i++) {
        self->pids[i] = fork();
        if (self->pids[i] == 0) {
            for (;;) {
                pause();
            }
        }
        const uint32_t index = unit_pool_reserve(&self->pool);
        self->slots[i] = index;
        self->pool.slots[index].pid = self->pids[i];
        self->pool.slots[index].pidfd = (int)syscall(SYS_pidfd_open, self->pids[i], 0);
        atomic_store(&self->pool.region.workers[index].asleep, DR_ASLEEP);
        dr_dispatch_worker_ready(&self->pool, index);
    }
}

static void tear_down(setting *self)
{
    for (uint32_t i = 0; i < WORKERS && self->pids[i] > 0; i++) {
        (void)kill(self->pids[i], SIGKILL);
        (void)waitpid(self->pids[i], NULL, 0);
    }
    for (uint32_t i = 0; self->pool.slots != NULL && i < WORKERS; i++) {
        if (self->pool.slots[i].pidfd >= 0) {
            close(self->pool.slots[i].pidfd);
        }
    }
    unit_pool_end(&self->pool, &self->event_fd);
    memset(self, 0, sizeof(*self));
}
UNIT_SCENE(setting, tear_down)

static uint32_t submit(setting *self, dr_call_type type, const char *name)
{
    const dr_task_input input = {.name = {name, strlen(name)},
                                 .param = {"N;", 2},
                                 .guid = UNIT_GUID,
                                 .type = (uint16_t)type,
                                 .submitted_ns = dr_clock_ns()};
    return unit_pool_submit(&self->pool, &input);
}

static uint32_t take(setting *self, uint32_t slot)
{
    return unit_pool_start(&self->pool, slot);
}

/* end does what a worker does that has ended a task, and its reactor. */
static void end(setting *self, uint32_t task)
{
    const dr_record *record = &self->pool.records[task];
    dr_shared_task *shared = &self->pool.region.tasks[task];
    const uint32_t slot = record->slot;
    shared->reply_at = DR_REPLY_IN_BLOCK;
    shared->code = 0;
    shared->msg_len = shared->data_len = 0;
    atomic_store(&shared->word, dr_task_word(record->generation, DR_TASK_DONE, slot));
    dr_outbox_push(&self->pool.region, slot, 0, task);
    atomic_fetch_or(&self->pool.region.reactors[0].ready[slot / 64], UINT64_C(1) << (slot % 64));
    assert_int_equal(dr_dispatch_collect(&self->pool, 0, unit_pool_drop, NULL), 1);
}

static int end_silent(setting *self, uint64_t now_ns)
{
    return dr_pool_end_silent(&self->pool, now_ns, &self->own_limit_ms);
}

static bool is_alive(pid_t pid)
{
    return waitpid(pid, NULL, WNOHANG) == 0;
}

static void all_busy_with_the_same_tasks(void **state)
{
    setting *at = *state;
    dr_busy busy;
    set_up(at, 0, 0);
    (void)submit(at, DR_TYPE_W_S, "/first");
    const uint64_t one_ns = dr_clock_ns();
    assert_false(dr_pool_is_busy(&at->pool, one_ns + 60000 * MS, &busy)); /* one is free */
    (void)submit(at, DR_TYPE_AN_S, "/second");
    const uint64_t since_ns = dr_clock_ns();
    for (uint32_t i = 0; i < WORKERS; i++) {
        (void)take(at, at->slots[i]);
    }
    (void)submit(at, DR_TYPE_W_S, "/third");
    assert_false(dr_pool_is_busy(&at->pool, since_ns + 9000 * MS, &busy));
    assert_true(dr_pool_is_busy(&at->pool, since_ns + DR_BUSY_SAID_MS * MS, &busy));
    assert_int_equal(busy.workers, WORKERS);
    assert_int_equal(busy.count, WORKERS);
    assert_int_equal(busy.waiting, 1);
    for (uint32_t i = 0; i < WORKERS; i++) {
        assert_true(busy.told[i].has_begun);
        assert_true(busy.told[i].age_ns >= 10000 * MS && busy.told[i].age_ns < 20000 * MS);
        const bool is_first = memcmp(busy.told[i].name, "/first", busy.told[i].name_len) == 0;
        assert_int_equal(busy.told[i].name_len, is_first ? 6 : 7);
    }
}

static void one_that_ends_is_progress(void **state)
{
    setting *at = *state;
    dr_busy busy;
    uint32_t waiting;
    uint32_t tasks[WORKERS];
    set_up(at, 30000, 0);
    for (uint32_t i = 0; i < WORKERS; i++) {
        (void)submit(at, DR_TYPE_W_S, "/t");
    }
    for (uint32_t i = 0; i < WORKERS; i++) {
        tasks[i] = take(at, at->slots[i]);
    }
    const uint64_t late_ns = dr_clock_ns() + 31000 * MS;
    assert_true(dr_pool_is_busy(&at->pool, late_ns, &busy));
    assert_false(dr_pool_is_hung(&at->pool, late_ns, &waiting)); /* nobody waits */
    (void)submit(at, DR_TYPE_W_S, "/t");
    assert_true(dr_pool_is_hung(&at->pool, late_ns, &waiting));
    assert_int_equal(waiting, 1);
    assert_false(dr_pool_is_hung(&at->pool, late_ns - 2000 * MS, &waiting));
    end(at, tasks[0]); /* its worker gets what waited */
    const uint64_t now_ns = dr_clock_ns();
    assert_false(dr_pool_is_busy(&at->pool, now_ns + 9000 * MS, &busy));
    assert_false(dr_pool_is_hung(&at->pool, now_ns + 29000 * MS, &waiting));
}

static void a_pool_that_is_not_looked_at(void **state)
{
    setting *at = *state;
    uint32_t waiting;
    set_up(at, 0, 0);
    for (uint32_t i = 0; i < WORKERS + 1; i++) {
        (void)submit(at, DR_TYPE_W_S, "/t");
    }
    assert_false(dr_pool_is_hung(&at->pool, dr_clock_ns() + 90000 * MS, &waiting));
}

/* Past its limit a task that somebody waits for ends its worker; accepted work does where a limit
 * was set for it. */
static void run_past_the_limit(setting *at, dr_call_type type, uint32_t accepted_limit_ms,
                               bool is_ended)
{
    set_up(at, 0, accepted_limit_ms);
    const uint32_t task = submit(at, type, "/t");
    const uint32_t slot = at->pool.records[task].slot;
    (void)take(at, slot);
    (void)dr_dispatch_tick(&at->pool, dr_clock_ns() + (LIMIT_MS - 100) * MS);
    assert_false(at->pool.slots[slot].killed_for_limit);
    (void)dr_dispatch_tick(&at->pool, dr_clock_ns() + (LIMIT_MS + 1) * MS);
    assert_int_equal(at->pool.slots[slot].killed_for_limit, is_ended);
    tear_down(at);
}

static void limits_by_type(void **state)
{
    setting *at = *state;
    run_past_the_limit(at, DR_TYPE_W_S, 0, true);
    run_past_the_limit(at, DR_TYPE_W_M, 0, true);
    run_past_the_limit(at, DR_TYPE_AN_S, 0, false);
    run_past_the_limit(at, DR_TYPE_AN_M, 0, false);
    run_past_the_limit(at, DR_TYPE_AM_S, 0, false);
    run_past_the_limit(at, DR_TYPE_AM_M, 0, false);
    run_past_the_limit(at, DR_TYPE_AN_S, LIMIT_MS, true);
    run_past_the_limit(at, DR_TYPE_AM_M, LIMIT_MS, true);
}

/* Of several tasks at a time, accepted work that may run as long as it likes hides nobody behind
 * it. */
static void accepted_work_is_not_the_reason(void **state)
{
    setting *at = *state;
    set_up(at, 0, 0);
    at->pool.limits.concurrency = 8;
    dr_dispatch_worker_retire(&at->pool, at->slots[1]);
    const uint64_t now_ns = dr_clock_ns();
    const uint32_t accepted = submit(at, DR_TYPE_AM_S, "/t");
    (void)take(at, at->slots[0]);
    at->pool.records[accepted].handed_ns = now_ns - 10 * LIMIT_MS * MS;
    (void)dr_dispatch_tick(&at->pool, now_ns + 5 * MS);
    assert_false(at->pool.slots[at->slots[0]].killed_for_limit);
    const uint32_t waited_for = submit(at, DR_TYPE_W_S, "/t");
    assert_int_equal(take(at, at->slots[0]), waited_for);
    at->pool.records[waited_for].handed_ns = now_ns - 2 * LIMIT_MS * MS;
    atomic_store(&at->pool.region.tasks[waited_for].start_ns, now_ns - 2 * LIMIT_MS * MS);
    (void)dr_dispatch_tick(&at->pool, now_ns + 10 * MS);
    assert_true(at->pool.slots[at->slots[0]].killed_for_limit);
}

/* silent_worker leaves worker 0 awake after its first task, of a type. */
static void silent_worker(setting *at, dr_call_type type)
{
    const uint32_t task = submit(at, type, "/t");
    at->slots[0] = at->pool.records[task].slot;
    at->slots[1] = 1 - at->slots[0];
    const pid_t pid = at->pool.slots[at->slots[0]].pid;
    at->pids[1] = pid == at->pids[0] ? at->pids[1] : at->pids[0];
    at->pids[0] = pid;
    end(at, take(at, at->slots[0]));
    atomic_store(&at->pool.region.workers[at->slots[0]].asleep, DR_AWAKE);
}

static void a_worker_that_does_not_come_back(void **state)
{
    setting *at = *state;
    set_up(at, 0, 0);
    silent_worker(at, DR_TYPE_W_S);
    const uint64_t now_ns = dr_clock_ns();
    assert_int_equal(end_silent(at, now_ns), 0);
    assert_int_equal(end_silent(at, now_ns + (LIMIT_MS - 1) * MS), 0);
    assert_int_equal(end_silent(at, now_ns + LIMIT_MS * MS), at->pids[0]);
    assert_int_equal(end_silent(at, now_ns + 2 * LIMIT_MS * MS), 0); /* once */
    assert_int_equal(waitpid(at->pids[0], NULL, 0), at->pids[0]);
    assert_true(is_alive(at->pids[1])); /* it sleeps */
    dr_dispatch_worker_died(&at->pool, at->slots[0]);
    assert_int_equal(at->pool.restarts[DR_RESTART_TIME_LIMIT], 1);
}

static void what_it_was_given_meanwhile_is_not_lost(void **state)
{
    setting *at = *state;
    set_up(at, 0, 0);
    silent_worker(at, DR_TYPE_W_S);
    const uint32_t task = submit(at, DR_TYPE_W_S, "/next");
    assert_int_equal(at->pool.records[task].slot, at->slots[0]); /* the most recently idle */
    const uint64_t now_ns = dr_clock_ns();
    assert_int_equal(end_silent(at, now_ns), 0);
    assert_int_equal(end_silent(at, now_ns + LIMIT_MS * MS), at->pids[0]);
    dr_dispatch_worker_died(&at->pool, at->slots[0]);
    assert_int_equal(at->pool.records[task].slot, at->slots[1]);
    assert_int_equal(take(at, at->slots[1]), task);
}

static void workers_that_are_left_alone(void **state)
{
    setting *at = *state;
    set_up(at, 0, 0);
    silent_worker(at, DR_TYPE_W_S);
    dr_shared_worker *shared = &at->pool.region.workers[at->slots[0]];
    uint64_t now_ns = dr_clock_ns();
    assert_int_equal(end_silent(at, now_ns), 0);
    /* It has taken something: it was between two tasks. */
    atomic_fetch_add(&shared->inbox_head, 1);
    atomic_fetch_add(&shared->inbox_tail, 1);
    now_ns += LIMIT_MS * MS;
    assert_int_equal(end_silent(at, now_ns), 0);
    /* It sleeps. */
    atomic_store(&shared->asleep, DR_ASLEEP);
    now_ns += LIMIT_MS * MS;
    assert_int_equal(end_silent(at, now_ns), 0);
    /* It is awake again: that counts anew. */
    atomic_store(&shared->asleep, DR_AWAKE);
    now_ns += LIMIT_MS * MS;
    assert_int_equal(end_silent(at, now_ns), 0);
    /* A signal has stopped it. */
    assert_int_equal(kill(at->pids[0], SIGSTOP), 0);
    assert_int_equal(waitpid(at->pids[0], NULL, WUNTRACED), at->pids[0]);
    now_ns += LIMIT_MS * MS;
    assert_int_equal(end_silent(at, now_ns), 0);
    assert_int_equal(kill(at->pids[0], SIGCONT), 0);
    assert_int_equal(waitpid(at->pids[0], NULL, WCONTINUED), at->pids[0]);
    assert_int_equal(end_silent(at, now_ns), at->pids[0]);
}

static void what_follows_accepted_work(void **state)
{
    setting *at = *state;
    for (uint32_t limit_ms = 0; limit_ms <= LIMIT_MS; limit_ms += LIMIT_MS) {
        set_up(at, 0, limit_ms);
        silent_worker(at, DR_TYPE_AM_S);
        const uint64_t now_ns = dr_clock_ns();
        assert_int_equal(end_silent(at, now_ns), 0);
        assert_int_equal(end_silent(at, now_ns + LIMIT_MS * MS), limit_ms == 0 ? 0 : at->pids[0]);
        tear_down(at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(setting, all_busy_with_the_same_tasks),
        unit_in(setting, one_that_ends_is_progress),
        unit_in(setting, a_pool_that_is_not_looked_at),
        unit_in(setting, limits_by_type),
        unit_in(setting, accepted_work_is_not_the_reason),
        unit_in(setting, a_worker_that_does_not_come_back),
        unit_in(setting, what_it_was_given_meanwhile_is_not_lost),
        unit_in(setting, workers_that_are_left_alone),
        unit_in(setting, what_follows_accepted_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
