/* test_spread.c: workers that run several tasks at a time, and their loop, as a thread. */
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "ipc/inbox.h"
#include "task/collect.h"
#include "task/loop.h"
#include "task/watch.h"
#include "unit_pool.h"

enum { WORKERS = 3, CONCURRENCY = 8, TOTAL = 20000, BIG = 200000 };

typedef struct setting {
    dr_pool pool;
    int event_fds[2];
    dora_app app;
    dr_worker workers[WORKERS];
    unit_threads threads; /* of the workers */
    unit_threads reactors;
    pid_t pid; /* of a worker that is a process */
    int pidfd;
    dr_worker worker; /* that is run step by step */
} setting;

static void set_up(setting *self, uint32_t workers, uint32_t concurrency, uint32_t time_limit_ms)
{
    const dr_pool_limits limits = {.reactors = 2,
                                   .workers = workers,
                                   .concurrency = concurrency,
                                   .queue_tasks_max = 1000,
                                   .slab_bytes = 64u << 20,
                                   .big_bytes = 256u << 10,
                                   .time_limit_ms = time_limit_ms};
    unit_pool_begin(&self->pool, self->event_fds, &limits);
    self->app.has_fallback = true;
}

static void tear_down(setting *self)
{
    (void)unit_threads_join(&self->reactors);
    for (size_t i = 0; i < self->threads.count; i++) {
        dr_slot_stop(&self->pool, self->workers[i].slot);
    }
    (void)unit_threads_join(&self->threads);
    for (size_t i = 0; i < WORKERS; i++) {
        unit_close(&self->workers[i].loop_fd);
    }
    if (self->worker.region != NULL) {
        dr_loop_fini(&self->worker);
    }
    unit_close(&self->worker.loop_fd);
    if (self->pid > 0) {
        (void)kill(self->pid, SIGKILL);
        (void)unit_wait(self->pid);
    }
    unit_close(&self->pidfd);
    unit_pool_end(&self->pool, self->event_fds);
}
UNIT_SCENE(setting, tear_down)

static uint32_t submit(setting *self, uint32_t reactor, dora_slice param, void *owner)
{
    const dr_task_input input = {
        .name = {"/t", 2}, .param = param, .guid = UNIT_GUID, .reactor = reactor, .owner = owner};
    return unit_pool_submit(&self->pool, &input);
}

static uint32_t submit_null(setting *self)
{
    return submit(self, 0, text_slice("N;"), NULL);
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

static void prepare_worker(setting *self, dr_worker *worker)
{
    const uint32_t slot = unit_pool_worker(&self->pool);
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
    dr_worker *worker = &self->workers[self->threads.count];
    prepare_worker(self, worker);
    unit_threads_start(&self->threads, 1, unit_run_worker, worker);
}

static void exchange(setting *at, dora_slice value, uint32_t total)
{
    set_up(at, WORKERS, CONCURRENCY, 0);
    for (int i = 0; i < WORKERS; i++) {
        start_worker(at);
    }
    unit_pool_exchange(&at->pool, &at->reactors, value, total);
}

static void every_task_once_in_any_order(void **state)
{
    setting *at = *state;
    exchange(at, text_slice("a:1:{i:0;s:5:\"hello\";}"), TOTAL);
}

static void large_replies_wait_for_their_area(void **state)
{
    setting *at = *state;
    char *text = malloc(BIG + 20);
    assert_non_null(text);
    const int head = snprintf(text, BIG + 20, "s:%d:\"", BIG);
    memset(text + head, 'x', BIG);
    memcpy(text + head + BIG, "\";", 2);
    exchange(at, (dora_slice){text, (size_t)head + BIG + 2}, 100);
    free(text);
}

/* ---- one worker's loop, step by step ---- */

static void a_loop_takes_what_it_has_room_for(void **state)
{
    setting *at = *state;
    dora_task *tasks[2];
    unit_tally told = {.expected = text_slice("N;")};
    set_up(at, 1, 2, 0);
    prepare_worker(at, &at->worker);
    assert_null(dora_worker_take(&at->worker));
    assert_true(dora_worker_sleep(&at->worker));
    struct pollfd watched = {.fd = at->worker.loop_fd, .events = POLLIN};
    assert_int_equal(poll(&watched, 1, 0), 0);
    for (int i = 0; i < 3; i++) {
        (void)submit_null(at);
    }
    assert_int_equal(poll(&watched, 1, 0), 0); /* more may come in this turn */
    assert_int_equal(dr_dispatch_collect(&at->pool, 0, unit_count, &told), 0);
    assert_int_equal(poll(&watched, 1, 0), 1); /* it slept, and was woken */
    dora_worker_wake(&at->worker);
    assert_int_equal(poll(&watched, 1, 0), 0);
    assert_false(dora_worker_sleep(&at->worker)); /* there is something to take */
    tasks[0] = dora_worker_take(&at->worker);
    tasks[1] = dora_worker_take(&at->worker);
    assert_non_null(tasks[0]);
    assert_non_null(tasks[1]);
    assert_null(dora_worker_take(&at->worker));
    assert_int_equal(dora_worker_running(&at->worker), 2);
    assert_true(dora_worker_sleep(&at->worker));
    assert_int_equal(at->pool.queue.count, 1);
    (void)dora_write_null(dora_reply_writer(dora_task_reply(tasks[1])));
    dora_task_done(tasks[1], DORA_OK);
    assert_int_equal(dr_dispatch_collect(&at->pool, 0, unit_count, &told), 1);
    assert_int_equal(told.wrong, 0);
    assert_int_equal(at->pool.queue.count, 0);
    dora_worker_leave(&at->worker);
    assert_null(dora_worker_take(&at->worker)); /* though there is one */
    assert_true(dora_worker_sleep(&at->worker));
    dora_task_done(tasks[0], dora_reply_overran(dora_task_reply(tasks[0])));
    assert_int_equal(dr_dispatch_collect(&at->pool, 0, unit_count, &told), 1);
    assert_int_equal(told.killed_for_limit, 1);
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
    setting *at = *state;
    char expected[5010];
    unit_tally told = {0};
    set_up(at, 1, 4, 0);
    prepare_worker(at, &at->worker);
    const int head = snprintf(expected, sizeof(expected), "s:5000:\"");
    memset(expected + head, 'y', 5000);
    memcpy(expected + head + 5000, "\";", 2);
    told.expected = (dora_slice){expected, (size_t)head + 5002};
    (void)submit_null(at);
    (void)submit_null(at);
    dora_task *first = dora_worker_take(&at->worker);
    dora_task *second = dora_worker_take(&at->worker);
    fill(first);
    fill(second);
    dora_task_done(second, DORA_OK); /* the area is the first one's */
    assert_int_equal(dora_worker_running(&at->worker), 2);
    dora_task_done(first, DORA_OK);
    assert_int_equal(dora_worker_running(&at->worker), 1);
    assert_true(dora_worker_sleep(&at->worker));
    assert_int_equal(dr_dispatch_collect(&at->pool, 0, unit_count, &told), 1);
    struct pollfd watched = {.fd = at->worker.loop_fd, .events = POLLIN};
    assert_int_equal(poll(&watched, 1, 0), 1); /* the area is free: it was woken */
    assert_false(dora_worker_sleep(&at->worker));
    assert_null(dora_worker_take(&at->worker));
    assert_int_equal(dora_worker_running(&at->worker), 0);
    assert_int_equal(dr_dispatch_collect(&at->pool, 0, unit_count, &told), 1);
    assert_int_equal(told.wrong, 0);
}

static void an_error_gives_the_area_back(void **state)
{
    setting *at = *state;
    unit_tally told = {0};
    set_up(at, 1, 4, 0);
    prepare_worker(at, &at->worker);
    (void)submit_null(at);
    dora_task *task = dora_worker_take(&at->worker);
    fill(task);
    assert_false(dr_worker_is_big_free(&at->worker));
    dora_task_done(task, dora_reply_fail(dora_task_reply(task), 7, "no", 2));
    assert_true(dr_worker_is_big_free(&at->worker));
    assert_int_equal(dr_dispatch_collect(&at->pool, 0, unit_count, &told), 1);
}

/* ---- the workers played by hand ---- */

static void tasks_are_spread_and_wait_when_all_are_full(void **state)
{
    setting *at = *state;
    set_up(at, 2, 3, 0);
    const uint32_t one = unit_pool_worker(&at->pool);
    const uint32_t two = unit_pool_worker(&at->pool);
    for (uint32_t i = 1; i <= 6; i++) {
        (void)submit_null(at);
        assert_int_equal(at->pool.slots[one].held, (i + 1) / 2);
        assert_int_equal(at->pool.slots[two].held, i / 2);
    }
    const uint32_t last = submit_null(at);
    assert_int_equal(at->pool.queue.count, 1);
    assert_int_equal(at->pool.ahead_count, 0);
    assert_int_equal(at->pool.busy_count, 2);
    assert_true(dr_dispatch_cancel(&at->pool, last));
    dr_dispatch_worker_retire(&at->pool, one); /* what it has not begun waits for the other */
    assert_int_equal(at->pool.slots[one].held, 0);
    assert_int_equal(at->pool.slots[two].held, 3);
    assert_int_equal(at->pool.queue.count, 3);
}

static void only_what_does_not_run_fills_the_queue(void **state)
{
    setting *at = *state;
    uint32_t task;
    const char *why;
    const dr_task_input input = {.name = {"/t", 2}, .param = {"N;", 2}, .guid = UNIT_GUID};
    set_up(at, 1, 4, 0);
    at->pool.limits.queue_tasks_max = 2;
    (void)unit_pool_worker(&at->pool);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(dr_dispatch_reserve(&at->pool, &input, &task, &why), 0);
        dr_dispatch_commit(&at->pool, &task, 1);
    }
    assert_int_equal(dr_dispatch_reserve(&at->pool, &input, &task, &why), DORA_CODE_OVERLOADED);
}

static void a_death_answers_all_that_ran(void **state)
{
    setting *at = *state;
    unit_tally told = {0};
    set_up(at, 1, 100, 0);
    const uint32_t slot = unit_pool_worker(&at->pool);
    for (int i = 0; i < 100; i++) {
        (void)submit_null(at);
    }
    for (int i = 0; i < 80; i++) { /* more than one batch */
        (void)unit_pool_start(&at->pool, slot);
    }
    dr_dispatch_worker_died(&at->pool, slot);
    assert_int_equal(dr_dispatch_collect(&at->pool, 0, unit_count, &told), 80);
    assert_int_equal(told.died, 80);
    assert_int_equal(at->pool.queue.count, 20);
    assert_int_equal(dr_dispatch_collect(&at->pool, 1, unit_count, &told), 0);
    assert_int_equal(at->pool.slots[slot].state, DR_SLOT_EMPTY);
    assert_int_equal(at->pool.slots[slot].held, 0);
    assert_int_equal(at->pool.busy_count, 0);
    assert_int_equal(at->pool.handed_count, 0);
}

static void a_blocked_loop_is_relieved_where_others_have_room(void **state)
{
    setting *at = *state;
    set_up(at, 2, 8, 0);
    const uint32_t blocked = unit_pool_worker(&at->pool);
    for (int i = 0; i < 3; i++) {
        (void)submit_null(at);
    }
    (void)unit_pool_start(&at->pool, blocked);
    uint64_t now_ns = dr_clock_ns();
    for (int i = 0; i < 3; i++) { /* there is nobody else: they stay */
        now_ns += 10000000u;
        assert_int_equal(dr_dispatch_tick(&at->pool, now_ns), DR_TICK_AHEAD_MS);
        assert_int_equal(at->pool.slots[blocked].held, 3);
    }
    const uint32_t other = unit_pool_worker(&at->pool);
    now_ns += 10000000u;
    (void)dr_dispatch_tick(&at->pool, now_ns);
    assert_int_equal(at->pool.slots[blocked].held, 1);
    assert_int_equal(at->pool.slots[other].held, 2);
    assert_int_equal(at->pool.queue.count, 0);
    for (int i = 0; i < 2; i++) { /* nothing new is put behind */
        (void)submit_null(at);
    }
    assert_int_equal(at->pool.slots[blocked].held, 1);
    assert_int_equal(at->pool.slots[other].held, 4);
    uint32_t stale[2]; /* it turns again, and finds entries that mean nothing now */
    assert_true(dr_inbox_pop(&at->pool.region, blocked, &stale[0], &stale[1]));
    assert_true(dr_inbox_pop(&at->pool.region, blocked, &stale[0], &stale[1]));
    for (int i = 0; i < 4; i++) {
        (void)unit_pool_start(&at->pool, other);
    }
    now_ns += 10000000u;
    assert_int_equal(dr_dispatch_tick(&at->pool, now_ns), DR_TICK_MS);
    (void)submit_null(at);
    assert_int_equal(at->pool.slots[blocked].held, 2);
}

static void waiting_tasks_do_not_make_a_worker_slow(void **state)
{
    setting *at = *state;
    set_up(at, 2, 8, 0);
    const uint32_t one = unit_pool_worker(&at->pool);
    const uint32_t two = unit_pool_worker(&at->pool);
    for (int i = 0; i < 4; i++) {
        (void)submit_null(at);
    }
    (void)unit_pool_start(&at->pool, one);
    (void)unit_pool_start(&at->pool, one);
    (void)unit_pool_start(&at->pool, two);
    (void)unit_pool_start(&at->pool, two);
    uint64_t now_ns = dr_clock_ns();
    for (int i = 0; i < 5; i++) {
        now_ns += 1000000000u;
        (void)dr_dispatch_tick(&at->pool, now_ns);
    }
    (void)submit_null(at);
    (void)submit_null(at);
    assert_int_equal(at->pool.slots[one].held, 3);
    assert_int_equal(at->pool.slots[two].held, 3);
}

static void a_limit_kills_for_those_past_it(void **state)
{
    setting *at = *state;
    unit_tally told = {0};
    set_up(at, 1, 8, 1000);
    const uint32_t slot = unit_pool_worker(&at->pool);
    at->pid = fork();
    if (at->pid == 0) {
        pause();
        _exit(0);
    }
    at->pidfd = (int)syscall(SYS_pidfd_open, at->pid, 0);
    at->pool.slots[slot].pidfd = at->pidfd;
    at->pool.slots[slot].has_loop = true;
    for (int i = 0; i < 3; i++) {
        (void)submit_null(at);
        (void)unit_pool_start(&at->pool, slot);
    }
    const uint32_t unstarted = submit_null(at);
    const uint64_t now_ns = dr_clock_ns();
    at->pool.records[at->pool.slots[slot].tasks.first].handed_ns = now_ns - 1900000000u;
    for (uint32_t task = at->pool.records[at->pool.slots[slot].tasks.first].next; task != DR_NONE;
         task = at->pool.records[task].next) {
        at->pool.records[task].own_limit_ms = 60000;
    }
    (void)dr_dispatch_tick(&at->pool, now_ns); /* its loop may still end it */
    (void)dr_dispatch_tick(&at->pool, now_ns + (DR_LOOP_GRACE_MS - 1) * UINT64_C(1000000));
    assert_false(at->pool.slots[slot].killed_for_limit);
    (void)dr_dispatch_tick(&at->pool, now_ns + (DR_LOOP_GRACE_MS + 1) * UINT64_C(1000000));
    assert_true(at->pool.slots[slot].killed_for_limit);
    const int status = unit_wait(at->pid);
    at->pid = 0;
    assert_true(WIFSIGNALED(status));
    dr_dispatch_worker_died(&at->pool, slot);
    (void)dr_dispatch_collect(&at->pool, 0, unit_count, &told);
    assert_int_equal(told.count, 3);
    assert_int_equal(told.killed_for_limit, 1);
    assert_int_equal(told.died, 2);
    assert_int_equal(at->pool.records[unstarted].state, DR_RECORD_WAITING);
}

static void rings_hold_what_a_worker_may_hold(void **state)
{
    setting *at = *state;
    assert_int_equal(dr_ring_entries(1), 128);
    assert_int_equal(dr_ring_entries(64), 128);
    assert_int_equal(dr_ring_entries(65), 256);
    assert_int_equal(dr_ring_entries(DR_CONCURRENCY_MAX), 2 * DR_CONCURRENCY_MAX);
    set_up(at, 1, 700, 0);
    const uint32_t slot = unit_pool_worker(&at->pool);
    for (int i = 0; i < 1000; i++) {
        (void)submit_null(at);
    }
    assert_int_equal(at->pool.slots[slot].held, 700);
    for (int i = 0; i < 700; i++) {
        (void)unit_pool_start(&at->pool, slot);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(setting, every_task_once_in_any_order),
        unit_in(setting, large_replies_wait_for_their_area),
        unit_in(setting, a_loop_takes_what_it_has_room_for),
        unit_in(setting, two_large_replies_may_be_written_side_by_side),
        unit_in(setting, an_error_gives_the_area_back),
        unit_in(setting, tasks_are_spread_and_wait_when_all_are_full),
        unit_in(setting, only_what_does_not_run_fills_the_queue),
        unit_in(setting, a_death_answers_all_that_ran),
        unit_in(setting, a_blocked_loop_is_relieved_where_others_have_room),
        unit_in(setting, waiting_tasks_do_not_make_a_worker_slow),
        unit_in(setting, a_limit_kills_for_those_past_it),
        unit_in(setting, rings_hold_what_a_worker_may_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
