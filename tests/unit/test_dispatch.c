/* test_dispatch.c: the hand-over, with the workers as threads of this process, so that sanitizers
 * see both sides. Every task gets exactly one outcome, whatever happens to its worker. */
#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/priority.h"
#include "ipc/inbox.h"
#include "task/collect.h"
#include "task/job.h"
#include "task/watch.h"
#include "task/worker.h"
#include "unit_pool.h"

/* setting is a pool with its event descriptors and, where asked for, worker threads. */
typedef struct setting {
    dr_pool pool;
    int event_fds[2];
    dora_app app;
    dr_worker workers[8];
    unit_threads threads; /* of the workers */
    unit_threads reactors;
    uint32_t attentions;
} setting;

static _Atomic uint64_t seen_deadline_ns; /* by the handler that ran last */
static _Atomic int seen_priority;         /* by that, of its caller and of what it calls */

static dora_err echo(void *host, void *handler, const dora_request *request, dora_reply *reply)
{
    (void)host;
    (void)handler;
    atomic_store(&seen_deadline_ns, dr_deadline_get());
    atomic_store(&seen_priority, (int)dora_request_priority(request) * 10 + (int)dr_priority_get());
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
    unit_pool_begin(&self->pool, self->event_fds, limits);
    self->pool.on_attention = on_attention;
    self->pool.user = self;
    self->app.has_fallback = true;
}

static void start_worker(setting *self)
{
    const size_t i = self->threads.count;
    self->workers[i] = (dr_worker){.runtime = &echo_runtime,
                                   .app = &self->app,
                                   .region = &self->pool.region,
                                   .slot = unit_pool_reserve(&self->pool),
                                   .reply_bytes_max = self->pool.limits.big_bytes,
                                   .event_fds = self->event_fds};
    unit_threads_start(&self->threads, 1, unit_run_worker, &self->workers[i]);
    dr_dispatch_worker_ready(&self->pool, self->workers[i].slot);
}

static void tear_down(setting *self)
{
    (void)unit_threads_join(&self->reactors);
    for (size_t i = 0; i < self->threads.count; i++) {
        dr_slot_stop(&self->pool, self->workers[i].slot);
    }
    (void)unit_threads_join(&self->threads);
    unit_pool_end(&self->pool, self->event_fds);
}
UNIT_SCENE(setting, tear_down)

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
                                 .guid = UNIT_GUID,
                                 .api = 0,
                                 .reactor = reactor,
                                 .owner = owner};
    return submit_task(&self->pool, &input, task);
}

static void every_task_once(void **state)
{
    setting *at = *state;
    const dr_pool_limits limits = small_limits(4, 1000);
    set_up(at, &limits);
    for (int i = 0; i < 4; i++) {
        start_worker(at);
    }
    unit_pool_exchange(&at->pool, &at->reactors, text_slice("a:1:{i:0;s:5:\"hello\";}"), 20000);
}

/* collect_until waits for `count` outcomes. */
static void collect_until(setting *at, unit_tally *told, uint32_t count)
{
    const uint64_t end = dr_clock_ms() + 60000;
    while (told->count < count && dr_clock_ms() < end) {
        (void)dr_dispatch_collect(&at->pool, 0, unit_count, told);
        (void)dr_dispatch_tick(&at->pool, dr_clock_ns());
    }
    assert_int_equal(told->count, count);
}

static void large_replies_go_through(void **state)
{
    setting *at = *state;
    const dr_pool_limits limits = small_limits(2, 100);
    unit_tally told = {0};
    uint32_t task;
    char *text = malloc(200020);
    assert_non_null(text);
    const int head = snprintf(text, 200020, "s:200000:\"");
    memset(text + head, 'x', 200000);
    memcpy(text + head + 200000, "\";", 2);
    told.expected = (dora_slice){text, (size_t)head + 200002};
    set_up(at, &limits);
    start_worker(at);
    start_worker(at);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(submit(at, 0, told.expected, NULL, &task), 0);
    }
    collect_until(at, &told, 20);
    assert_int_equal(told.wrong, 0);
    free(text);
}

/* The tests below play the worker by hand. */

static void a_death_answers_what_ran_and_moves_the_rest(void **state)
{
    setting *at = *state;
    const dr_pool_limits limits = small_limits(2, 100);
    unit_tally told = {0};
    unit_tally other = {0};
    uint32_t tasks[3];
    set_up(at, &limits);
    at->pool.costs[0].run_ns = 1000; /* cheap: handed ahead */
    const uint32_t slot = unit_pool_worker(&at->pool);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(submit(at, 0, text_slice("N;"), NULL, &tasks[i]), 0);
    }
    assert_int_equal(at->pool.slots[slot].held, 3);
    (void)unit_pool_start(&at->pool, slot);
    dr_dispatch_worker_died(&at->pool, slot);
    assert_int_equal(dr_dispatch_collect(&at->pool, 0, unit_count, &told), 1);
    assert_int_equal(told.last_code, DORA_CODE_WORKER_DIED);
    assert_int_equal(at->pool.queue.count, 2);
    /* Only when every reactor has looked is the slot free again. */
    assert_int_equal(at->pool.slots[slot].state, DR_SLOT_DEAD);
    assert_int_equal(dr_dispatch_collect(&at->pool, 1, unit_count, &other), 0);
    assert_int_equal(at->pool.slots[slot].state, DR_SLOT_EMPTY);
    start_worker(at);
    collect_until(at, &told, 3);
    assert_int_equal(told.last_code, 0);
}

static void a_reply_written_before_the_death_counts(void **state)
{
    setting *at = *state;
    const dr_pool_limits limits = small_limits(1, 100);
    unit_tally told = {0};
    uint32_t task;
    set_up(at, &limits);
    const uint32_t slot = unit_pool_worker(&at->pool);
    assert_int_equal(submit(at, 0, text_slice("N;"), NULL, &task), 0);
    task = unit_pool_start(&at->pool, slot);
    dr_shared_task *shared = &at->pool.region.tasks[task];
    memcpy(at->pool.region.slab + shared->offset + shared->name_len + shared->param_len, "i:7;", 4);
    shared->code = 0;
    shared->reply_at = DR_REPLY_IN_BLOCK;
    shared->msg_len = 0;
    shared->data_len = 4;
    shared->seal = dr_reply_seal(at->pool.records[task].generation, DR_REPLY_IN_BLOCK, 0, 4, 0);
    atomic_store(&shared->word,
                 dr_task_word(at->pool.records[task].generation, DR_TASK_DONE, slot));
    dr_dispatch_worker_died(&at->pool, slot); /* before the outbox */
    told.expected = text_slice("i:7;");
    assert_int_equal(dr_dispatch_collect(&at->pool, 0, unit_count, &told), 1);
    assert_int_equal(told.wrong, 0);
}

static void broken_entries_harm_nobody(void **state)
{
    setting *at = *state;
    const dr_pool_limits limits = small_limits(2, 100);
    unit_tally told = {0};
    uint32_t task;
    set_up(at, &limits);
    const uint32_t slot = unit_pool_worker(&at->pool);
    assert_int_equal(submit(at, 0, text_slice("N;"), NULL, &task), 0);
    task = unit_pool_start(&at->pool, slot);
    dr_outbox_push(&at->pool.region, slot, 0, UINT32_MAX);
    dr_outbox_push(&at->pool.region, slot, 0, task + 1);
    dr_outbox_push(&at->pool.region, slot, 0, task); /* not DONE */
    atomic_fetch_or(&at->pool.region.reactors[0].ready[0], UINT64_MAX);
    assert_int_equal(dr_dispatch_collect(&at->pool, 0, unit_count, &told), 0);
    dr_shared_task *shared = &at->pool.region.tasks[task];
    shared->msg_len = UINT32_MAX;
    shared->data_len = UINT32_MAX;
    shared->code = 0;
    atomic_store(&shared->word,
                 dr_task_word(at->pool.records[task].generation, DR_TASK_DONE, slot));
    dr_outbox_push(&at->pool.region, slot, 0, task);
    atomic_fetch_or(&at->pool.region.reactors[0].ready[0], 1);
    assert_int_equal(dr_dispatch_collect(&at->pool, 0, unit_count, &told), 1);
    assert_int_equal(told.last_code, DORA_CODE_WORKER_DIED);
}

static void the_queue_is_bounded(void **state)
{
    setting *at = *state;
    const dr_pool_limits limits = small_limits(1, 3);
    uint32_t task;
    set_up(at, &limits);
    (void)unit_pool_worker(&at->pool);
    for (int i = 0; i < 4; i++) { /* one runs, three wait */
        assert_int_equal(submit(at, 0, text_slice("N;"), NULL, &task), 0);
    }
    assert_int_equal(submit(at, 0, text_slice("N;"), NULL, &task), DORA_CODE_OVERLOADED);
    assert_true(dr_dispatch_cancel(&at->pool, 3));
    assert_int_equal(submit(at, 0, text_slice("N;"), NULL, &task), 0);
}

static int64_t submit_stream(setting *self, uint32_t *task)
{
    const dr_task_input input = {.name = text_slice("/n"),
                                 .param = text_slice("N;"),
                                 .guid = UNIT_GUID,
                                 .type = DR_TYPE_ST_S,
                                 .window = 1};
    return submit_task(&self->pool, &input, task);
}

/* Half of the places, or of the memory, whichever is less. */
static void streams_leave_half_to_others(void **state)
{
    setting *at = *state;
    uint32_t task;
    uint32_t last = 0;
    uint32_t count = 0;
    for (int is_short = 0; is_short < 2; is_short++) {
        dr_pool_limits limits = small_limits(1, is_short ? 30 : 1000);
        limits.slab_bytes = 40u * 32u * 1024u;
        set_up(at, &limits);
        (void)unit_pool_worker(&at->pool);
        for (count = 0; submit_stream(at, &task) == 0; count++) {
            last = task;
        }
        assert_int_equal(count, is_short ? 35 / 2 : 20);
        assert_true(at->pool.refused == 1);
        assert_int_equal(submit(at, 0, text_slice("N;"), NULL, &task), 0);
        assert_true(dr_dispatch_cancel(&at->pool, last));
        assert_int_equal(submit_stream(at, &task), 0);
        assert_int_equal(submit_stream(at, &task), DORA_CODE_OVERLOADED);
        tear_down(at);
        memset(at, 0, sizeof(*at));
    }
}

/* One that is larger than half of the memory has it where no other stream is there. */
static void the_first_stream_may_be_large(void **state)
{
    setting *at = *state;
    uint32_t task;
    dr_pool_limits limits = small_limits(1, 30);
    limits.slab_bytes = 32u * 32u * 1024u;
    set_up(at, &limits);
    (void)unit_pool_worker(&at->pool);
    char param[20 * 32 * 1024];
    memset(param, 'x', sizeof(param));
    const dr_task_input large = {.name = text_slice("a"),
                                 .param = {param, sizeof(param)},
                                 .guid = UNIT_GUID,
                                 .type = DR_TYPE_ST_S,
                                 .window = 1};
    assert_int_equal(submit_task(&at->pool, &large, &task), 0);
    assert_int_equal(submit_stream(at, &task), DORA_CODE_OVERLOADED);
}

static void a_stalled_worker_is_relieved(void **state)
{
    setting *at = *state;
    const dr_pool_limits limits = small_limits(2, 100);
    uint32_t tasks[3];
    set_up(at, &limits);
    at->pool.costs[0].run_ns = 1000;
    const uint32_t slow = unit_pool_worker(&at->pool);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(submit(at, 0, text_slice("N;"), NULL, &tasks[i]), 0);
    }
    (void)unit_pool_start(&at->pool, slow);
    const uint32_t idle = unit_pool_worker(&at->pool);
    assert_int_equal(at->pool.slots[idle].held, 0);
    const uint64_t later = dr_clock_ns() + DR_STALL_NS * 2;
    (void)dr_dispatch_tick(&at->pool, later);
    assert_int_equal(at->pool.slots[slow].held, 1);
    assert_int_equal(at->pool.slots[idle].held, 2);
    /* Nothing new is put behind the slow one. */
    uint32_t task;
    assert_int_equal(submit(at, 0, text_slice("N;"), NULL, &task), 0);
    assert_int_equal(at->pool.slots[slow].held, 1);
}

static void cancelling_a_started_task_fails(void **state)
{
    setting *at = *state;
    const dr_pool_limits limits = small_limits(1, 100);
    uint32_t first;
    uint32_t second;
    set_up(at, &limits);
    const uint32_t slot = unit_pool_worker(&at->pool);
    assert_int_equal(submit(at, 0, text_slice("N;"), NULL, &first), 0);
    assert_int_equal(submit(at, 0, text_slice("N;"), NULL, &second), 0);
    assert_int_equal(unit_pool_start(&at->pool, slot), first);
    assert_true(dr_dispatch_has_begun(&at->pool, first));
    assert_false(dr_dispatch_has_begun(&at->pool, second));
    assert_false(dr_dispatch_cancel(&at->pool, first));
    assert_true(dr_dispatch_cancel(&at->pool, second));
}

/* One that was taken from the queue and is not run is none that its priority has had. */
static void what_is_cancelled_in_a_workers_hand_is_no_share(void **state)
{
    setting *at = *state;
    const dr_pool_limits limits = small_limits(1, 100);
    const dr_queue_class *normal = &at->pool.queue.classes[DORA_PRIORITY_NORMAL - 1];
    uint32_t task;
    set_up(at, &limits);
    assert_int_equal(submit(at, 0, text_slice("N;"), NULL, &task), 0);
    const uint32_t slot = unit_pool_worker(&at->pool);
    assert_int_equal(at->pool.slots[slot].held, 1);
    assert_true(normal->had > 0);
    assert_true(dr_dispatch_cancel(&at->pool, task));
    assert_int_equal(normal->had, 0);
}

/* Of memory that an earlier task was refused nothing is known any more (task/memory_limit.c). */
static void a_task_begins_without_anothers_error(void **state)
{
    setting *at = *state;
    const dr_pool_limits limits = small_limits(1, 100);
    dr_worker worker = {.region = &at->pool.region, .has_memory_limit = true};
    dr_job job = {.worker = &worker};
    uint32_t task;
    set_up(at, &limits);
    worker.slot = unit_pool_worker(&at->pool);
    assert_int_equal(submit(at, 0, text_slice("N;"), NULL, &task), 0);
    errno = ENOMEM;
    assert_true(dr_job_begin(&job, task, at->pool.records[task].generation, dr_clock_ns()));
    assert_int_equal(errno, 0);
}

static void recycling_is_asked_for_once(void **state)
{
    setting *at = *state;
    const dr_pool_limits limits = small_limits(2, 100);
    unit_tally told = {0};
    uint32_t task;
    set_up(at, &limits);
    start_worker(at);
    const uint32_t slot = at->workers[0].slot;
    at->pool.slots[slot].recycle_at = 3;
    for (uint32_t i = 1; i <= 5; i++) {
        assert_int_equal(submit(at, 0, text_slice("N;"), NULL, &task), 0);
        collect_until(at, &told, i);
    }
    assert_int_equal(at->attentions, 1);
    assert_true(at->pool.slots[slot].wants_recycling);
    start_worker(at);
    dr_dispatch_worker_retire(&at->pool, slot);
    assert_int_equal(at->pool.live_count, 1);
    pthread_join(at->threads.ids[0], NULL); /* it left by itself */
    at->workers[0] = at->workers[1];
    at->threads.ids[0] = at->threads.ids[1];
    at->threads.count = 1;
}

static void a_broken_inbox_stops_nobody_else(void **state)
{
    setting *at = *state;
    const dr_pool_limits limits = small_limits(2, 100);
    uint32_t task;
    set_up(at, &limits);
    const uint32_t good = unit_pool_worker(&at->pool);
    const uint32_t broken = unit_pool_worker(&at->pool); /* the most recently idle: asked first */
    atomic_store(&at->pool.region.workers[broken].inbox_head, 12345);
    assert_int_equal(submit(at, 0, text_slice("N;"), NULL, &task), 0);
    assert_int_equal(at->pool.slots[good].held, 1);
    assert_int_equal(at->pool.slots[broken].state, DR_SLOT_SUSPECT);
}

static void what_waits_past_its_deadline_is_not_run(void **state)
{
    setting *at = *state;
    const dr_pool_limits limits = small_limits(1, 100);
    unit_tally told = {0};
    uint32_t task;
    set_up(at, &limits);
    const dr_task_input late = {
        .name = {"/t", 2}, .param = {"N;", 2}, .guid = UNIT_GUID, .deadline_ns = 1};
    assert_int_equal(submit_task(&at->pool, &late, &task), 0); /* no worker yet: it waits */
    assert_int_equal(dr_dispatch_collect(&at->pool, 0, unit_count, &told), 1);
    assert_int_equal(told.last_code, DORA_CODE_EXPIRED);
    start_worker(at);
    assert_int_equal(submit_task(&at->pool, &late, &task), 0); /* handed over at once */
    collect_until(at, &told, 2);
    assert_int_equal(told.last_code, DORA_CODE_EXPIRED);
}

/* passed looks for passed deadlines, however long ago the last look was. */
static size_t passed(setting *at, unit_tally *told)
{
    at->pool.look_ns[0] = 0;
    return dr_dispatch_collect(&at->pool, 0, unit_count, told);
}

static void a_deadline_passes_behind_calls_without_one(void **state)
{
    setting *at = *state;
    const dr_pool_limits limits = small_limits(1, 100);
    unit_tally told = {0};
    uint32_t task;
    set_up(at, &limits);
    dr_task_input input = {.name = {"/t", 2}, .param = {"N;", 2}, .guid = UNIT_GUID};
    assert_int_equal(submit_task(&at->pool, &input, &task), 0);
    assert_int_equal(passed(at, &told), 0);
    assert_int_equal(at->pool.queue.expiry_ns, UINT64_MAX); /* nothing to look for */
    input.deadline_ns = UINT64_MAX - 1;
    assert_int_equal(submit_task(&at->pool, &input, &task), 0);
    assert_int_equal(at->pool.queue.expiry_ns, UINT64_MAX - 1);
    input.deadline_ns = 1;
    assert_int_equal(submit_task(&at->pool, &input, &task), 0);
    assert_int_equal(passed(at, &told), 1);
    assert_int_equal(told.last_code, DORA_CODE_EXPIRED);
    assert_int_equal(at->pool.queue.count, 2);
    assert_int_equal(at->pool.queue.expiry_ns, UINT64_MAX - 1);
}

static void more_deadlines_than_one_look_answers_all_pass(void **state)
{
    setting *at = *state;
    const dr_pool_limits limits = small_limits(1, 100);
    unit_tally told = {0};
    uint32_t task;
    size_t all = 0;
    set_up(at, &limits);
    const dr_task_input late = {
        .name = {"/t", 2}, .param = {"N;", 2}, .guid = UNIT_GUID, .deadline_ns = 1};
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(submit_task(&at->pool, &late, &task), 0);
    }
    for (unsigned looks = 0; looks < 2; looks++) {
        all += passed(at, &told);
    }
    assert_int_equal(all, 100);
    assert_int_equal(at->pool.queue.count, 0);
}

static void where_there_is_a_worker_for_each_nothing_is_given_up(void **state)
{
    setting *at = *state;
    const dr_pool_limits limits = small_limits(2, 100);
    const uint64_t now_ns = dr_clock_ns();
    uint32_t task;
    set_up(at, &limits);
    const dr_task_input input = {.name = {"/t", 2},
                                 .param = {"N;", 2},
                                 .guid = UNIT_GUID,
                                 .submitted_ns = now_ns,
                                 .deadline_ns = now_ns + 9 * UINT64_C(1000000000)};
    assert_int_equal(submit_task(&at->pool, &input, &task), 0);
    assert_int_equal(submit_task(&at->pool, &input, &task), 0);
    at->pool.costs[0] = (dr_api_cost){.fast_ns = UINT64_MAX / 4, .seen_ns = now_ns};
    dr_slot_set_idle(&at->pool, unit_pool_reserve(&at->pool));
    (void)unit_pool_worker(&at->pool); /* one more: both are free when it is looked at what waits */
    assert_int_equal(at->pool.handed_count, 2);
}

/* Clients that a handler uses find there how long its caller waits. */
static void a_handler_has_its_callers_deadline(void **state)
{
    setting *at = *state;
    const dr_pool_limits limits = small_limits(1, 100);
    unit_tally told = {0};
    uint32_t task;
    set_up(at, &limits);
    start_worker(at);
    const dr_task_input timed = {.name = {"/t", 2},
                                 .param = {"N;", 2},
                                 .guid = UNIT_GUID,
                                 .deadline_ns = dr_clock_ns() + 60000000000u,
                                 .priority = DORA_PRIORITY_HIGH};
    assert_int_equal(submit_task(&at->pool, &timed, &task), 0);
    collect_until(at, &told, 1);
    assert_int_equal(atomic_load(&seen_deadline_ns), timed.deadline_ns);
    assert_int_equal(atomic_load(&seen_priority), DORA_PRIORITY_HIGH * 10 + DORA_PRIORITY_HIGH);
    assert_int_equal(submit(at, 0, text_slice("N;"), NULL, &task), 0);
    collect_until(at, &told, 2);
    assert_int_equal(atomic_load(&seen_deadline_ns), 0);
    assert_int_equal(atomic_load(&seen_priority), DORA_PRIORITY_NORMAL * 10);
    assert_int_equal(at->pool.urgent, 1);
    assert_int_equal(at->pool.patient, 0);
}

static void an_unhealthy_pool_keeps_nobody_waiting(void **state)
{
    setting *at = *state;
    const dr_pool_limits limits = small_limits(1, 100);
    unit_tally told = {0};
    uint32_t task;
    set_up(at, &limits);
    assert_int_equal(submit(at, 0, text_slice("N;"), NULL, &task), 0);
    at->pool.unhealthy = true;
    assert_int_equal(dr_dispatch_collect(&at->pool, 0, unit_count, &told), 1);
    assert_int_equal(told.last_code, DORA_CODE_OVERLOADED);
    assert_int_equal(submit(at, 0, text_slice("N;"), NULL, &task), DORA_CODE_OVERLOADED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(setting, every_task_once),
        unit_in(setting, large_replies_go_through),
        unit_in(setting, a_death_answers_what_ran_and_moves_the_rest),
        unit_in(setting, a_reply_written_before_the_death_counts),
        unit_in(setting, broken_entries_harm_nobody),
        unit_in(setting, the_queue_is_bounded),
        unit_in(setting, streams_leave_half_to_others),
        unit_in(setting, the_first_stream_may_be_large),
        unit_in(setting, a_stalled_worker_is_relieved),
        unit_in(setting, cancelling_a_started_task_fails),
        unit_in(setting, what_is_cancelled_in_a_workers_hand_is_no_share),
        unit_in(setting, a_task_begins_without_anothers_error),
        unit_in(setting, recycling_is_asked_for_once),
        unit_in(setting, a_broken_inbox_stops_nobody_else),
        unit_in(setting, what_waits_past_its_deadline_is_not_run),
        unit_in(setting, a_deadline_passes_behind_calls_without_one),
        unit_in(setting, more_deadlines_than_one_look_answers_all_pass),
        unit_in(setting, where_there_is_a_worker_for_each_nothing_is_given_up),
        unit_in(setting, a_handler_has_its_callers_deadline),
        unit_in(setting, an_unhealthy_pool_keeps_nobody_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
