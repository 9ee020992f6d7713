/* test_interrupt.c: tasks that should end before they have: what a worker is asked, when its
 * caller is answered, and what becomes of what it says later. Workers are run step by step, in this
 * process or as one that does nothing. */
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "ipc/inbox.h"
#include "task/app.h"
#include "task/collect.h"
#include "task/heed.h"
#include "task/interrupt.h"
#include "task/look.h"
#include "task/loop.h"
#include "task/watch.h"
#include "unit_pool.h"

#define MS UINT64_C(1000000)
#define LIMIT_MS 500u
#define GRACE_MS 300u
#define BIG_BYTES (256 << 10) /* half of it is above the room of a block */

typedef struct setting {
    dr_pool pool;
    int event_fd;
    pid_t pid;
    uint32_t slot;
    uint32_t told; /* outcomes */
    int64_t code;  /* of the last */
    bool is_early;
    char msg[DORA_INTERRUPT_TEXT_BYTES];
    dora_app app;
    dr_worker worker;
    dora_task *taken[4]; /* by tests */
    size_t taken_count;
} setting;

static void on_signal(int number)
{
    (void)number;
}

/* take_app gives the worker of this process an application with one api. */
static void take_app(setting *self)
{
    static int handler;
    assert_int_equal(dora_app_handler(&self->app, text_slice("/t"), &handler), DORA_OK);
    self->worker = (dr_worker){.app = &self->app,
                               .region = &self->pool.region,
                               .slot = self->slot,
                               .reply_bytes_max = BIG_BYTES,
                               .event_fds = &self->event_fd,
                               .has_loop = true,
                               .loop_fd = dr_slot_loop_fd(&self->pool, self->slot),
                               .concurrency = 8,
                               .kill_after_ms = GRACE_MS};
}

static void set_up(setting *self, uint32_t concurrency, uint32_t kill_after_ms)
{
    const dr_pool_limits limits = {.reactors = 1,
                                   .workers = 1,
                                   .concurrency = concurrency,
                                   .queue_tasks_max = 100,
                                   .slab_bytes = 1u << 20,
                                   .big_bytes = BIG_BYTES,
                                   .time_limit_ms = LIMIT_MS,
                                   .kill_after_ms = kill_after_ms};
    unit_pool_begin(&self->pool, &self->event_fd, &limits);
    self->pid = fork();
    if (self->pid == 0) {
        (void)signal(DORA_INTERRUPT_SIGNAL, on_signal);
        for (;;) {
            pause();
        }
    }
    self->slot = unit_pool_reserve(&self->pool);
    self->pool.slots[self->slot].pid = self->pid;
    self->pool.slots[self->slot].pidfd = (int)syscall(SYS_pidfd_open, self->pid, 0);
    self->pool.slots[self->slot].has_loop = concurrency > 1;
    dr_dispatch_worker_ready(&self->pool, self->slot);
    take_app(self);
}

/* free_running frees what a test has taken and not ended, as the end of a worker does. */
static void free_running(setting *self)
{
    for (size_t i = 0; i < self->taken_count; i++) {
        const dora_task *job = self->worker.free_jobs;
        while (job != NULL && job != self->taken[i]) {
            job = job->next;
        }
        if (job == NULL) {
            free(self->taken[i]);
        }
    }
}

static void tear_down(setting *self)
{
    free_running(self);
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

static uint32_t submit_of(setting *self, dr_call_type type)
{
    const dr_task_input input = {.name = {"/t", 2},
                                 .param = {"N;", 2},
                                 .guid = UNIT_GUID,
                                 .type = type,
                                 .submitted_ns = dr_clock_ns(),
                                 .owner = self};
    return unit_pool_submit(&self->pool, &input);
}

static uint32_t submit(setting *self)
{
    return submit_of(self, DR_TYPE_W_S);
}

static bool keep(const dr_outcome *outcome, void *user)
{
    setting *self = user;
    assert_ptr_equal(outcome->owner, self);
    self->told++;
    self->code = outcome->code;
    self->is_early = outcome->is_early;
    (void)snprintf(self->msg, sizeof(self->msg), "%.*s", (int)outcome->msg.len, outcome->msg.data);
    return false;
}

static size_t collect(setting *self)
{
    return dr_dispatch_collect(&self->pool, 0, keep, self);
}

/* tick looks at the pool as if it were so much later. */
static void tick(setting *self, uint64_t ms)
{
    self->pool.ticked_ns = 0;
    (void)dr_dispatch_tick(&self->pool, self->pool.slots[self->slot].since_ns + ms * MS + 1);
}

/* later does so that long after a task's worker was asked. */
static void later(setting *self, uint32_t task, uint64_t ms)
{
    self->pool.ticked_ns = 0;
    (void)dr_dispatch_tick(&self->pool, self->pool.records[task].interrupt_ns + ms * MS);
}

static dora_task *take(setting *self)
{
    dora_task *task = dora_worker_take(&self->worker);
    assert_non_null(task);
    for (size_t i = 0; i < self->taken_count; i++) {
        if (self->taken[i] == task) {
            return task; /* it is used again */
        }
    }
    assert_true(self->taken_count < sizeof(self->taken) / sizeof(self->taken[0]));
    self->taken[self->taken_count++] = task;
    return task;
}

static void a_task_at_its_limit_is_asked_to_end(void **state)
{
    setting *at = *state;
    set_up(at, 1, GRACE_MS);
    const uint32_t task = submit(at);
    const dora_task *job = take(at);
    const dora_request *request = dora_task_request(job);
    tick(at, LIMIT_MS - 1);
    assert_int_equal(dr_job_interrupt(job), DR_INTERRUPT_NONE);
    assert_false(dora_request_is_cancelled(request));
    assert_false(dora_worker_has_interrupts(&at->worker));
    tick(at, LIMIT_MS);
    assert_int_equal(dr_job_interrupt(job), DR_INTERRUPT_TIME_LIMIT);
    assert_true(dora_request_is_cancelled(request));
    assert_int_equal(dora_request_interrupt(request), DORA_INTERRUPT_TIME_LIMIT);
    assert_true(dora_worker_has_interrupts(&at->worker));
    assert_false(dora_worker_has_interrupts(&at->worker)); /* it knows */
    later(at, task, GRACE_MS - 1);
    assert_false(at->pool.slots[at->slot].killed_for_limit);
    later(at, task, GRACE_MS);
    assert_true(at->pool.slots[at->slot].killed_for_limit);
    assert_true(WIFSIGNALED(unit_wait(at->pid)));
    at->pid = 0;
}

static void its_caller_is_answered_at_once_and_once(void **state)
{
    setting *at = *state;
    set_up(at, 1, GRACE_MS);
    const uint32_t task = submit(at);
    dora_task *job = take(at);
    tick(at, LIMIT_MS);
    assert_int_equal(collect(at), 0); /* it may still say where it is */
    later(at, task, DR_INTERRUPT_ANSWER_MS);
    assert_int_equal(collect(at), 1);
    assert_true(at->is_early);
    assert_int_equal(at->code, DORA_CODE_TIME_LIMIT);
    assert_string_equal(at->msg, "the handler ran past its time limit");
    assert_int_equal(at->pool.slots[at->slot].held, 1); /* its worker is still busy with it */
    assert_int_equal(at->pool.records[task].state, DR_RECORD_HANDED);
    (void)dora_write_null(dora_reply_writer(dora_task_reply(job)));
    dora_task_done(job, DORA_OK);
    assert_int_equal(collect(at), 0);
    assert_int_equal(at->told, 1);
    assert_int_equal(at->pool.records[task].state, DR_RECORD_FREE);
    assert_int_equal(at->pool.slots[at->slot].state, DR_SLOT_IDLE);
    assert_int_equal(at->pool.slots[at->slot].interrupted, 0);
    assert_int_equal(at->pool.due_count, 0);
}

static void one_that_ends_in_time_says_so_itself(void **state)
{
    setting *at = *state;
    set_up(at, 1, GRACE_MS);
    const uint32_t task = submit(at);
    dora_task *job = take(at);
    tick(at, LIMIT_MS);
    (void)dora_write_null(dora_reply_writer(dora_task_reply(job))); /* too late */
    dora_task_done(job, DORA_OK);
    assert_int_equal(collect(at), 1);
    assert_false(at->is_early);
    assert_int_equal(at->code, DORA_CODE_TIME_LIMIT);
    assert_int_equal(at->pool.records[task].state, DR_RECORD_FREE);
    later(at, task, DR_INTERRUPT_ANSWER_MS);
    assert_int_equal(collect(at), 0);
    assert_false(at->pool.slots[at->slot].killed_for_limit);
}

/* It ends between the look that finds it due and the answer. */
static void one_that_ends_when_it_is_due_is_answered_once(void **state)
{
    setting *at = *state;
    set_up(at, 1, GRACE_MS);
    const uint32_t task = submit(at);
    dora_task *job = take(at);
    tick(at, LIMIT_MS);
    later(at, task, DR_INTERRUPT_ANSWER_MS);
    assert_int_equal(at->pool.due_count, 1);
    dora_task_done(job, DORA_EHANDLER);
    assert_int_equal(collect(at), 1);
    assert_false(at->is_early);
    assert_int_equal(at->pool.due_count, 0);
}

static void the_next_task_in_its_place_is_not_asked(void **state)
{
    setting *at = *state;
    set_up(at, 1, GRACE_MS);
    const uint32_t task = submit(at);
    dora_task *job = take(at);
    tick(at, LIMIT_MS);
    dora_task_done(job, DORA_EHANDLER);
    assert_int_equal(collect(at), 1);
    assert_int_equal(submit(at), task); /* in the very same place */
    job = take(at);
    assert_int_equal(dr_job_interrupt(job), DR_INTERRUPT_NONE);
    (void)dora_write_null(dora_reply_writer(dora_task_reply(job)));
    dora_task_done(job, DORA_OK);
    assert_int_equal(collect(at), 1);
    assert_int_equal(at->code, 0);
}

static void one_whose_worker_is_killed_is_not_answered_again(void **state)
{
    setting *at = *state;
    set_up(at, 1, GRACE_MS);
    const uint32_t task = submit(at);
    (void)take(at);
    tick(at, LIMIT_MS);
    later(at, task, DR_INTERRUPT_ANSWER_MS);
    assert_int_equal(collect(at), 1);
    later(at, task, GRACE_MS);
    dr_dispatch_worker_died(&at->pool, at->slot);
    assert_int_equal(collect(at), 0);
    assert_int_equal(at->told, 1);
    assert_int_equal(at->pool.restarts[DR_RESTART_TIME_LIMIT], 1);
    assert_int_equal(at->pool.records[task].state, DR_RECORD_FREE);
    assert_int_equal(at->pool.slots[at->slot].state, DR_SLOT_EMPTY);
}

static void a_pool_may_kill_unasked(void **state)
{
    setting *at = *state;
    set_up(at, 1, 0);
    (void)submit(at);
    const dora_task *job = take(at);
    tick(at, LIMIT_MS);
    assert_int_equal(dr_job_interrupt(job), DR_INTERRUPT_NONE);
    assert_true(at->pool.slots[at->slot].killed_for_limit);
    dr_dispatch_worker_died(&at->pool, at->slot);
    assert_int_equal(collect(at), 1);
    assert_int_equal(at->code, DORA_CODE_TIME_LIMIT);
}

static void a_running_one_is_cancelled(void **state)
{
    setting *at = *state;
    set_up(at, 1, GRACE_MS);
    const uint32_t task = submit(at);
    assert_false(dr_interrupt_task(&at->pool, task, DR_INTERRUPT_CANCELLED)); /* it waits */
    dora_task *job = take(at);
    assert_true(dr_interrupt_task(&at->pool, task, DR_INTERRUPT_CANCELLED));
    assert_false(dr_interrupt_task(&at->pool, task, DR_INTERRUPT_TIME_LIMIT));
    assert_int_equal(dr_job_interrupt(job), DR_INTERRUPT_CANCELLED);
    dora_task_done(job, dora_task_interrupted(job, DORA_INTERRUPT_CANCELLED, "", 0));
    assert_false(dr_interrupt_task(&at->pool, task, DR_INTERRUPT_CANCELLED)); /* it has ended */
    assert_int_equal(collect(at), 1);
    assert_int_equal(at->code, DORA_CODE_CANCELLED);
    assert_string_equal(at->msg, "cancelled");
}

static void one_that_is_killed_for_it_counts_as_that(void **state)
{
    setting *at = *state;
    set_up(at, 1, GRACE_MS);
    const uint32_t task = submit(at);
    (void)take(at);
    assert_true(dr_interrupt_task(&at->pool, task, DR_INTERRUPT_CANCELLED));
    later(at, task, GRACE_MS);
    dr_dispatch_worker_died(&at->pool, at->slot);
    assert_int_equal(collect(at), 1);
    assert_int_equal(at->code, DORA_CODE_CANCELLED);
    assert_int_equal(at->pool.restarts[DR_RESTART_CANCELLED], 1);
}

static void a_loop_ends_one_and_goes_on_with_the_others(void **state)
{
    setting *at = *state;
    set_up(at, 8, GRACE_MS);
    const uint32_t first = submit(at);
    dora_task *one = take(at);
    (void)submit(at);
    dora_task *other = take(at);
    assert_true(dr_interrupt_task(&at->pool, first, DR_INTERRUPT_CANCELLED));
    assert_true(dora_worker_has_interrupts(&at->worker));
    assert_int_equal(dora_task_interrupt(one), DORA_INTERRUPT_CANCELLED);
    assert_int_equal(dora_task_interrupt(other), DORA_INTERRUPT_NONE);
    static const char stack[] = "/srv/shop.py:12 in wait\n/srv/shop.py:3 in buy\n";
    dora_task_done(one, dora_task_interrupted(one, DORA_INTERRUPT_CANCELLED, stack, strlen(stack)));
    assert_int_equal(collect(at), 1);
    assert_string_equal(at->msg, "cancelled; it was at shop.py:12 in wait");
    later(at, first, GRACE_MS + 1);
    assert_false(at->pool.slots[at->slot].killed_for_limit);
    (void)dora_write_null(dora_reply_writer(dora_task_reply(other)));
    dora_task_done(other, DORA_OK);
    assert_int_equal(collect(at), 1);
    assert_int_equal(at->code, 0);
}

/* The process that stands for the worker says nothing: this one does. */
static void a_loop_is_asked_again_for_each_task_whoever_has_a_stack(void **state)
{
    setting *at = *state;
    set_up(at, 8, GRACE_MS);
    const uint32_t first = submit(at);
    (void)take(at);
    const uint32_t second = submit(at);
    (void)take(at);
    dr_heed_begin(&at->worker);
    assert_true(dr_interrupt_task(&at->pool, first, DR_INTERRUPT_CANCELLED));
    later(at, first, DR_INTERRUPT_AGAIN_MS);
    assert_int_equal(at->pool.records[first].asked_again, 1);
    dora_stack_put("of the first", 12);
    assert_true(dr_interrupt_task(&at->pool, second, DR_INTERRUPT_CANCELLED));
    assert_int_equal(at->pool.records[second].asked_again, 0);
    later(at, second, DR_INTERRUPT_AGAIN_MS);
    assert_int_equal(at->pool.records[second].asked_again, 1);
    (void)signal(DORA_INTERRUPT_SIGNAL, SIG_DFL);
}

static void where_it_was_is_told(void **state)
{
    setting *at = *state;
    char text[DORA_STACK_BYTES];
    static const char said[] = "/srv/a\x1b.php:7 in sleep\n/srv/a.php:7 in wait\n";
    set_up(at, 1, GRACE_MS);
    dr_heed_begin(&at->worker);
    dora_stack_put("of before", 9);
    const uint32_t task = submit(at);
    (void)take(at);
    tick(at, LIMIT_MS);
    assert_int_equal(dr_interrupt_stack(&at->pool, at->slot, text, sizeof(text)), 0);
    dora_stack_put(said, strlen(said));
    const size_t len = dr_interrupt_stack(&at->pool, at->slot, text, sizeof(text));
    assert_slice(((dora_slice){text, len}), "/srv/a\\x1b.php:7 in sleep\n/srv/a.php:7 in wait\n");
    later(at, task, 1); /* nobody waits for more */
    assert_int_equal(collect(at), 1);
    assert_string_equal(at->msg,
                        "the handler ran past its time limit; it was at a\\x1b.php:7 in sleep");
    (void)signal(DORA_INTERRUPT_SIGNAL, SIG_DFL);
}

static void a_long_stack_is_cut(void **state)
{
    setting *at = *state;
    char long_one[DORA_STACK_BYTES + 100];
    char text[DORA_STACK_BYTES];
    memset(long_one, 'x', sizeof(long_one));
    set_up(at, 1, GRACE_MS);
    dr_heed_begin(&at->worker);
    (void)submit(at);
    (void)take(at);
    tick(at, LIMIT_MS);
    dora_stack_put(long_one, sizeof(long_one));
    assert_int_equal(dr_interrupt_stack(&at->pool, at->slot, text, sizeof(text)), DORA_STACK_BYTES);
    atomic_store(&at->pool.region.stacks[at->slot].len, UINT32_MAX); /* a worker may say anything */
    assert_int_equal(dr_interrupt_stack(&at->pool, at->slot, text, sizeof(text)), DORA_STACK_BYTES);
    (void)signal(DORA_INTERRUPT_SIGNAL, SIG_DFL);
}

static void a_late_reply_that_is_big_gives_its_area_back(void **state)
{
    setting *at = *state;
    static char long_one[BIG_BYTES / 2];
    set_up(at, 1, GRACE_MS);
    const uint32_t task = submit(at);
    dora_task *job = take(at);
    /* Written before it is asked: what it is told then fits behind the request. */
    memset(long_one, 'x', sizeof(long_one));
    (void)dora_write_string(dora_reply_writer(dora_task_reply(job)), long_one, sizeof(long_one));
    assert_true(at->worker.has_big);
    tick(at, LIMIT_MS);
    later(at, task, DR_INTERRUPT_ANSWER_MS);
    assert_int_equal(collect(at), 1);
    atomic_store(&at->pool.region.tasks[task].interrupt, 0); /* as if it had just settled */
    dora_task_done(job, DORA_OK);
    assert_int_equal(atomic_load(&at->pool.region.workers[at->slot].big), DR_BIG_FULL);
    assert_int_equal(collect(at), 0);
    assert_int_equal(atomic_load(&at->pool.region.workers[at->slot].big), DR_BIG_FREE);
}

static void a_stop_asks_all_and_refuses_what_waits(void **state)
{
    setting *at = *state;
    set_up(at, 1, GRACE_MS);
    const uint32_t task = submit(at);
    dora_task *job = take(at);
    (void)submit(at);
    assert_int_equal(dr_interrupt_all(&at->pool), 1);
    assert_int_equal(dr_job_interrupt(job), DR_INTERRUPT_STOP);
    assert_int_equal(collect(at), 1);
    assert_int_equal(at->code, DORA_CODE_STOPPING);
    later(at, task, GRACE_MS - 1);
    assert_int_equal(collect(at), 0); /* it may end by itself, and nobody is told before */
    (void)dora_reply_interrupted(dora_task_request(job), dora_task_reply(job));
    dora_task_done(job, DORA_EHANDLER);
    assert_int_equal(collect(at), 1);
    assert_int_equal(at->code, DORA_CODE_CANCELLED);
    assert_string_equal(at->msg, "cancelled: the server stops");
}

static void what_was_not_asked_has_no_such_reply(void **state)
{
    setting *at = *state;
    set_up(at, 1, GRACE_MS);
    (void)submit(at);
    dora_task *job = take(at);
    assert_int_equal(dora_reply_interrupted(dora_task_request(job), dora_task_reply(job)), DORA_OK);
    (void)dora_write_null(dora_reply_writer(dora_task_reply(job)));
    dora_task_done(job, DORA_OK);
    assert_int_equal(collect(at), 1);
    assert_int_equal(at->code, 0);
}

/* ---- streams ---- */

/* stall begins a stream whose client takes nothing, and has it send a part that is large. */
static dora_task *stall(setting *self)
{
    static char part[BIG_BYTES / 2];
    (void)submit_of(self, DR_TYPE_ST_S);
    dora_task *job = take(self);
    memset(part, 'x', sizeof(part));
    (void)dora_write_string(dora_reply_writer(dora_task_reply(job)), part, sizeof(part));
    assert_int_equal(dora_reply_part(dora_task_reply(job)), DORA_EAGAIN);
    return job;
}

static void a_part_that_waits_leaves_the_big_area_to_others(void **state)
{
    setting *at = *state;
    static char long_one[BIG_BYTES / 2];
    set_up(at, 8, GRACE_MS);
    dora_task *stream = stall(at);
    assert_int_equal(stream->place, DR_JOB_IN_HEAP);
    assert_false(at->worker.has_big);
    (void)submit(at);
    dora_task *job = take(at);
    memset(long_one, 'y', sizeof(long_one));
    (void)dora_write_string(dora_reply_writer(dora_task_reply(job)), long_one, sizeof(long_one));
    assert_true(at->worker.has_big);
    dora_task_done(job, DORA_OK);
    assert_int_equal(collect(at), 1);
    assert_int_equal(at->code, 0);
    dora_task_done(stream, dora_task_interrupted(stream, DORA_INTERRUPT_CANCELLED, "", 0));
    assert_int_equal(collect(at), 1);
}

static void the_next_stream_in_its_place_does_not_wait(void **state)
{
    setting *at = *state;
    set_up(at, 8, GRACE_MS);
    dora_task *job = stall(at);
    assert_int_not_equal(job->paused_ns, 0);
    dora_task_done(job, dora_task_interrupted(job, DORA_INTERRUPT_CANCELLED, "", 0));
    assert_int_equal(collect(at), 1);
    (void)submit_of(at, DR_TYPE_ST_S);
    assert_ptr_equal(take(at), job);
    assert_int_equal(job->paused_ns, 0);
    dora_task_done(job, DORA_OK);
    assert_int_equal(collect(at), 1);
    assert_int_equal(at->pool.costs[0].run_ns, 0); /* how long it took was up to its reader */
}

static bool is_young(const dr_task_seen *seen, void *user)
{
    (*(uint32_t *)user)++;
    assert_true(seen->has_begun);
    assert_true(seen->queue_ns < UINT64_C(3600000000000));
    assert_true(seen->age_ns < UINT64_C(3600000000000));
    return false;
}

static void one_that_waits_for_room_is_not_of_another_century(void **state)
{
    setting *at = *state;
    uint32_t count = 0;
    set_up(at, 8, GRACE_MS);
    dora_task *job = stall(at);
    dr_dispatch_each(&at->pool, is_young, &count);
    assert_int_equal(count, 1);
    dora_task_done(job, DORA_OK);
    assert_int_equal(collect(at), 1);
}

/* A signal that comes just before it sleeps is missed. */
static void what_sleeps_for_room_is_woken_to_end(void **state)
{
    setting *at = *state;
    set_up(at, 1, GRACE_MS);
    const uint32_t task = submit_of(at, DR_TYPE_ST_S);
    dora_task *job = take(at);
    assert_false(dr_parts_can_go_on(job));
    atomic_store(&at->pool.region.workers[at->slot].asleep, DR_ASLEEP_FOR_ROOM);
    assert_true(dr_interrupt_task(&at->pool, task, DR_INTERRUPT_STOP));
    assert_int_equal(atomic_load(&at->pool.region.workers[at->slot].asleep), DR_AWAKE);
    assert_true(dr_parts_can_go_on(job));
    dora_task_done(job, DORA_EHANDLER);
    assert_int_equal(collect(at), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(setting, a_task_at_its_limit_is_asked_to_end),
        unit_in(setting, its_caller_is_answered_at_once_and_once),
        unit_in(setting, one_that_ends_in_time_says_so_itself),
        unit_in(setting, one_that_ends_when_it_is_due_is_answered_once),
        unit_in(setting, the_next_task_in_its_place_is_not_asked),
        unit_in(setting, one_whose_worker_is_killed_is_not_answered_again),
        unit_in(setting, a_pool_may_kill_unasked),
        unit_in(setting, a_running_one_is_cancelled),
        unit_in(setting, one_that_is_killed_for_it_counts_as_that),
        unit_in(setting, a_loop_ends_one_and_goes_on_with_the_others),
        unit_in(setting, a_loop_is_asked_again_for_each_task_whoever_has_a_stack),
        unit_in(setting, where_it_was_is_told),
        unit_in(setting, a_long_stack_is_cut),
        unit_in(setting, a_late_reply_that_is_big_gives_its_area_back),
        unit_in(setting, a_stop_asks_all_and_refuses_what_waits),
        unit_in(setting, what_was_not_asked_has_no_such_reply),
        unit_in(setting, a_part_that_waits_leaves_the_big_area_to_others),
        unit_in(setting, the_next_stream_in_its_place_does_not_wait),
        unit_in(setting, one_that_waits_for_room_is_not_of_another_century),
        unit_in(setting, what_sleeps_for_room_is_woken_to_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
