/* test_spread.c: workers that run several tasks at a time, and their loop, as a thread. */
#include "unit.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "ipc/inbox.h"
#include "submit.h"
#include "task/collect.h"
#include "task/loop.h"
#include "task/watch.h"

enum { WORKERS = 3, CONCURRENCY = 8, TOTAL = 20000, BIG = 200000 };

typedef struct setting {
    dr_pool pool;
    int event_fds[2];
    dora_app app;
    dr_worker workers[WORKERS];
    pthread_t threads[WORKERS];
    uint32_t started;
} setting;

static void on_attention(dr_pool *pool, void *user)
{
    (void)pool;
    (void)user;
}

static void set_up(setting *self, uint32_t workers, uint32_t concurrency, uint32_t time_limit_ms)
{
    dora_error error = {0};
    const dr_pool_limits limits = {.reactors = 2,
                                   .workers = workers,
                                   .concurrency = concurrency,
                                   .queue_tasks_max = 1000,
                                   .slab_bytes = 64u << 20,
                                   .big_bytes = 256u << 10,
                                   .time_limit_ms = time_limit_ms};
    memset(self, 0, sizeof(*self));
    for (uint32_t i = 0; i < 2; i++) {
        self->event_fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    }
    assert_int_equal(dr_pool_init(&self->pool, &limits, self->event_fds, &error), DORA_OK);
    assert_int_equal(dr_pool_set_apis(&self->pool, 4), DORA_OK);
    self->pool.on_attention = on_attention;
    self->app.has_fallback = true;
}

static void tear_down(setting *self)
{
    for (uint32_t i = 0; i < self->started; i++) {
        dr_slot_stop(&self->pool, self->workers[i].slot);
        pthread_join(self->threads[i], NULL);
    }
    dr_pool_fini(&self->pool);
    close(self->event_fds[0]);
    close(self->event_fds[1]);
}

static uint32_t add_worker(setting *self)
{
    pthread_mutex_lock(&self->pool.lock);
    const uint32_t slot = dr_slot_reserve(&self->pool);
    pthread_mutex_unlock(&self->pool.lock);
    assert_true(slot != DR_NONE);
    dr_dispatch_worker_ready(&self->pool, slot);
    return slot;
}

static uint32_t submit(setting *self, uint32_t reactor, dora_slice param, void *owner)
{
    uint32_t task = DR_NONE;
    const dr_task_input input = {.name = {"/t", 2},
                                 .param = param,
                                 .guid = "0123456789abcdef0123456789abcdef",
                                 .reactor = reactor,
                                 .owner = owner};
    assert_int_equal(submit_task(&self->pool, &input, &task), 0);
    return task;
}

static uint32_t submit_null(setting *self)
{
    return submit(self, 0, text_slice("N;"), NULL);
}

/* tally is what a reactor has been told. */
typedef struct tally {
    uint32_t count;
    uint32_t wrong;
    uint32_t died;
    uint32_t overran;
    uint32_t *seen;
    dora_slice expected;
} tally;

static bool on_outcome(const dr_outcome *outcome, void *user)
{
    tally *self = user;
    self->count++;
    self->died += outcome->code == DORA_CODE_WORKER_DIED;
    self->overran += outcome->code == DORA_CODE_TIME_LIMIT;
    self->wrong += outcome->code != 0 || outcome->data.len != self->expected.len ||
                   memcmp(outcome->data.data, self->expected.data, self->expected.len) != 0;
    if (self->seen != NULL) {
        self->seen[(uint32_t *)outcome->owner - self->seen]++;
    }
    return false;
}

/* ---- workers as threads ---- */

/* end_one answers one of the tasks in hand, not the oldest. */
static void end_one(dora_task **tasks, uint32_t *count, uint32_t *seed)
{
    *seed = *seed * 1103515245u + 12345u;
    const uint32_t at = (*seed >> 8) % *count;
    dora_task *task = tasks[at];
    tasks[at] = tasks[--*count];
    dora_reply *reply = dora_task_reply(task);
    const dora_slice param = dora_request_param(dora_task_request(task));
    dora_task_done(task, dora_write_raw(dora_reply_writer(reply), param));
}

/* run_loop is an event loop: it waits for its descriptor alone. */
static void run_loop(void *host, dora_worker *worker)
{
    (void)host;
    dora_task *tasks[CONCURRENCY];
    uint32_t count = 0;
    uint32_t seed = (uint32_t)dora_worker_fd(worker);
    while (!dora_worker_is_told(worker) || dora_worker_running(worker) > 0) {
        dora_task *task;
        while ((task = dora_worker_take(worker)) != NULL) {
            assert_true(count < CONCURRENCY);
            tasks[count++] = task;
        }
        struct pollfd watched = {.fd = dora_worker_fd(worker), .events = POLLIN};
        if (dora_worker_sleep(worker) && poll(&watched, 1, count > 0 ? 0 : 1000) > 0) {
            dora_worker_wake(worker);
        }
        if (count > 0) {
            end_one(tasks, &count, &seed);
        }
    }
    assert_int_equal(count, 0);
}

static bool always(void *host)
{
    (void)host;
    return true;
}

static const dora_runtime looping = {
    .name = "test", .version = "1", .wants_loop = always, .run_loop = run_loop};

static void *run_worker(void *argument)
{
    dr_worker_run(argument);
    return NULL;
}

static void prepare_worker(setting *self, dr_worker *worker)
{
    const uint32_t slot = add_worker(self);
    *worker = (dr_worker){.runtime = &looping,
                          .app = &self->app,
                          .region = &self->pool.region,
                          .slot = slot,
                          .reply_bytes_max = self->pool.limits.big_bytes,
                          .event_fds = self->event_fds,
                          .has_loop = true,
                          .loop_fd = dr_slot_loop_fd(&self->pool, slot),
                          .concurrency = self->pool.limits.concurrency};
    assert_true(worker->loop_fd >= 0);
}

static void start_worker(setting *self)
{
    dr_worker *worker = &self->workers[self->started];
    prepare_worker(self, worker);
    assert_int_equal(pthread_create(&self->threads[self->started], NULL, run_worker, worker), 0);
    self->started++;
}

typedef struct run {
    setting *at;
    uint32_t reactor;
    uint32_t total;
    tally told;
} run;

static void *drive(void *argument)
{
    run *self = argument;
    uint32_t sent = 0;
    const uint64_t end = dr_clock_ms() + 60000;
    while (self->told.count < self->total && dr_clock_ms() < end) {
        while (sent < self->total && sent - self->told.count < 60) {
            (void)submit(self->at, self->reactor, self->told.expected, &self->told.seen[sent++]);
        }
        if (dr_dispatch_collect(&self->at->pool, self->reactor, on_outcome, &self->told) == 0) {
            (void)dr_dispatch_tick(&self->at->pool, dr_clock_ns());
            sched_yield();
        }
    }
    return NULL;
}

/* exchange sends `total` tasks from each of two reactors; each comes back once. */
static void exchange(dora_slice value, uint32_t total)
{
    setting at;
    run runs[2];
    pthread_t threads[2];
    set_up(&at, WORKERS, CONCURRENCY, 0);
    for (int i = 0; i < WORKERS; i++) {
        start_worker(&at);
    }
    for (uint32_t r = 0; r < 2; r++) {
        runs[r] = (run){.at = &at, .reactor = r, .total = total};
        runs[r].told.expected = value;
        runs[r].told.seen = calloc(total, sizeof(uint32_t));
        assert_int_equal(pthread_create(&threads[r], NULL, drive, &runs[r]), 0);
    }
    for (uint32_t r = 0; r < 2; r++) {
        pthread_join(threads[r], NULL);
        assert_int_equal(runs[r].told.count, total);
        assert_int_equal(runs[r].told.wrong, 0);
        for (uint32_t i = 0; i < total; i++) {
            assert_int_equal(runs[r].told.seen[i], 1);
        }
        free(runs[r].told.seen);
    }
    assert_int_equal(at.pool.handed_count, 0);
    assert_int_equal(at.pool.busy_count, 0);
    assert_int_equal(at.pool.ahead_count, 0);
    tear_down(&at);
}

static void every_task_once_in_any_order(void **state)
{
    (void)state;
    exchange(text_slice("a:1:{i:0;s:5:\"hello\";}"), TOTAL);
}

static void large_replies_wait_for_their_area(void **state)
{
    (void)state;
    char *text = malloc(BIG + 20);
    assert_non_null(text);
    const int head = snprintf(text, BIG + 20, "s:%d:\"", BIG);
    memset(text + head, 'x', BIG);
    memcpy(text + head + BIG, "\";", 2);
    exchange((dora_slice){text, (size_t)head + BIG + 2}, 100);
    free(text);
}

/* ---- one worker's loop, step by step ---- */

static void a_loop_takes_what_it_has_room_for(void **state)
{
    (void)state;
    setting at;
    dr_worker worker;
    dora_task *tasks[2];
    tally told = {.expected = text_slice("N;")};
    set_up(&at, 1, 2, 0);
    prepare_worker(&at, &worker);
    assert_null(dora_worker_take(&worker));
    assert_true(dora_worker_sleep(&worker));
    struct pollfd watched = {.fd = worker.loop_fd, .events = POLLIN};
    assert_int_equal(poll(&watched, 1, 0), 0);
    for (int i = 0; i < 3; i++) {
        (void)submit_null(&at);
    }
    assert_int_equal(poll(&watched, 1, 0), 0); /* more may come in this turn */
    assert_int_equal(dr_dispatch_collect(&at.pool, 0, on_outcome, &told), 0);
    assert_int_equal(poll(&watched, 1, 0), 1); /* it slept, and was woken */
    dora_worker_wake(&worker);
    assert_int_equal(poll(&watched, 1, 0), 0);
    assert_false(dora_worker_sleep(&worker)); /* there is something to take */
    tasks[0] = dora_worker_take(&worker);
    tasks[1] = dora_worker_take(&worker);
    assert_non_null(tasks[0]);
    assert_non_null(tasks[1]);
    assert_null(dora_worker_take(&worker));
    assert_int_equal(dora_worker_running(&worker), 2);
    assert_true(dora_worker_sleep(&worker));
    assert_int_equal(at.pool.waiting_count, 1);
    (void)dora_write_null(dora_reply_writer(dora_task_reply(tasks[1])));
    dora_task_done(tasks[1], DORA_OK);
    assert_int_equal(dr_dispatch_collect(&at.pool, 0, on_outcome, &told), 1);
    assert_int_equal(told.wrong, 0);
    assert_int_equal(at.pool.waiting_count, 0);
    dora_worker_leave(&worker);
    assert_null(dora_worker_take(&worker)); /* though there is one */
    assert_true(dora_worker_sleep(&worker));
    dora_task_done(tasks[0], dora_reply_overran(dora_task_reply(tasks[0])));
    assert_int_equal(dr_dispatch_collect(&at.pool, 0, on_outcome, &told), 1);
    assert_int_equal(told.overran, 1);
    dr_loop_fini(&worker);
    tear_down(&at);
}

/* fill writes a reply that outgrows its block. */
static void fill(dora_task *task)
{
    static char text[5000];
    memset(text, 'y', sizeof(text));
    const dora_slice bytes = {text, sizeof(text)};
    (void)dora_write_string(dora_reply_writer(dora_task_reply(task)), bytes.data, bytes.len);
}

static void two_large_replies_may_be_written_side_by_side(void **state)
{
    (void)state;
    setting at;
    dr_worker worker;
    char expected[5010];
    tally told = {0};
    set_up(&at, 1, 4, 0);
    prepare_worker(&at, &worker);
    const int head = snprintf(expected, sizeof(expected), "s:5000:\"");
    memset(expected + head, 'y', 5000);
    memcpy(expected + head + 5000, "\";", 2);
    told.expected = (dora_slice){expected, (size_t)head + 5002};
    (void)submit_null(&at);
    (void)submit_null(&at);
    dora_task *first = dora_worker_take(&worker);
    dora_task *second = dora_worker_take(&worker);
    fill(first);
    fill(second);
    dora_task_done(second, DORA_OK); /* the area is the first one's */
    assert_int_equal(dora_worker_running(&worker), 2);
    dora_task_done(first, DORA_OK);
    assert_int_equal(dora_worker_running(&worker), 1);
    assert_true(dora_worker_sleep(&worker));
    assert_int_equal(dr_dispatch_collect(&at.pool, 0, on_outcome, &told), 1);
    struct pollfd watched = {.fd = worker.loop_fd, .events = POLLIN};
    assert_int_equal(poll(&watched, 1, 0), 1); /* the area is free: it was woken */
    assert_false(dora_worker_sleep(&worker));
    assert_null(dora_worker_take(&worker));
    assert_int_equal(dora_worker_running(&worker), 0);
    assert_int_equal(dr_dispatch_collect(&at.pool, 0, on_outcome, &told), 1);
    assert_int_equal(told.wrong, 0);
    dr_loop_fini(&worker);
    tear_down(&at);
}

static void an_error_gives_the_area_back(void **state)
{
    (void)state;
    setting at;
    dr_worker worker;
    tally told = {0};
    set_up(&at, 1, 4, 0);
    prepare_worker(&at, &worker);
    (void)submit_null(&at);
    dora_task *task = dora_worker_take(&worker);
    fill(task);
    assert_false(dr_worker_is_big_free(&worker));
    dora_task_done(task, dora_reply_fail(dora_task_reply(task), 7, "no", 2));
    assert_true(dr_worker_is_big_free(&worker));
    assert_int_equal(dr_dispatch_collect(&at.pool, 0, on_outcome, &told), 1);
    dr_loop_fini(&worker);
    tear_down(&at);
}

/* ---- the workers played by hand ---- */

static uint32_t start_running(setting *at, uint32_t slot)
{
    uint32_t generation;
    uint32_t task;
    assert_true(dr_inbox_pop(&at->pool.region, slot, &generation, &task));
    uint64_t word = dr_task_word(generation, DR_TASK_QUEUED, slot);
    assert_true(atomic_compare_exchange_strong(&at->pool.region.tasks[task].word, &word,
                                               dr_task_word(generation, DR_TASK_RUNNING, slot)));
    return task;
}

static void tasks_are_spread_and_wait_when_all_are_full(void **state)
{
    (void)state;
    setting at;
    set_up(&at, 2, 3, 0);
    const uint32_t one = add_worker(&at);
    const uint32_t two = add_worker(&at);
    for (uint32_t i = 1; i <= 6; i++) {
        (void)submit_null(&at);
        assert_int_equal(at.pool.slots[one].held, (i + 1) / 2);
        assert_int_equal(at.pool.slots[two].held, i / 2);
    }
    const uint32_t last = submit_null(&at);
    assert_int_equal(at.pool.waiting_count, 1);
    assert_int_equal(at.pool.ahead_count, 0);
    assert_int_equal(at.pool.busy_count, 2);
    assert_true(dr_dispatch_cancel(&at.pool, last));
    dr_dispatch_worker_retire(&at.pool, one); /* what it has not begun waits for the other */
    assert_int_equal(at.pool.slots[one].held, 0);
    assert_int_equal(at.pool.slots[two].held, 3);
    assert_int_equal(at.pool.waiting_count, 3);
    tear_down(&at);
}

static void only_what_does_not_run_fills_the_queue(void **state)
{
    (void)state;
    setting at;
    uint32_t task;
    const dr_task_input input = {
        .name = {"/t", 2}, .param = {"N;", 2}, .guid = "0123456789abcdef0123456789abcdef"};
    set_up(&at, 1, 4, 0);
    at.pool.limits.queue_tasks_max = 2;
    (void)add_worker(&at);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(dr_dispatch_reserve(&at.pool, &input, &task), 0);
        dr_dispatch_commit(&at.pool, &task, 1);
    }
    assert_int_equal(dr_dispatch_reserve(&at.pool, &input, &task), DORA_CODE_OVERLOADED);
    tear_down(&at);
}

static void a_death_answers_all_that_ran(void **state)
{
    (void)state;
    setting at;
    tally told = {0};
    set_up(&at, 1, 100, 0);
    const uint32_t slot = add_worker(&at);
    for (int i = 0; i < 100; i++) {
        (void)submit_null(&at);
    }
    for (int i = 0; i < 80; i++) { /* more than one batch */
        (void)start_running(&at, slot);
    }
    dr_dispatch_worker_died(&at.pool, slot);
    assert_int_equal(dr_dispatch_collect(&at.pool, 0, on_outcome, &told), 80);
    assert_int_equal(told.died, 80);
    assert_int_equal(at.pool.waiting_count, 20);
    assert_int_equal(dr_dispatch_collect(&at.pool, 1, on_outcome, &told), 0);
    assert_int_equal(at.pool.slots[slot].state, DR_SLOT_EMPTY);
    assert_int_equal(at.pool.slots[slot].held, 0);
    assert_int_equal(at.pool.busy_count, 0);
    assert_int_equal(at.pool.handed_count, 0);
    tear_down(&at);
}

static void a_blocked_loop_is_relieved_where_others_have_room(void **state)
{
    (void)state;
    setting at;
    set_up(&at, 2, 8, 0);
    const uint32_t blocked = add_worker(&at);
    for (int i = 0; i < 3; i++) {
        (void)submit_null(&at);
    }
    (void)start_running(&at, blocked);
    uint64_t now_ns = dr_clock_ns();
    for (int i = 0; i < 3; i++) { /* there is nobody else: they stay */
        now_ns += 10000000u;
        assert_int_equal(dr_dispatch_tick(&at.pool, now_ns), DR_TICK_AHEAD_MS);
        assert_int_equal(at.pool.slots[blocked].held, 3);
    }
    const uint32_t other = add_worker(&at);
    now_ns += 10000000u;
    (void)dr_dispatch_tick(&at.pool, now_ns);
    assert_int_equal(at.pool.slots[blocked].held, 1);
    assert_int_equal(at.pool.slots[other].held, 2);
    assert_int_equal(at.pool.waiting_count, 0);
    for (int i = 0; i < 2; i++) { /* nothing new is put behind */
        (void)submit_null(&at);
    }
    assert_int_equal(at.pool.slots[blocked].held, 1);
    assert_int_equal(at.pool.slots[other].held, 4);
    uint32_t stale[2]; /* it turns again, and finds entries that mean nothing now */
    assert_true(dr_inbox_pop(&at.pool.region, blocked, &stale[0], &stale[1]));
    assert_true(dr_inbox_pop(&at.pool.region, blocked, &stale[0], &stale[1]));
    for (int i = 0; i < 4; i++) {
        (void)start_running(&at, other);
    }
    now_ns += 10000000u;
    assert_int_equal(dr_dispatch_tick(&at.pool, now_ns), DR_TICK_MS);
    (void)submit_null(&at);
    assert_int_equal(at.pool.slots[blocked].held, 2);
    tear_down(&at);
}

static void waiting_tasks_do_not_make_a_worker_slow(void **state)
{
    (void)state;
    setting at;
    set_up(&at, 2, 8, 0);
    const uint32_t one = add_worker(&at);
    const uint32_t two = add_worker(&at);
    for (int i = 0; i < 4; i++) {
        (void)submit_null(&at);
    }
    (void)start_running(&at, one);
    (void)start_running(&at, one);
    (void)start_running(&at, two);
    (void)start_running(&at, two);
    uint64_t now_ns = dr_clock_ns();
    for (int i = 0; i < 5; i++) {
        now_ns += 1000000000u;
        (void)dr_dispatch_tick(&at.pool, now_ns);
    }
    (void)submit_null(&at);
    (void)submit_null(&at);
    assert_int_equal(at.pool.slots[one].held, 3);
    assert_int_equal(at.pool.slots[two].held, 3);
    tear_down(&at);
}

static void a_limit_kills_for_those_past_it(void **state)
{
    (void)state;
    setting at;
    tally told = {0};
    set_up(&at, 1, 8, 1000);
    const uint32_t slot = add_worker(&at);
    const pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    at.pool.slots[slot].pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    at.pool.slots[slot].has_loop = true;
    for (int i = 0; i < 3; i++) {
        (void)submit_null(&at);
        (void)start_running(&at, slot);
    }
    const uint32_t unstarted = submit_null(&at);
    const uint64_t now_ns = dr_clock_ns();
    at.pool.records[at.pool.slots[slot].tasks.first].handed_ns = now_ns - 1900000000u;
    (void)dr_dispatch_tick(&at.pool, now_ns); /* its loop may still end it */
    assert_false(at.pool.slots[slot].overran);
    at.pool.records[at.pool.slots[slot].tasks.first].handed_ns = now_ns - 2100000000u;
    (void)dr_dispatch_tick(&at.pool, now_ns + 5000000u);
    assert_true(at.pool.slots[slot].overran);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    dr_dispatch_worker_died(&at.pool, slot);
    (void)dr_dispatch_collect(&at.pool, 0, on_outcome, &told);
    assert_int_equal(told.count, 3);
    assert_int_equal(told.overran, 1);
    assert_int_equal(told.died, 2);
    assert_int_equal(at.pool.records[unstarted].state, DR_RECORD_WAITING);
    close(at.pool.slots[slot].pidfd);
    tear_down(&at);
}

static void rings_hold_what_a_worker_may_hold(void **state)
{
    (void)state;
    assert_int_equal(dr_ring_entries(1), 128);
    assert_int_equal(dr_ring_entries(64), 128);
    assert_int_equal(dr_ring_entries(65), 256);
    assert_int_equal(dr_ring_entries(DR_CONCURRENCY_MAX), 2 * DR_CONCURRENCY_MAX);
    setting at;
    set_up(&at, 1, 700, 0);
    const uint32_t slot = add_worker(&at);
    for (int i = 0; i < 1000; i++) {
        (void)submit_null(&at);
    }
    assert_int_equal(at.pool.slots[slot].held, 700);
    for (int i = 0; i < 700; i++) {
        (void)start_running(&at, slot);
    }
    tear_down(&at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_once_in_any_order),
        cmocka_unit_test(large_replies_wait_for_their_area),
        cmocka_unit_test(a_loop_takes_what_it_has_room_for),
        cmocka_unit_test(two_large_replies_may_be_written_side_by_side),
        cmocka_unit_test(an_error_gives_the_area_back),
        cmocka_unit_test(tasks_are_spread_and_wait_when_all_are_full),
        cmocka_unit_test(only_what_does_not_run_fills_the_queue),
        cmocka_unit_test(a_death_answers_all_that_ran),
        cmocka_unit_test(a_blocked_loop_is_relieved_where_others_have_room),
        cmocka_unit_test(waiting_tasks_do_not_make_a_worker_slow),
        cmocka_unit_test(a_limit_kills_for_those_past_it),
        cmocka_unit_test(rings_hold_what_a_worker_may_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
