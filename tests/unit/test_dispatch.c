/* test_dispatch.c: the hand-over, with the workers as threads of this process, so that sanitizers
 * see both sides. Every task gets exactly one outcome, whatever happens to its worker. */
#include "unit.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/deadline.h"
#include "ipc/inbox.h"
#include "submit.h"
#include "task/collect.h"
#include "task/watch.h"
#include "task/worker.h"

#define GUID "0123456789abcdef0123456789abcdef"

/* setting is a pool with its event descriptors and, where asked for, worker threads. */
typedef struct setting {
    dr_pool pool;
    int event_fds[2];
    dora_app app;
    dr_worker workers[8];
    pthread_t threads[8];
    uint32_t started;
    uint32_t attentions;
} setting;

static _Atomic uint64_t seen_deadline_ns; /* by the handler that ran last */

static dora_err echo(void *host, void *handler, const dora_request *request, dora_reply *reply)
{
    (void)host;
    (void)handler;
    atomic_store(&seen_deadline_ns, dr_deadline_get());
    return dora_write_raw(dora_reply_writer(reply), dora_request_param(request));
}

static const dora_runtime echo_runtime = {.name = "test", .version = "1", .invoke = echo};

static void on_attention(dr_pool *pool, void *user)
{
    (void)pool;
    ((setting *)user)->attentions++;
}

static void set_up(setting *self, const dr_pool_limits *limits)
{
    dora_error error = {0};
    memset(self, 0, sizeof(*self));
    for (uint32_t i = 0; i < 2; i++) {
        self->event_fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    }
    assert_int_equal(dr_pool_init(&self->pool, limits, self->event_fds, &error), DORA_OK);
    assert_int_equal(dr_pool_set_apis(&self->pool, 4), DORA_OK);
    self->pool.on_attention = on_attention;
    self->pool.user = self;
    self->app.has_fallback = true;
}

static uint32_t add_worker(setting *self)
{
    pthread_mutex_lock(&self->pool.lock);
    const uint32_t slot = dr_slot_reserve(&self->pool);
    pthread_mutex_unlock(&self->pool.lock);
    assert_true(slot != DR_NONE);
    return slot;
}

static void *run_worker(void *argument)
{
    dr_worker_run(argument);
    return NULL;
}

static void start_worker(setting *self)
{
    const uint32_t i = self->started++;
    self->workers[i] = (dr_worker){.runtime = &echo_runtime,
                                   .app = &self->app,
                                   .region = &self->pool.region,
                                   .slot = add_worker(self),
                                   .reply_bytes_max = self->pool.limits.big_bytes,
                                   .event_fds = self->event_fds};
    assert_int_equal(pthread_create(&self->threads[i], NULL, run_worker, &self->workers[i]), 0);
    dr_dispatch_worker_ready(&self->pool, self->workers[i].slot);
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

static dr_pool_limits small_limits(uint32_t workers, uint32_t queue)
{
    return (dr_pool_limits){.reactors = 2,
                            .workers = workers,
                            .queue_tasks_max = queue,
                            .slab_bytes = 8u << 20,
                            .big_bytes = 256u << 10};
}

static int64_t submit(setting *self, uint32_t reactor, dora_slice param, void *owner,
                      uint32_t *task)
{
    const dr_task_input input = {.name = {"/t", 2},
                                 .param = param,
                                 .guid = GUID,
                                 .api = 0,
                                 .reactor = reactor,
                                 .owner = owner};
    return submit_task(&self->pool, &input, task);
}

/* tally is what a reactor has been told. */
typedef struct tally {
    uint32_t count;
    uint32_t wrong;
    int64_t last_code;
    uint32_t *seen; /* one counter a task, where given */
    dora_slice expected;
} tally;

static bool on_outcome(const dr_outcome *outcome, void *user)
{
    tally *self = user;
    self->count++;
    self->last_code = outcome->code;
    if (self->expected.len > 0 &&
        (outcome->code != 0 || outcome->data.len != self->expected.len ||
         memcmp(outcome->data.data, self->expected.data, self->expected.len) != 0)) {
        self->wrong++;
    }
    if (self->seen != NULL) {
        self->seen[(uint32_t *)outcome->owner - self->seen]++;
    }
    return false;
}

/* run is one reactor's thread: it keeps tasks in flight until all have come back. */
typedef struct run {
    setting *at;
    uint32_t reactor;
    uint32_t total;
    uint32_t refused;
    tally told;
} run;

static void *drive(void *argument)
{
    run *self = argument;
    uint32_t sent = 0;
    const uint64_t end = dr_clock_ms() + 60000;
    while (self->told.count + self->refused < self->total && dr_clock_ms() < end) {
        while (sent < self->total && sent - self->told.count < 200) {
            uint32_t task;
            const int64_t code =
                submit(self->at, self->reactor, self->told.expected, &self->told.seen[sent], &task);
            self->refused += code != 0;
            sent++;
        }
        if (dr_dispatch_collect(&self->at->pool, self->reactor, on_outcome, &self->told) == 0) {
            (void)dr_dispatch_tick(&self->at->pool, dr_clock_ns());
            sched_yield();
        }
    }
    return NULL;
}

static void every_task_once(void **state)
{
    (void)state;
    enum { TOTAL = 20000 };
    setting at;
    const dr_pool_limits limits = small_limits(4, 1000);
    run runs[2];
    pthread_t threads[2];
    set_up(&at, &limits);
    for (int i = 0; i < 4; i++) {
        start_worker(&at);
    }
    for (uint32_t r = 0; r < 2; r++) {
        runs[r] = (run){.at = &at, .reactor = r, .total = TOTAL};
        runs[r].told.expected = text_slice("a:1:{i:0;s:5:\"hello\";}");
        runs[r].told.seen = calloc(TOTAL, sizeof(uint32_t));
        assert_int_equal(pthread_create(&threads[r], NULL, drive, &runs[r]), 0);
    }
    for (uint32_t r = 0; r < 2; r++) {
        pthread_join(threads[r], NULL);
        assert_int_equal(runs[r].told.count, TOTAL);
        assert_int_equal(runs[r].told.wrong, 0);
        assert_int_equal(runs[r].refused, 0);
        for (uint32_t i = 0; i < TOTAL; i++) {
            assert_int_equal(runs[r].told.seen[i], 1);
        }
        free(runs[r].told.seen);
    }
    assert_int_equal(at.pool.handed_count, 0);
    assert_int_equal(at.pool.busy_count, 0);
    assert_int_equal(at.pool.ahead_count, 0);
    tear_down(&at);
}

/* collect_until waits for `count` outcomes. */
static void collect_until(setting *at, tally *told, uint32_t count)
{
    const uint64_t end = dr_clock_ms() + 20000;
    while (told->count < count && dr_clock_ms() < end) {
        (void)dr_dispatch_collect(&at->pool, 0, on_outcome, told);
        (void)dr_dispatch_tick(&at->pool, dr_clock_ns());
    }
    assert_int_equal(told->count, count);
}

static void large_replies_go_through(void **state)
{
    (void)state;
    setting at;
    const dr_pool_limits limits = small_limits(2, 100);
    tally told = {0};
    uint32_t task;
    char *text = malloc(200020);
    assert_non_null(text);
    const int head = snprintf(text, 200020, "s:200000:\"");
    memset(text + head, 'x', 200000);
    memcpy(text + head + 200000, "\";", 2);
    told.expected = (dora_slice){text, (size_t)head + 200002};
    set_up(&at, &limits);
    start_worker(&at);
    start_worker(&at);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(submit(&at, 0, told.expected, NULL, &task), 0);
    }
    collect_until(&at, &told, 20);
    assert_int_equal(told.wrong, 0);
    tear_down(&at);
    free(text);
}

/* The tests below play the worker by hand. */

static void start_running(setting *at, uint32_t slot, uint32_t *task)
{
    uint32_t generation;
    assert_true(dr_inbox_pop(&at->pool.region, slot, &generation, task));
    uint64_t word = dr_task_word(generation, DR_TASK_QUEUED, slot);
    assert_true(atomic_compare_exchange_strong(&at->pool.region.tasks[*task].word, &word,
                                               dr_task_word(generation, DR_TASK_RUNNING, slot)));
}

static void a_death_answers_what_ran_and_moves_the_rest(void **state)
{
    (void)state;
    setting at;
    const dr_pool_limits limits = small_limits(2, 100);
    tally told = {0};
    tally other = {0};
    uint32_t tasks[3];
    uint32_t running;
    set_up(&at, &limits);
    at.pool.costs[0].run_ns = 1000; /* cheap: handed ahead */
    const uint32_t slot = add_worker(&at);
    dr_dispatch_worker_ready(&at.pool, slot);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(submit(&at, 0, text_slice("N;"), NULL, &tasks[i]), 0);
    }
    assert_int_equal(at.pool.slots[slot].held, 3);
    start_running(&at, slot, &running);
    dr_dispatch_worker_died(&at.pool, slot);
    assert_int_equal(dr_dispatch_collect(&at.pool, 0, on_outcome, &told), 1);
    assert_int_equal(told.last_code, DORA_CODE_WORKER_DIED);
    assert_int_equal(at.pool.waiting_count, 2);
    /* Only when every reactor has looked is the slot free again. */
    assert_int_equal(at.pool.slots[slot].state, DR_SLOT_DEAD);
    assert_int_equal(dr_dispatch_collect(&at.pool, 1, on_outcome, &other), 0);
    assert_int_equal(at.pool.slots[slot].state, DR_SLOT_EMPTY);
    start_worker(&at);
    collect_until(&at, &told, 3);
    assert_int_equal(told.last_code, 0);
    tear_down(&at);
}

static void a_reply_written_before_the_death_counts(void **state)
{
    (void)state;
    setting at;
    const dr_pool_limits limits = small_limits(1, 100);
    tally told = {0};
    uint32_t task;
    set_up(&at, &limits);
    const uint32_t slot = add_worker(&at);
    dr_dispatch_worker_ready(&at.pool, slot);
    assert_int_equal(submit(&at, 0, text_slice("N;"), NULL, &task), 0);
    start_running(&at, slot, &task);
    dr_shared_task *shared = &at.pool.region.tasks[task];
    memcpy(at.pool.region.slab + shared->offset + shared->name_len + shared->param_len, "i:7;", 4);
    shared->code = 0;
    shared->reply_at = DR_REPLY_IN_BLOCK;
    shared->msg_len = 0;
    shared->data_len = 4;
    shared->seal = dr_reply_seal(at.pool.records[task].generation, DR_REPLY_IN_BLOCK, 0, 4, 0);
    atomic_store(&shared->word, dr_task_word(at.pool.records[task].generation, DR_TASK_DONE, slot));
    dr_dispatch_worker_died(&at.pool, slot); /* before the outbox */
    told.expected = text_slice("i:7;");
    assert_int_equal(dr_dispatch_collect(&at.pool, 0, on_outcome, &told), 1);
    assert_int_equal(told.wrong, 0);
    tear_down(&at);
}

static void broken_entries_harm_nobody(void **state)
{
    (void)state;
    setting at;
    const dr_pool_limits limits = small_limits(2, 100);
    tally told = {0};
    uint32_t task;
    set_up(&at, &limits);
    const uint32_t slot = add_worker(&at);
    dr_dispatch_worker_ready(&at.pool, slot);
    assert_int_equal(submit(&at, 0, text_slice("N;"), NULL, &task), 0);
    start_running(&at, slot, &task);
    dr_outbox_push(&at.pool.region, slot, 0, UINT32_MAX);
    dr_outbox_push(&at.pool.region, slot, 0, task + 1);
    dr_outbox_push(&at.pool.region, slot, 0, task); /* not DONE */
    atomic_fetch_or(&at.pool.region.reactors[0].ready[0], UINT64_MAX);
    assert_int_equal(dr_dispatch_collect(&at.pool, 0, on_outcome, &told), 0);
    dr_shared_task *shared = &at.pool.region.tasks[task];
    shared->msg_len = UINT32_MAX;
    shared->data_len = UINT32_MAX;
    shared->code = 0;
    atomic_store(&shared->word, dr_task_word(at.pool.records[task].generation, DR_TASK_DONE, slot));
    dr_outbox_push(&at.pool.region, slot, 0, task);
    atomic_fetch_or(&at.pool.region.reactors[0].ready[0], 1);
    assert_int_equal(dr_dispatch_collect(&at.pool, 0, on_outcome, &told), 1);
    assert_int_equal(told.last_code, DORA_CODE_WORKER_DIED);
    tear_down(&at);
}

static void the_queue_is_bounded(void **state)
{
    (void)state;
    setting at;
    const dr_pool_limits limits = small_limits(1, 3);
    uint32_t task;
    set_up(&at, &limits);
    const uint32_t slot = add_worker(&at);
    dr_dispatch_worker_ready(&at.pool, slot);
    for (int i = 0; i < 4; i++) { /* one runs, three wait */
        assert_int_equal(submit(&at, 0, text_slice("N;"), NULL, &task), 0);
    }
    assert_int_equal(submit(&at, 0, text_slice("N;"), NULL, &task), DORA_CODE_OVERLOADED);
    assert_true(dr_dispatch_cancel(&at.pool, 3));
    assert_int_equal(submit(&at, 0, text_slice("N;"), NULL, &task), 0);
    tear_down(&at);
}

static void a_stalled_worker_is_relieved(void **state)
{
    (void)state;
    setting at;
    const dr_pool_limits limits = small_limits(2, 100);
    uint32_t tasks[3];
    uint32_t running;
    set_up(&at, &limits);
    at.pool.costs[0].run_ns = 1000;
    const uint32_t slow = add_worker(&at);
    dr_dispatch_worker_ready(&at.pool, slow);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(submit(&at, 0, text_slice("N;"), NULL, &tasks[i]), 0);
    }
    start_running(&at, slow, &running);
    const uint32_t idle = add_worker(&at);
    dr_dispatch_worker_ready(&at.pool, idle);
    assert_int_equal(at.pool.slots[idle].held, 0);
    const uint64_t later = dr_clock_ns() + DR_STALL_NS * 2;
    (void)dr_dispatch_tick(&at.pool, later);
    assert_int_equal(at.pool.slots[slow].held, 1);
    assert_int_equal(at.pool.slots[idle].held, 2);
    /* Nothing new is put behind the slow one. */
    uint32_t task;
    assert_int_equal(submit(&at, 0, text_slice("N;"), NULL, &task), 0);
    assert_int_equal(at.pool.slots[slow].held, 1);
    tear_down(&at);
}

static void cancelling_a_started_task_fails(void **state)
{
    (void)state;
    setting at;
    const dr_pool_limits limits = small_limits(1, 100);
    uint32_t first;
    uint32_t second;
    uint32_t running;
    set_up(&at, &limits);
    const uint32_t slot = add_worker(&at);
    dr_dispatch_worker_ready(&at.pool, slot);
    assert_int_equal(submit(&at, 0, text_slice("N;"), NULL, &first), 0);
    assert_int_equal(submit(&at, 0, text_slice("N;"), NULL, &second), 0);
    start_running(&at, slot, &running);
    assert_int_equal(running, first);
    assert_true(dr_dispatch_has_begun(&at.pool, first));
    assert_false(dr_dispatch_has_begun(&at.pool, second));
    assert_false(dr_dispatch_cancel(&at.pool, first));
    assert_true(dr_dispatch_cancel(&at.pool, second));
    tear_down(&at);
}

static void recycling_is_asked_for_once(void **state)
{
    (void)state;
    setting at;
    const dr_pool_limits limits = small_limits(2, 100);
    tally told = {0};
    uint32_t task;
    set_up(&at, &limits);
    start_worker(&at);
    const uint32_t slot = at.workers[0].slot;
    at.pool.slots[slot].recycle_at = 3;
    for (uint32_t i = 1; i <= 5; i++) {
        assert_int_equal(submit(&at, 0, text_slice("N;"), NULL, &task), 0);
        collect_until(&at, &told, i);
    }
    assert_int_equal(at.attentions, 1);
    assert_true(at.pool.slots[slot].wants_recycling);
    start_worker(&at);
    dr_dispatch_worker_retire(&at.pool, slot);
    assert_int_equal(at.pool.live_count, 1);
    pthread_join(at.threads[0], NULL); /* it left by itself */
    at.workers[0] = at.workers[1];
    at.threads[0] = at.threads[1];
    at.started = 1;
    tear_down(&at);
}

static void a_broken_inbox_stops_nobody_else(void **state)
{
    (void)state;
    setting at;
    const dr_pool_limits limits = small_limits(2, 100);
    uint32_t task;
    set_up(&at, &limits);
    const uint32_t good = add_worker(&at);
    dr_dispatch_worker_ready(&at.pool, good);
    const uint32_t broken = add_worker(&at);
    dr_dispatch_worker_ready(&at.pool, broken); /* the most recently idle: asked first */
    atomic_store(&at.pool.region.workers[broken].inbox_head, 12345);
    assert_int_equal(submit(&at, 0, text_slice("N;"), NULL, &task), 0);
    assert_int_equal(at.pool.slots[good].held, 1);
    assert_int_equal(at.pool.slots[broken].state, DR_SLOT_SUSPECT);
    tear_down(&at);
}

static void what_waits_past_its_deadline_is_not_run(void **state)
{
    (void)state;
    setting at;
    const dr_pool_limits limits = small_limits(1, 100);
    tally told = {0};
    uint32_t task;
    set_up(&at, &limits);
    const dr_task_input late = {
        .name = {"/t", 2}, .param = {"N;", 2}, .guid = GUID, .deadline_ns = 1};
    assert_int_equal(submit_task(&at.pool, &late, &task), 0); /* no worker yet: it waits */
    assert_int_equal(dr_dispatch_collect(&at.pool, 0, on_outcome, &told), 1);
    assert_int_equal(told.last_code, DORA_CODE_EXPIRED);
    start_worker(&at);
    assert_int_equal(submit_task(&at.pool, &late, &task), 0); /* handed over at once */
    collect_until(&at, &told, 2);
    assert_int_equal(told.last_code, DORA_CODE_EXPIRED);
    tear_down(&at);
}

/* Clients that a handler uses find there how long its caller waits. */
static void a_handler_has_its_callers_deadline(void **state)
{
    (void)state;
    setting at;
    const dr_pool_limits limits = small_limits(1, 100);
    tally told = {0};
    uint32_t task;
    set_up(&at, &limits);
    start_worker(&at);
    const dr_task_input timed = {.name = {"/t", 2},
                                 .param = {"N;", 2},
                                 .guid = GUID,
                                 .deadline_ns = dr_clock_ns() + 60000000000u};
    assert_int_equal(submit_task(&at.pool, &timed, &task), 0);
    collect_until(&at, &told, 1);
    assert_int_equal(atomic_load(&seen_deadline_ns), timed.deadline_ns);
    assert_int_equal(submit(&at, 0, text_slice("N;"), NULL, &task), 0);
    collect_until(&at, &told, 2);
    assert_int_equal(atomic_load(&seen_deadline_ns), 0);
    tear_down(&at);
}

static void an_unhealthy_pool_keeps_nobody_waiting(void **state)
{
    (void)state;
    setting at;
    const dr_pool_limits limits = small_limits(1, 100);
    tally told = {0};
    uint32_t task;
    set_up(&at, &limits);
    assert_int_equal(submit(&at, 0, text_slice("N;"), NULL, &task), 0);
    at.pool.unhealthy = true;
    assert_int_equal(dr_dispatch_collect(&at.pool, 0, on_outcome, &told), 1);
    assert_int_equal(told.last_code, DORA_CODE_OVERLOADED);
    assert_int_equal(submit(&at, 0, text_slice("N;"), NULL, &task), DORA_CODE_OVERLOADED);
    tear_down(&at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_once),
        cmocka_unit_test(large_replies_go_through),
        cmocka_unit_test(a_death_answers_what_ran_and_moves_the_rest),
        cmocka_unit_test(a_reply_written_before_the_death_counts),
        cmocka_unit_test(broken_entries_harm_nobody),
        cmocka_unit_test(the_queue_is_bounded),
        cmocka_unit_test(a_stalled_worker_is_relieved),
        cmocka_unit_test(cancelling_a_started_task_fails),
        cmocka_unit_test(recycling_is_asked_for_once),
        cmocka_unit_test(a_broken_inbox_stops_nobody_else),
        cmocka_unit_test(what_waits_past_its_deadline_is_not_run),
        cmocka_unit_test(a_handler_has_its_callers_deadline),
        cmocka_unit_test(an_unhealthy_pool_keeps_nobody_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
