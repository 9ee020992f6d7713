/* test_own_limits.c: time limits that apis have of their own: which task is past one, what is said
 * then, and how they come from an application to its tasks. The workers are processes that do
 * nothing; what they would have done is written for them. */
#include <math.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "ipc/inbox.h"
#include "task/app.h"
#include "task/collect.h"
#include "task/hung.h"
#include "task/limit.h"
#include "task/look.h"
#include "task/loop.h"
#include "task/switch.h"
#include "task/watch.h"
#include "unit_pool.h"

#define MS UINT64_C(1000000)
#define POOL_MS 500u
#define OLD 1
#define NEW 2

typedef struct setting {
    dr_pool pool;
    int event_fd;
    pid_t pid;
    uint32_t slot;
    int64_t code; /* of the last outcome */
    char msg[512];
    dora_app app;
    dr_worker worker; /* that is run step by step */
} setting;

static void set_up(setting *self, uint32_t concurrency)
{
    const dr_pool_limits limits = {.reactors = 1,
                                   .workers = 1,
                                   .concurrency = concurrency,
                                   .queue_tasks_max = 100,
                                   .slab_bytes = 1u << 20,
                                   .big_bytes = 4096,
                                   .time_limit_ms = POOL_MS,
                                   .hung_ms = 100};
    unit_pool_begin(&self->pool, &self->event_fd, &limits);
    self->pid = fork();
    if (self->pid == 0) {
        for (;;) {
            pause();
        }
    }
    self->slot = unit_pool_reserve(&self->pool);
    self->pool.slots[self->slot].crew = OLD;
    self->pool.slots[self->slot].pid = self->pid;
    self->pool.slots[self->slot].pidfd = (int)syscall(SYS_pidfd_open, self->pid, 0);
    atomic_store(&self->pool.region.workers[self->slot].asleep, DR_ASLEEP);
    dr_dispatch_worker_ready(&self->pool, self->slot);
}

static void tear_down(setting *self)
{
    if (self->pid > 0) {
        (void)kill(self->pid, SIGKILL);
        (void)waitpid(self->pid, NULL, 0);
    }
    if (self->pool.slots != NULL && self->pool.slots[self->slot].pidfd >= 0) {
        close(self->pool.slots[self->slot].pidfd);
    }
    if (self->worker.region != NULL) {
        dr_loop_fini(&self->worker);
    }
    unit_close(&self->worker.loop_fd);
    unit_pool_end(&self->pool, &self->event_fd);
    dr_app_fini(&self->app);
    memset(self, 0, sizeof(*self));
}
UNIT_SCENE(setting, tear_down)

static uint32_t submit(setting *self, dr_call_type type, uint32_t own_limit_ms)
{
    const dr_task_input input = {.name = {"/t", 2},
                                 .param = {"N;", 2},
                                 .guid = UNIT_GUID,
                                 .type = (uint16_t)type,
                                 .own_limit_ms = own_limit_ms,
                                 .submitted_ns = dr_clock_ns()};
    return unit_pool_submit(&self->pool, &input);
}

static uint32_t start(setting *self)
{
    return unit_pool_start(&self->pool, self->slot);
}

static bool keep_msg(const dr_outcome *outcome, void *user)
{
    setting *self = user;
    self->code = outcome->code;
    (void)snprintf(self->msg, sizeof(self->msg), "%.*s", (int)outcome->msg.len, outcome->msg.data);
    return false;
}

/* is_killed_at looks at a pool when its worker has run for so long. */
static bool is_killed_at(setting *self, uint64_t ms)
{
    const dr_slot *slot = &self->pool.slots[self->slot];
    self->pool.ticked_ns = 0;
    (void)dr_dispatch_tick(&self->pool, slot->since_ns + ms * MS + 1);
    return slot->killed_for_limit;
}

/* say_end has the worker's death answered. */
static void say_end(setting *self)
{
    dr_dispatch_worker_died(&self->pool, self->slot);
    assert_true(dr_dispatch_collect(&self->pool, 0, keep_msg, self) > 0);
}

static void a_shorter_one_ends_its_task_sooner(void **state)
{
    setting *at = *state;
    set_up(at, 1);
    (void)submit(at, DR_TYPE_W_S, 200);
    (void)start(at);
    assert_false(is_killed_at(at, 199));
    assert_true(is_killed_at(at, 200));
    say_end(at);
    assert_int_equal(at->code, DORA_CODE_TIME_LIMIT);
    assert_string_equal(at->msg, "the handler ran past its time limit: time_limit of /t (0.2 s)");
}

static void a_longer_one_outlasts_the_pools(void **state)
{
    setting *at = *state;
    set_up(at, 1);
    (void)submit(at, DR_TYPE_W_S, 2500);
    (void)start(at);
    assert_false(is_killed_at(at, 2499));
    assert_true(is_killed_at(at, 2500));
    say_end(at);
    assert_string_equal(at->msg, "the handler ran past its time limit: time_limit of /t (2.5 s)");
}

static void the_pools_is_told_as_ever(void **state)
{
    setting *at = *state;
    set_up(at, 1);
    (void)submit(at, DR_TYPE_W_S, 0);
    (void)start(at);
    assert_false(is_killed_at(at, POOL_MS - 1));
    assert_true(is_killed_at(at, POOL_MS));
    say_end(at);
    assert_int_equal(at->code, DORA_CODE_TIME_LIMIT);
    assert_string_equal(at->msg, "");
}

static void one_without_a_limit_is_never_past_it(void **state)
{
    setting *at = *state;
    uint32_t waiting;
    set_up(at, 1);
    (void)submit(at, DR_TYPE_W_S, DR_LIMIT_NONE);
    (void)start(at);
    (void)submit(at, DR_TYPE_W_S, 0); /* it waits */
    assert_false(is_killed_at(at, 90000000));
    const uint64_t late_ns = dr_clock_ns() + 90000 * MS;
    assert_false(dr_pool_is_hung(&at->pool, late_ns, &waiting));
    at->pool.records[at->pool.slots[at->slot].tasks.first].own_limit_ms = 0;
    assert_true(dr_pool_is_hung(&at->pool, late_ns, &waiting));
}

static void accepted_work_has_it_too(void **state)
{
    setting *at = *state;
    set_up(at, 1);
    (void)submit(at, DR_TYPE_AN_S, 200);
    (void)start(at);
    assert_false(is_killed_at(at, 199));
    assert_true(is_killed_at(at, 200));
}

/* What stands behind a task in its worker has not begun. */
static void who_waits_behind_is_not_past_it(void **state)
{
    setting *at = *state;
    set_up(at, 1);
    at->pool.costs[0].run_ns = 1000; /* cheap: handed ahead */
    (void)submit(at, DR_TYPE_W_S, 10000);
    const uint32_t behind = submit(at, DR_TYPE_W_S, 100);
    assert_int_equal(at->pool.slots[at->slot].held, 2);
    (void)start(at);
    assert_false(is_killed_at(at, 9999));
    assert_true(is_killed_at(at, 10000));
    say_end(at);
    assert_int_equal(at->pool.records[behind].state, DR_RECORD_WAITING);
}

/* Of several tasks in a worker the shorter one comes last, so it is not the first to be looked at.
 */
static void of_several_only_the_one_past_it_is_the_reason(void **state)
{
    setting *at = *state;
    unit_tally told = {0};
    set_up(at, 8);
    for (int i = 0; i < 3; i++) {
        (void)submit(at, DR_TYPE_W_S, i < 2 ? 60000 : 200);
        (void)start(at);
    }
    const uint32_t unlimited = submit(at, DR_TYPE_W_S, DR_LIMIT_NONE);
    assert_int_equal(start(at), unlimited);
    const uint64_t now_ns = dr_clock_ns();
    at->pool.ticked_ns = 0;
    (void)dr_dispatch_tick(&at->pool, now_ns + 100 * MS);
    assert_false(at->pool.slots[at->slot].killed_for_limit);
    for (uint32_t task = at->pool.slots[at->slot].tasks.first; task != DR_NONE;
         task = at->pool.records[task].next) {
        at->pool.records[task].handed_ns = now_ns - 300 * MS;
        atomic_store(&at->pool.region.tasks[task].start_ns, now_ns - 300 * MS);
    }
    (void)dr_dispatch_tick(&at->pool, now_ns + 200 * MS);
    assert_true(at->pool.slots[at->slot].killed_for_limit);
    dr_dispatch_worker_died(&at->pool, at->slot);
    assert_int_equal(dr_dispatch_collect(&at->pool, 0, unit_count, &told), 4);
    assert_int_equal(told.killed_for_limit, 1);
    assert_int_equal(told.died, 3);
}

/* What a worker writes where the master's numbers were for it changes nothing. */
static void a_worker_cannot_give_itself_more(void **state)
{
    setting *at = *state;
    set_up(at, 1);
    const uint32_t task = submit(at, DR_TYPE_W_S, 200);
    (void)start(at);
    memset(at->pool.region.tasks[task].guid, 'x', DR_GUID_LEN);
    at->pool.region.tasks[task].api = 99;
    at->pool.region.tasks[task].type = DR_TYPE_AN_S;
    at->pool.region.tasks[task].deadline_ns = UINT64_MAX;
    atomic_store(&at->pool.region.tasks[task].start_ns, UINT64_MAX);
    memset(at->pool.region.slab + at->pool.records[task].offset, 0x1b, 2);
    assert_true(is_killed_at(at, 200));
    say_end(at);
    assert_string_equal(at->msg,
                        "the handler ran past its time limit: time_limit of \\x1b\\x1b (0.2 s)");
}

static void what_follows_the_reply_has_it_too(void **state)
{
    setting *at = *state;
    uint32_t own_limit_ms = 99;
    for (uint32_t own = 200; own <= 400; own += 200) {
        set_up(at, 1);
        const uint32_t task = submit(at, DR_TYPE_W_S, own);
        (void)start(at);
        dr_shared_task *shared = &at->pool.region.tasks[task];
        shared->reply_at = DR_REPLY_IN_BLOCK;
        shared->code = 0;
        shared->msg_len = shared->data_len = 0;
        shared->seal = dr_reply_seal(at->pool.records[task].generation, DR_REPLY_IN_BLOCK, 0, 0, 0);
        atomic_store(&shared->word,
                     dr_task_word(at->pool.records[task].generation, DR_TASK_DONE, at->slot));
        dr_outbox_push(&at->pool.region, at->slot, 0, task);
        atomic_fetch_or(&at->pool.region.reactors[0].ready[0], UINT64_C(1) << at->slot);
        assert_int_equal(dr_dispatch_collect(&at->pool, 0, unit_pool_drop, NULL), 1);
        atomic_store(&at->pool.region.workers[at->slot].asleep, DR_AWAKE);
        const uint64_t now_ns = dr_clock_ns();
        assert_int_equal(dr_pool_end_silent(&at->pool, now_ns, &own_limit_ms), 0);
        assert_int_equal(dr_pool_end_silent(&at->pool, now_ns + (own - 1) * MS, &own_limit_ms), 0);
        assert_int_equal(dr_pool_end_silent(&at->pool, now_ns + own * MS, &own_limit_ms), at->pid);
        assert_int_equal(own_limit_ms, own);
        tear_down(at);
    }
}

/* What runs keeps the limit of its generation, what waits has that of the next. */
static void a_reload_changes_it_for_what_waits(void **state)
{
    setting *at = *state;
    static const dr_move moves[] = {{1, 300}, {DR_NONE, 0}, {2, DR_LIMIT_NONE}, {0, 0}};
    set_up(at, 1);
    at->pool.costs[0].run_ns = 1000; /* cheap: handed ahead */
    uint32_t tasks[5];
    for (uint32_t i = 0; i < 5; i++) {
        const dr_task_input input = {.name = {"/t", 2},
                                     .param = {"N;", 2},
                                     .guid = UNIT_GUID,
                                     .api = i < 2 ? 0 : i - 1,
                                     .own_limit_ms = 100,
                                     .submitted_ns = dr_clock_ns()};
        tasks[i] = unit_pool_submit(&at->pool, &input);
    }
    assert_int_equal(at->pool.slots[at->slot].held, 2); /* the second has not begun */
    (void)start(at);
    dr_dispatch_switch(&at->pool, NEW, moves, 4);
    const uint32_t limits[] = {100, 300, 0, DR_LIMIT_NONE, 0};
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(at->pool.records[tasks[i]].own_limit_ms, limits[i]);
    }
}

/* ---- from an application to its tasks ---- */

static void an_application_says_it_of_an_api(void **state)
{
    setting *at = *state;
    dora_app *app = &at->app;
    int handler = 0;
    assert_int_equal(dora_app_handler(app, text_slice("/a"), &handler), DORA_OK);
    assert_int_equal(app->entries[0].about.own_limit_ms, 0);
    assert_int_equal(dora_app_time_limit(app, "/a", 1500), DORA_OK);
    assert_int_equal(app->entries[0].about.own_limit_ms, 1500);
    const dora_about about = {.size = sizeof(about), .summary = text_slice("It stays.")};
    assert_int_equal(dora_app_describe(app, "/a", &about), DORA_OK);
    assert_int_equal(app->entries[0].about.own_limit_ms, 1500);
    assert_int_equal(dora_app_time_limit(app, "/a", 86400000), DORA_OK);
    assert_int_equal(dora_app_time_limit(app, "/a", 86400001), DORA_EINVAL);
    assert_int_equal(dora_app_time_limit(app, "/a", -1), DORA_EINVAL);
    assert_int_equal(dora_app_time_limit(app, "/b", 1), DORA_EINVAL);
    assert_int_equal(dora_app_time_limit(app, NULL, 1), DORA_EINVAL);
    assert_int_equal(dora_app_time_limit(app, "", 1), DORA_EINVAL);
    assert_int_equal(app->entries[0].about.own_limit_ms, 86400000);
    assert_int_equal(dora_app_handler(app, text_slice(""), &handler), DORA_OK);
    assert_int_equal(dora_app_time_limit(app, "", 0), DORA_OK);
    assert_int_equal(app->fallback_about.own_limit_ms, DR_LIMIT_NONE);
    dr_app_no_limits(app); /* as under --dev */
    assert_int_equal(app->entries[0].about.own_limit_ms, 0);
    assert_int_equal(app->fallback_about.own_limit_ms, 0);
}

static void seconds_become_milliseconds(void **state)
{
    (void)state;
    assert_int_equal(dora_limit_of_seconds(0), 0);
    assert_int_equal(dora_limit_of_seconds(-0.0), 0);
    assert_int_equal(dora_limit_of_seconds(0.1), 100);
    assert_int_equal(dora_limit_of_seconds(1.1), 1100);
    assert_int_equal(dora_limit_of_seconds(2), 2000);
    assert_int_equal(dora_limit_of_seconds(1e-9), 1); /* not none */
    assert_int_equal(dora_limit_of_seconds(86400), 86400000);
    assert_int_equal(dora_limit_of_seconds(86400.001), -1);
    assert_int_equal(dora_limit_of_seconds(-0.001), -1);
    assert_int_equal(dora_limit_of_seconds(INFINITY), -1);
    assert_int_equal(dora_limit_of_seconds(NAN), -1);
}

static void a_limit_is_named_in_seconds(void **state)
{
    (void)state;
    static const struct {
        uint32_t ms;
        const char *text;
    } cases[] = {{1, "time_limit of /x (0.001 s)"},
                 {300, "time_limit of /x (0.3 s)"},
                 {2000, "time_limit of /x (2 s)"},
                 {1250, "time_limit of /x (1.25 s)"},
                 {100000, "time_limit of /x (100 s)"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[DR_LIMIT_TEXT_MAX];
        assert_int_equal(dr_limit_name(text_slice("/x"), cases[i].ms, text, sizeof(text)),
                         strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
    }
}

/* A worker with a loop ends its calls itself: it knows the limit of each. */
static void a_loop_knows_the_limit_of_each_task(void **state)
{
    setting *at = *state;
    int handler = 0;
    static const int64_t limits[] = {200, 0, -1};
    static const char *const names[] = {"/t", "/none", "/pool"};
    set_up(at, 8);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(dora_app_handler(&at->app, text_slice(names[i]), &handler), DORA_OK);
        assert_int_equal(dora_app_time_limit(&at->app, names[i], limits[i]),
                         limits[i] < 0 ? DORA_EINVAL : DORA_OK);
    }
    at->worker = (dr_worker){.app = &at->app,
                             .region = &at->pool.region,
                             .slot = at->slot,
                             .reply_bytes_max = 4096,
                             .event_fds = &at->event_fd,
                             .has_loop = true,
                             .loop_fd = dr_slot_loop_fd(&at->pool, at->slot),
                             .concurrency = 8,
                             .time_limit_ms = POOL_MS};
    static const uint32_t expected[] = {200, 0, POOL_MS, 200, 0, 0};
    for (uint32_t i = 0; i < 6; i++) {
        const dr_task_input input = {.name = text_slice(names[i % 3]),
                                     .param = {"N;", 2},
                                     .guid = UNIT_GUID,
                                     .type = i < 3 ? DR_TYPE_W_S : DR_TYPE_AM_S,
                                     .api = i % 3};
        (void)unit_pool_submit(&at->pool, &input);
        dora_task *task = dora_worker_take(&at->worker);
        assert_non_null(task);
        assert_int_equal(dora_task_limit_ms(task), expected[i]);
        assert_int_equal(dora_task_has_limit(task), expected[i] != 0);
        dora_task_done(task, dora_task_overran(task));
        assert_int_equal(dr_dispatch_collect(&at->pool, 0, keep_msg, at), 1);
        assert_int_equal(at->code, DORA_CODE_TIME_LIMIT);
        if (i == 0) {
            assert_string_equal(at->msg,
                                "the handler ran past its time limit: time_limit of /t (0.2 s)");
        } else if (i == 2) {
            assert_string_equal(at->msg, "the handler ran past its time limit");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(setting, a_shorter_one_ends_its_task_sooner),
        unit_in(setting, a_longer_one_outlasts_the_pools),
        unit_in(setting, the_pools_is_told_as_ever),
        unit_in(setting, one_without_a_limit_is_never_past_it),
        unit_in(setting, accepted_work_has_it_too),
        unit_in(setting, who_waits_behind_is_not_past_it),
        unit_in(setting, of_several_only_the_one_past_it_is_the_reason),
        unit_in(setting, a_worker_cannot_give_itself_more),
        unit_in(setting, what_follows_the_reply_has_it_too),
        unit_in(setting, a_reload_changes_it_for_what_waits),
        unit_in(setting, an_application_says_it_of_an_api),
        cmocka_unit_test(seconds_become_milliseconds),
        cmocka_unit_test(a_limit_is_named_in_seconds),
        unit_in(setting, a_loop_knows_the_limit_of_each_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
