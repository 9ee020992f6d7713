/* test_inbox.c: a look ahead takes nothing out of a ring, goes nowhere by a spoiled entry, and may
 * find a task that was taken back. */
#include "ipc/inbox.h"

#include <sched.h>

#include "task/worker.h"
#include "unit_pool.h"

typedef struct setting {
    dr_pool pool;
    int event_fd;
    dora_app app;
    dora_runtime runtime;
    dr_worker worker;
    unit_threads thread;
    atomic_bool has_begun; /* the handler, */
    atomic_bool may_end;   /*   which waits for that */
} setting;

/* wait_for_end says nothing else to the test's thread, nor hears of it: what both touch meanwhile
 * has to stand by itself under the thread sanitizer. */
static dora_err wait_for_end(void *host, void *handler, const dora_request *request,
                             dora_reply *reply)
{
    (void)handler;
    (void)request;
    setting *at = host;
    atomic_store_explicit(&at->has_begun, true, memory_order_relaxed);
    while (!atomic_load_explicit(&at->may_end, memory_order_relaxed)) {
        sched_yield();
    }
    return dora_write_null(dora_reply_writer(reply));
}

static void set_up(setting *self)
{
    const dr_pool_limits limits = {.reactors = 1,
                                   .workers = 1,
                                   .queue_tasks_max = 8,
                                   .slab_bytes = 1u << 20,
                                   .big_bytes = 64u << 10};
    unit_pool_begin(&self->pool, &self->event_fd, &limits);
    self->pool.costs[0].run_ns = 1000; /* cheap: handed ahead */
    self->app.has_fallback = true;
    self->runtime =
        (dora_runtime){.name = "test", .version = "1", .host = self, .invoke = wait_for_end};
    self->worker = (dr_worker){.runtime = &self->runtime,
                               .app = &self->app,
                               .region = &self->pool.region,
                               .slot = unit_pool_worker(&self->pool),
                               .reply_bytes_max = limits.big_bytes,
                               .event_fds = &self->event_fd};
}

static void tear_down(setting *self)
{
    atomic_store(&self->may_end, true);
    if (self->thread.count > 0) {
        dr_slot_stop(&self->pool, self->worker.slot);
        (void)unit_threads_join(&self->thread);
    }
    unit_pool_end(&self->pool, &self->event_fd);
}
UNIT_SCENE(setting, tear_down)

static uint32_t submit(setting *self, const char *param)
{
    const dr_task_input input = {
        .name = {"/t", 2}, .param = text_slice(param), .guid = UNIT_GUID, .owner = self};
    return unit_pool_submit(&self->pool, &input);
}

static void the_next_task_is_seen_and_stays(void **state)
{
    setting *at = *state;
    set_up(at);
    const dr_region *region = &at->pool.region;
    const uint32_t slot = at->worker.slot;
    assert_null(dr_inbox_next(region, slot));
    const uint32_t task = submit(at, "N;");
    for (int i = 0; i < 2; i++) {
        assert_ptr_equal(dr_inbox_next(region, slot), &region->tasks[task]);
    }
    assert_int_equal(unit_pool_start(&at->pool, slot), task);
    assert_null(dr_inbox_next(region, slot));
}

static void a_spoiled_entry_leads_nowhere(void **state)
{
    setting *at = *state;
    set_up(at);
    const dr_region *region = &at->pool.region;
    const uint32_t slot = at->worker.slot;
    (void)submit(at, "N;");
    dr_region_inbox(region, slot)[0] = region->shape.tasks;
    assert_null(dr_inbox_next(region, slot));
    dr_outbox_push(region, slot, 0, UINT32_MAX);
    dr_outbox_fetch(region, dr_region_outbox(region, slot, 0), 0); /* a sanitizer would tell */
}

static void the_next_task_may_be_taken_back_meanwhile(void **state)
{
    setting *at = *state;
    unit_tally told = {0};
    set_up(at);
    (void)submit(at, "N;");
    const uint32_t next = submit(at, "N;");
    unit_threads_start(&at->thread, 1, unit_run_worker, &at->worker);
    while (!atomic_load_explicit(&at->has_begun, memory_order_relaxed)) {
        sched_yield();
    }
    assert_true(dr_dispatch_cancel(&at->pool, next));
    assert_int_equal(submit(at, "s:5:\"other\";"), next); /* in its place */
    assert_int_equal(at->pool.slots[at->worker.slot].held, 2);
    atomic_store_explicit(&at->may_end, true, memory_order_relaxed);
    while (told.count < 2) {
        (void)dr_dispatch_collect(&at->pool, 0, unit_count, &told);
    }
    assert_int_equal(told.last_code, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(setting, the_next_task_is_seen_and_stays),
        unit_in(setting, a_spoiled_entry_leads_nowhere),
        unit_in(setting, the_next_task_may_be_taken_back_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
