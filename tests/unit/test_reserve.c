/* test_reserve.c: tasks that are admitted first and handed over later: all of them, or none. */
#include "unit.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "ipc/inbox.h"
#include "task/collect.h"
#include "task/dispatch.h"
#include "task/watch.h"
#include "task/worker.h"

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
    pthread_t thread;
} setting;

static void set_up(setting *self, uint32_t queue_tasks_max)
{
    dora_error error = {0};
    const dr_pool_limits limits = {.reactors = 1,
                                   .workers = 1,
                                   .queue_tasks_max = queue_tasks_max,
                                   .slab_bytes = 1u << 20,
                                   .big_bytes = 64u << 10};
    memset(self, 0, sizeof(*self));
    self->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    assert_int_equal(dr_pool_init(&self->pool, &limits, &self->event_fd, &error), DORA_OK);
    self->app.has_fallback = true;
    pthread_mutex_lock(&self->pool.lock);
    self->worker = (dr_worker){.runtime = &asking,
                               .app = &self->app,
                               .region = &self->pool.region,
                               .slot = dr_slot_reserve(&self->pool),
                               .reply_bytes_max = limits.big_bytes,
                               .event_fds = &self->event_fd};
    pthread_mutex_unlock(&self->pool.lock);
    dr_dispatch_worker_ready(&self->pool, self->worker.slot);
}

static void tear_down(setting *self)
{
    dr_pool_fini(&self->pool);
    close(self->event_fd);
}

static int64_t reserve(setting *self, uint32_t *task)
{
    const dr_task_input input = {.name = {"/t", 2},
                                 .param = {"N;", 2},
                                 .guid = "0123456789abcdef0123456789abcdef",
                                 .owner = self,
                                 .connection = CONNECTION,
                                 .protocol = DR_PROTOCOL_HTTP};
    return dr_dispatch_reserve(&self->pool, &input, task);
}

/* A reserved place counts, and no worker sees the task before it is committed. */
static void reserved_tasks_wait_for_their_commit(void **state)
{
    (void)state;
    setting self;
    set_up(&self, 3);
    const uint32_t slot = self.worker.slot;
    uint32_t tasks[4];
    uint32_t none;
    /* One for the idle worker, three in the queue. */
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(reserve(&self, &tasks[i]), 0);
    }
    assert_int_equal(reserve(&self, &none), DORA_CODE_OVERLOADED);
    assert_int_equal(self.pool.refused, 1);
    assert_true(dr_inbox_is_empty(&self.pool.region, slot));
    dr_dispatch_unreserve(&self.pool, &tasks[3], 1);
    assert_int_equal(reserve(&self, &tasks[3]), 0);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(reserve(&self, &none), DORA_CODE_OVERLOADED);
        dr_dispatch_commit(&self.pool, &tasks[i], 1);
    }
    assert_false(dr_inbox_is_empty(&self.pool.region, slot));
    assert_int_equal(self.pool.reserved_count, 0);
    assert_int_equal(self.pool.handed_count, 1);
    assert_int_equal(self.pool.waiting_count, 3);
    assert_int_equal(reserve(&self, &none), DORA_CODE_OVERLOADED);
    tear_down(&self);
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

static void *run_worker(void *argument)
{
    dr_worker_run(argument);
    return NULL;
}

/* What was committed has one outcome each; what was not has none, and leaves nothing. */
static void reserved_tasks_run_or_leave_no_trace(void **state)
{
    (void)state;
    setting self;
    set_up(&self, 64);
    assert_int_equal(pthread_create(&self.thread, NULL, run_worker, &self.worker), 0);
    tally seen = {0};
    for (uint32_t round = 0; round < 500; round++) {
        uint32_t tasks[8];
        for (uint32_t i = 0; i < 8; i++) {
            assert_int_equal(reserve(&self, &tasks[i]), 0);
        }
        if (round % 2 == 0) {
            dr_dispatch_commit(&self.pool, tasks, 5);
            dr_dispatch_commit(&self.pool, tasks + 5, 3);
        } else {
            dr_dispatch_unreserve(&self.pool, tasks, 7);
            dr_dispatch_unreserve(&self.pool, tasks + 7, 1);
        }
        while (seen.count < (round / 2 + 1) * 8) {
            (void)dr_dispatch_collect(&self.pool, 0, on_outcome, &seen);
        }
    }
    assert_int_equal(seen.count, 250 * 8);
    assert_int_equal(seen.wrong, 0);
    assert_int_equal(self.pool.reserved_count, 0);
    assert_int_equal(self.pool.refused, 0);
    dr_slot_stop(&self.pool, self.worker.slot);
    pthread_join(self.thread, NULL);
    tear_down(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reserved_tasks_wait_for_their_commit),
        cmocka_unit_test(reserved_tasks_run_or_leave_no_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
