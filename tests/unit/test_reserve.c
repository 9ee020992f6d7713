/* test_reserve.c: tasks that are admitted first and handed over later: all of them, or none. */
#include "ipc/inbox.h"
#include "task/collect.h"
#include "task/dispatch.h"
#include "task/watch.h"
#include "task/worker.h"
#include "unit_pool.h"

#define CONNECTION 7u

/* ask answers with the protocol and the connection of its request. */
static dora_err ask(void *host, void *handler, const dora_request *request, dora_reply *reply)
{
    (void)host;
    (void)handler;
    char text[64];
    const int len = snprintf(text, sizeof(text), "%s %u", dora_request_protocol(request),
                             dora_request_connection(request));
    return dora_write_string(dora_reply_writer(reply), text, (size_t)len);
}

static const dora_runtime asking = {.name = "test", .version = "1", .invoke = ask};

typedef struct setting {
    dr_pool pool;
    int event_fd;
    dora_app app;
    dr_worker worker;
    unit_threads thread;
    const char *why; /* the last one was refused */
} setting;

static void set_up(setting *self, uint32_t queue_tasks_max)
{
    const dr_pool_limits limits = {.reactors = 1,
                                   .workers = 1,
                                   .queue_tasks_max = queue_tasks_max,
                                   .slab_bytes = 1u << 20,
                                   .big_bytes = 64u << 10};
    unit_pool_begin(&self->pool, &self->event_fd, &limits);
    self->app.has_fallback = true;
    self->worker = (dr_worker){.runtime = &asking,
                               .app = &self->app,
                               .region = &self->pool.region,
                               .slot = unit_pool_reserve(&self->pool),
                               .reply_bytes_max = limits.big_bytes,
                               .event_fds = &self->event_fd};
    dr_dispatch_worker_ready(&self->pool, self->worker.slot);
}

static void tear_down(setting *self)
{
    if (self->thread.count > 0) {
        dr_slot_stop(&self->pool, self->worker.slot);
        (void)unit_threads_join(&self->thread);
    }
    unit_pool_end(&self->pool, &self->event_fd);
}
UNIT_SCENE(setting, tear_down)

static int64_t reserve_as(setting *self, dora_priority priority, uint32_t *task)
{
    const dr_task_input input = {.name = {"/t", 2},
                                 .param = {"N;", 2},
                                 .guid = UNIT_GUID,
                                 .owner = self,
                                 .connection = CONNECTION,
                                 .protocol = DR_PROTOCOL_HTTP,
                                 .priority = priority};
    return dr_dispatch_reserve(&self->pool, &input, task, &self->why);
}

static int64_t reserve(setting *self, uint32_t *task)
{
    return reserve_as(self, DORA_PRIORITY_DEFAULT, task);
}

/* A reserved place counts, and no worker sees the task before it is committed. */
static void reserved_tasks_wait_for_their_commit(void **state)
{
    setting *at = *state;
    set_up(at, 3);
    const uint32_t slot = at->worker.slot;
    uint32_t tasks[4];
    uint32_t none;
    /* One for the idle worker, three in the queue. */
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(reserve(at, &tasks[i]), 0);
    }
    assert_int_equal(reserve(at, &none), DORA_CODE_OVERLOADED);
    assert_int_equal(at->pool.refused, 1);
    assert_true(dr_inbox_is_empty(&at->pool.region, slot));
    dr_dispatch_unreserve(&at->pool, &tasks[3], 1);
    assert_int_equal(reserve(at, &tasks[3]), 0);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(reserve(at, &none), DORA_CODE_OVERLOADED);
        dr_dispatch_commit(&at->pool, &tasks[i], 1);
    }
    assert_false(dr_inbox_is_empty(&at->pool.region, slot));
    assert_int_equal(at->pool.reserved_count, 0);
    assert_int_equal(at->pool.handed_count, 1);
    assert_int_equal(at->pool.queue.count, 3);
    assert_int_equal(reserve(at, &none), DORA_CODE_OVERLOADED);
}

/* A flood of low calls fills half of the queue; what is not said is normal. */
static void low_calls_leave_room_for_others(void **state)
{
    setting *at = *state;
    set_up(at, 5);
    uint32_t task;
    /* One for the idle worker, three of five in the queue. */
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(reserve_as(at, DORA_PRIORITY_LOW, &task), 0);
        assert_int_equal(at->pool.records[task].priority, DORA_PRIORITY_LOW);
    }
    assert_int_equal(reserve_as(at, DORA_PRIORITY_LOW, &task), DORA_CODE_OVERLOADED);
    assert_int_equal(reserve_as(at, DORA_PRIORITY_HIGH, &task), 0);
    assert_int_equal(reserve(at, &task), 0);
    assert_int_equal(at->pool.records[task].priority, DORA_PRIORITY_NORMAL);
    assert_int_equal(reserve_as(at, DORA_PRIORITY_HIGH, &task), DORA_CODE_OVERLOADED);
    assert_int_equal(reserve(at, &task), DORA_CODE_OVERLOADED);
}

/* The reason is that of the moment in which there was no room. */
static void a_refusal_says_why(void **state)
{
    setting *at = *state;
    uint32_t task;
    set_up(at, 1);
    (void)snprintf(at->pool.full, sizeof(at->pool.full), "the queue is full");
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(reserve(at, &task), 0);
        dr_dispatch_commit(&at->pool, &task, 1);
        assert_null(at->why);
    }
    assert_int_equal(reserve(at, &task), DORA_CODE_OVERLOADED);
    assert_string_equal(at->why, "the queue is full");
    dr_dispatch_worker_died(&at->pool, at->worker.slot);
    at->pool.unhealthy = true;
    assert_int_equal(reserve(at, &task), DORA_CODE_OVERLOADED);
    assert_string_equal(at->why, "no worker of the pool starts (the server's log says why)");
    assert_int_equal(at->pool.refused, 2);
}

/* tally is what the reactor has been told. */
typedef struct tally {
    uint32_t count;
    uint32_t wrong;
} tally;

static bool on_outcome(const dr_outcome *outcome, void *user)
{
    static const char expected[] = "s:6:\"http 7\";";
    tally *seen = user;
    seen->count++;
    seen->wrong += outcome->code != 0 || outcome->data.len != sizeof(expected) - 1 ||
                   memcmp(outcome->data.data, expected, outcome->data.len) != 0;
    return false;
}

/* What was committed has one outcome each; what was not has none, and leaves nothing. */
static void reserved_tasks_run_or_leave_no_trace(void **state)
{
    setting *at = *state;
    set_up(at, 64);
    unit_threads_start(&at->thread, 1, unit_run_worker, &at->worker);
    tally seen = {0};
    for (uint32_t round = 0; round < 500; round++) {
        uint32_t tasks[8];
        for (uint32_t i = 0; i < 8; i++) {
            assert_int_equal(reserve(at, &tasks[i]), 0);
        }
        if (round % 2 == 0) {
            dr_dispatch_commit(&at->pool, tasks, 5);
            dr_dispatch_commit(&at->pool, tasks + 5, 3);
        } else {
            dr_dispatch_unreserve(&at->pool, tasks, 7);
            dr_dispatch_unreserve(&at->pool, tasks + 7, 1);
        }
        while (seen.count < (round / 2 + 1) * 8) {
            (void)dr_dispatch_collect(&at->pool, 0, on_outcome, &seen);
        }
    }
    assert_int_equal(seen.count, 250 * 8);
    assert_int_equal(seen.wrong, 0);
    assert_int_equal(at->pool.reserved_count, 0);
    assert_int_equal(at->pool.refused, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(setting, reserved_tasks_wait_for_their_commit),
        unit_in(setting, low_calls_leave_room_for_others),
        unit_in(setting, a_refusal_says_why),
        unit_in(setting, reserved_tasks_run_or_leave_no_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
