/* test_crew.c: workers that are started for those that have ended: not before it is known how these
 * ended, where some have ended by themselves. The zygote is played by hand. */
#include "unit_pool.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "ipc/control.h"
#include "task/crew.h"
#include "task/crew_child.h"
#include "task/crew_gone.h"
#include "task/watch.h"

#define WORKERS 2u
#define PID 4711

/* scene is a crew that serves, whose zygote is this test, with none of its workers started. */
typedef struct scene {
    dr_pool pool;
    int event_fds[1];
    uv_loop_t loop;
    bool has_loop;
    dr_log *log;
    dr_crew *crew;
    dr_zygote zygote;
    int ends[2]; /* of its control socket: the crew's, ours */
    dr_control_message message;
} scene;

static void on_nothing(void *user)
{
    (void)user;
}

static void on_attention(dr_pool *pool, void *user)
{
    (void)pool;
    (void)user;
}

static void scene_end(scene *self)
{
    if (self->crew != NULL) {
        dr_children_close(self->crew);
        dr_gone_free(self->crew);
        uv_close((uv_handle_t *)&self->crew->retry, NULL);
    }
    if (self->has_loop) {
        (void)uv_run(&self->loop, UV_RUN_DEFAULT);
        (void)uv_loop_close(&self->loop);
    }
    free(self->crew);
    dr_log_free(self->log);
    unit_close(&self->ends[0]);
    unit_close(&self->ends[1]);
    dr_control_close(&self->message);
    unit_pool_end(&self->pool, self->event_fds);
}
UNIT_SCENE(scene, scene_end)

static void begin(scene *self)
{
    const dr_pool_limits limits = {.reactors = 1,
                                   .workers = 2 * WORKERS,
                                   .queue_tasks_max = 8,
                                   .slab_bytes = 1u << 20,
                                   .big_bytes = 64u << 10};
    dora_error error;
    unit_pool_begin(&self->pool, self->event_fds, &limits);
    self->pool.on_attention = on_attention;
    assert_int_equal(dr_log_new(&self->log, "/dev/null", false, DR_LOG_ERROR, &error), DORA_OK);
    self->has_loop = uv_loop_init(&self->loop) == 0;
    assert_true(self->has_loop);
    assert_int_equal(
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, self->ends), 0);
    dr_crew *crew = calloc(1, sizeof(*crew));
    assert_non_null(crew);
    crew->options = (dr_crew_options){.name = "p", .workers = WORKERS};
    crew->events = (dr_crew_events){.on_state = on_nothing, .on_death = on_nothing};
    crew->id = 1;
    crew->pool = &self->pool;
    crew->loop = &self->loop;
    crew->log = self->log;
    crew->zygote = &self->zygote;
    self->zygote.control_fd = self->ends[0];
    uv_timer_init(&self->loop, &crew->retry);
    crew->retry.data = crew;
    crew->state = DR_CREW_LOADED;
    crew->was_ready = true;
    self->crew = crew;
}

/* asked counts how many workers the zygote was asked for since. */
static uint32_t asked(scene *self)
{
    uint32_t count = 0;
    while (dr_control_receive(self->ends[1], &self->message) == DORA_OK) {
        count += self->message.head.kind == DR_CONTROL_FORK;
        dr_control_close(&self->message);
    }
    return count;
}

/* end_worker has one of the crew's end whose status is not known yet. */
static void end_worker(scene *self)
{
    const uint32_t slot = unit_pool_worker(&self->pool);
    self->pool.slots[slot].crew = self->crew->id;
    self->pool.slots[slot].pid = PID;
    self->pool.slots[slot].finished = 1; /* it was of some use */
    dr_crew_worker_gone(self->crew, slot, PID);
    assert_non_null(self->crew->gone);
}

static void with_no_crash_before_nobody_waits(void **state)
{
    scene *self = *state;
    begin(self);
    end_worker(self);
    assert_int_equal(asked(self), WORKERS);
}

/* Whatever wakes the crew, such as the end of an earlier pause. */
static void after_a_crash_the_next_status_is_awaited(void **state)
{
    scene *self = *state;
    begin(self);
    self->crew->pace.crashes = 1;
    end_worker(self);
    dr_crew_balance(self->crew);
    assert_int_equal(asked(self), 0);
    dr_gone_tell(self->crew, PID, SIGKILL); /* somebody else's act: no pause */
    assert_int_equal(asked(self), WORKERS);
}

static void a_status_that_does_not_come_is_not_awaited_for_ever(void **state)
{
    scene *self = *state;
    begin(self);
    self->crew->pace.crashes = 1;
    end_worker(self);
    for (unsigned i = 0; i < 2; i++) {
        dr_gone_look(self->crew);
        assert_int_equal(asked(self), 0);
    }
    dr_gone_look(self->crew);
    assert_int_equal(asked(self), WORKERS);
}

/* A worker may be at work before its zygote, which is killed, has said who it is. */
static void what_a_nameless_worker_ran_is_told(void **state)
{
    const dr_task_input input = {.name = {"/t", 2}, .param = {"N;", 2}, .guid = UNIT_GUID};
    scene *self = *state;
    begin(self);
    dr_crew_balance(self->crew);
    assert_int_equal(asked(self), WORKERS);
    const uint32_t slot = self->pool.slots[0].state == DR_SLOT_STARTING ? 0 : 1;
    dr_dispatch_worker_ready(&self->pool, slot);
    (void)unit_pool_submit(&self->pool, &input);
    (void)unit_pool_start(&self->pool, slot);
    dr_children_forget(self->crew);
    assert_int_equal(self->pool.slots[slot].state, DR_SLOT_DEAD);
    assert_non_null(self->crew->gone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(scene, with_no_crash_before_nobody_waits),
        unit_in(scene, after_a_crash_the_next_status_is_awaited),
        unit_in(scene, a_status_that_does_not_come_is_not_awaited_for_ever),
        unit_in(scene, what_a_nameless_worker_ran_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
