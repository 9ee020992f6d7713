/* test_redis_drivers.c: both drivers of a session with Redis against a little server. */
#include "redis_scene.h"

#include <unistd.h>

#include "base/clock.h"
#include "discovery/redis_uv.h"
#include "discovery/redis_wait.h"
#include "little_redis.h"

#define WAIT_MS 60000u

/* One session and its driver, of either kind. */
typedef struct driving {
    redis_scene scene;
    bool is_uv;
    bool has_loop;
    uv_loop_t loop;
    dr_redis_uv *uv;
    dr_redis_wait *wait;
    const char *until; /* what is to be told */
    unsigned closed;
} driving;

static void driving_begin(driving *at, bool is_uv, const char *where)
{
    memset(at, 0, sizeof *at);
    redis_scene_begin(&at->scene, where);
    at->scene.has_clock = true;
    at->scene.now_ns = dr_clock_ns();
    at->is_uv = is_uv;
    if (is_uv) {
        at->has_loop = uv_loop_init(&at->loop) == 0;
        assert_true(at->has_loop);
        assert_int_equal(dr_redis_uv_new(&at->uv, &at->loop, at->scene.redis), DORA_OK);
    } else {
        assert_int_equal(dr_redis_wait_new(&at->wait, &at->scene.redis, 1), DORA_OK);
    }
}

static bool is_told(void *user)
{
    const driving *at = user;
    return strstr(at->scene.told, at->until) != NULL;
}

static bool is_at_once(void *user)
{
    (void)user;
    return true;
}

/* What the owner did is done, without waiting. */
static void look(driving *at)
{
    if (at->is_uv) {
        dr_redis_uv_look(at->uv);
    } else {
        dr_redis_wait_run(at->wait, is_at_once, at, 0);
    }
}

static void on_late(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

static void uv_drive(driving *at)
{
    bool is_late = false;
    uv_timer_t guard;
    uv_timer_init(&at->loop, &guard);
    guard.data = &is_late;
    uv_timer_start(&guard, on_late, WAIT_MS, 0);
    dr_redis_uv_look(at->uv);
    while (!is_told(at) && !is_late) {
        uv_run(&at->loop, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)&guard, NULL);
    uv_run(&at->loop, UV_RUN_NOWAIT);
}

/* Drives until `text` is among what was told. */
static void drive(driving *at, const char *text)
{
    at->until = text;
    if (at->is_uv) {
        uv_drive(at);
    } else {
        dr_redis_wait_run(at->wait, is_told, at, dr_clock_ns() + WAIT_MS * MS);
    }
    if (!is_told(at)) {
        fail_msg("%s: told %s, not %s", at->is_uv ? "uv" : "wait", at->scene.told, text);
    }
}

static void on_closed(void *user)
{
    ((driving *)user)->closed++;
}

/* After the close the session may be freed at once, and nobody calls it. */
static void driving_end(driving *at)
{
    unsigned early = 0;
    int left = 0;
    const bool is_open = at->uv != NULL;
    if (is_open) {
        dr_redis_uv_close(at->uv, on_closed, at);
    }
    if (at->wait != NULL) {
        dr_redis_wait_free(at->wait);
    }
    redis_scene_end(&at->scene);
    early = at->closed;
    if (at->has_loop) {
        left = uv_run(&at->loop, UV_RUN_DEFAULT);
        left += uv_loop_close(&at->loop);
    }
    const unsigned closed = at->closed;
    memset(at, 0, sizeof *at);
    assert_int_equal(early, 0);
    assert_int_equal(closed, is_open);
    assert_int_equal(left, 0);
}

static void start(driving *at)
{
    dr_redis_start(at->scene.redis, dr_clock_ns());
}

static void say(driving *at, const char *text)
{
    at->scene.now_ns = dr_clock_ns();
    assert_int_equal(redis_scene_say(&at->scene, text), DORA_OK);
}

/* A server and a session with it. */
typedef struct meeting {
    little_redis server;
    driving client;
} meeting;

static void meeting_begin(meeting *at, bool is_uv, bool is_local, const little_manner *manners,
                          size_t count)
{
    char where[128];
    little_redis_begin(&at->server, is_local, manners, count);
    little_redis_url(&at->server, where);
    driving_begin(&at->client, is_uv, where);
    start(&at->client);
}

static void meeting_end(meeting *at)
{
    driving_end(&at->client);
    little_redis_end(&at->server);
}
UNIT_SCENE(meeting, meeting_end)

static const little_manner answers[] = {LITTLE_ANSWERS};

/* ---- both drivers ---- */

static void a_command_is_answered(meeting *at, bool is_uv, bool is_local)
{
    meeting_begin(at, is_uv, is_local, answers, 1);
    at->client.scene.on_open_say = "ECHO one";
    drive(&at->client, "'one' ");
    say(&at->client, "ECHO two");
    drive(&at->client, "'two' ");
    say(&at->client, "SUBSCRIBE c");
    drive(&at->client, "message ");
    redis_scene_told_is(&at->client.scene, "open 'one' 'two' ['subscribe','c',1] message ");
    say(&at->client, "PING");
    dr_redis_stop(at->client.scene.redis, 1000, dr_clock_ns());
    drive(&at->client, "'PONG' ");
    look(&at->client);
    little_redis_wait(&at->server.ended, 1);
    assert_int_equal(dr_redis_state_of(at->client.scene.redis), DR_REDIS_STOPPED);
    start(&at->client); /* again */
    drive(&at->client, "open 'one' ");
    meeting_end(at);
}

static void large_commands_and_replies_pass(meeting *at, bool is_uv, bool is_local)
{
    static const little_manner waits[] = {LITTLE_WAITS};
    enum { LARGE = 6 }; /* together more than the socket takes; none is long at work anywhere */
    const size_t len = 512 * 1024;
    char *text = calloc(1, len);
    const dora_slice words[] = {{"SWALLOW", 7}, {text, len}};
    meeting_begin(at, is_uv, is_local, waits, 1);
    at->server.may_read = true;
    drive(&at->client, "open ");
    at->server.may_read = false;
    uint64_t now_ns = dr_clock_ns() + WAIT_MS * MS; /* a slow machine may be long at it */
    char replies[LARGE * 16] = "";
    for (int i = 0; i < LARGE; i++) {
        assert_int_equal(dr_redis_command(at->client.scene.redis, words, 2, redis_scene_on_reply,
                                          &at->client.scene, now_ns),
                         DORA_OK);
        memcpy(replies + strlen(replies), "!ERR unknown! ", sizeof "!ERR unknown! ");
    }
    look(&at->client); /* not all of it goes */
    at->server.may_read = true;
    drive(&at->client, replies);
    say(&at->client, "BIG");
    drive(&at->client, "'' "); /* written as a text of C, it ends at its first zero */
    meeting_end(at);
    free(text);
}

static void one_that_closes_is_connected_again(meeting *at, bool is_uv, bool is_local)
{
    static const little_manner manners[] = {LITTLE_CLOSES, LITTLE_ANSWERS};
    meeting_begin(at, is_uv, is_local, manners, 2);
    drive(&at->client, "open ");
    redis_scene_told_is(&at->client.scene, "down(closed the connection) open ");
    meeting_end(at);
}

static void one_that_talks_nonsense_is_left(meeting *at, bool is_uv, bool is_local)
{
    static const little_manner manners[] = {LITTLE_NONSENSE, LITTLE_ANSWERS};
    meeting_begin(at, is_uv, is_local, manners, 2);
    drive(&at->client, "open ");
    redis_scene_told_is(&at->client.scene,
                        "down(Protocol error, got \"H\" as reply type byte) open ");
    meeting_end(at);
}

static void nobody_there_is_told(meeting *at, bool is_uv, bool is_local)
{
    char where[128];
    little_redis_begin(&at->server, is_local, answers, 1);
    little_redis_url(&at->server, where);
    little_redis_end(&at->server);
    driving_begin(&at->client, is_uv, where);
    start(&at->client);
    drive(&at->client, "down(cannot connect: ");
    drive(&at->client, ") down(cannot connect: "); /* and tried again by itself */
    driving_end(&at->client);
}

static void an_alarm_rings(meeting *at, bool is_uv, bool is_local)
{
    meeting_begin(at, is_uv, is_local, answers, 1);
    drive(&at->client, "open ");
    dr_redis_alarm(at->client.scene.redis, dr_clock_ns() + 20 * MS);
    drive(&at->client, "alarm ");
    assert_true(at->client.scene.now_ns <= dr_clock_ns());
    meeting_end(at);
}

/* A driver that was held up reads first, and looks at the time then. */
static void what_has_come_meanwhile_counts(meeting *at, bool is_uv, bool is_local)
{
    meeting_begin(at, is_uv, is_local, answers, 1);
    drive(&at->client, "open ");
    at->client.scene.now_ns = dr_clock_ns() - 2 * DR_REDIS_REPLY_MS * MS;
    assert_int_equal(redis_scene_say(&at->client.scene, "ECHO late"), DORA_OK);
    look(&at->client);
    little_redis_wait(&at->server.answers, 2);
    drive(&at->client, "'late' ");
    redis_scene_told_is(&at->client.scene, "open 'late' ");
    meeting_end(at);
}

static void with_both(meeting *at, void (*test)(meeting *, bool is_uv, bool is_local))
{
    test(at, true, false);
    test(at, false, false);
    test(at, true, true);
    test(at, false, true);
}

#define WITH_BOTH(name)                                                                            \
    static void both_##name(void **state)                                                          \
    {                                                                                              \
        with_both(*state, name);                                                                   \
    }
WITH_BOTH(a_command_is_answered)
WITH_BOTH(large_commands_and_replies_pass)
WITH_BOTH(one_that_closes_is_connected_again)
WITH_BOTH(one_that_talks_nonsense_is_left)
WITH_BOTH(nobody_there_is_told)
WITH_BOTH(an_alarm_rings)
WITH_BOTH(what_has_come_meanwhile_counts)

/* Two of them at the same time. */
typedef struct meetings {
    meeting one;
    meeting other;
} meetings;

static void meetings_end(meetings *at)
{
    meeting_end(&at->one);
    meeting_end(&at->other);
}
UNIT_SCENE(meetings, meetings_end)

/* This takes DR_REDIS_REPLY_MS. */
static void silence_is_noticed(void **state)
{
    meetings *at = *state;
    meeting *one = &at->one;
    meeting *other = &at->other;
    static const little_manner silent[] = {LITTLE_SILENT};
    meeting_begin(one, true, false, silent, 1);
    meeting_begin(other, false, false, silent, 1);
    one->client.until = other->client.until = "down(no answer within 2 s) ";
    look(&one->client);
    const uint64_t until_ns = dr_clock_ns() + WAIT_MS * MS;
    while (!(is_told(&one->client) && is_told(&other->client)) && dr_clock_ns() < until_ns) {
        uv_run(&one->client.loop, UV_RUN_NOWAIT);
        dr_redis_wait_run(other->client.wait, is_told, &other->client, dr_clock_ns() + 10 * MS);
    }
    drive(&one->client, "down(no answer within 2 s) ");
    drive(&other->client, "down(no answer within 2 s) ");
}

/* ---- libuv ---- */

static void a_driver_may_be_closed_at_any_stage(void **state)
{
    meeting *at = *state;
    static const char *const hosts[] = {"127.0.0.1:1", "localhost:1", "unix:/nowhere", "a..b:1"};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        for (int turns = -1; turns < 12; turns++) {
            driving_begin(&at->client, true, hosts[i]);
            start(&at->client);
            if (turns >= 0) {
                look(&at->client);
            }
            for (int k = 0; k < turns; k++) {
                uv_run(&at->client.loop, UV_RUN_NOWAIT);
            }
            driving_end(&at->client);
        }
    }
    for (int turns = -1; turns < 12; turns++) {
        static const little_manner waits[] = {LITTLE_WAITS};
        const size_t len = 6 * 1024 * 1024;
        char *text = calloc(1, len);
        const dora_slice words[] = {{"SWALLOW", 7}, {text, len}};
        meeting_begin(at, true, false, waits, 1);
        look(&at->client);
        for (int k = 0; k < turns; k++) {
            at->server.may_read = k > 3;
            uv_run(&at->client.loop, UV_RUN_NOWAIT);
            dr_redis_command(at->client.scene.redis, words, 2, redis_scene_on_reply,
                             &at->client.scene, dr_clock_ns());
            look(&at->client);
        }
        meeting_end(at);
        free(text);
    }
}

/* The owner's own events may close the driver. */
typedef struct closer {
    dr_redis_uv *driver;
    unsigned closed;
    bool on_open;
    bool has_loop;
    uv_loop_t loop;
    dr_redis *redis;
    little_redis server;
} closer;

static void count_closed(void *user)
{
    ((closer *)user)->closed++;
}

static void close_on_open(void *user, uint64_t now_ns)
{
    closer *at = user;
    (void)now_ns;
    if (at->on_open) {
        dr_redis_uv_close(at->driver, count_closed, at);
    }
}

static void close_on_down(void *user, const char *why, uint64_t now_ns)
{
    closer *at = user;
    (void)why;
    (void)now_ns;
    dr_redis_uv_close(at->driver, count_closed, at);
}

static void closer_end(closer *at)
{
    int err = 0;
    if (at->driver != NULL && at->closed == 0) {
        dr_redis_uv_close(at->driver, count_closed, at);
    }
    at->driver = NULL;
    if (at->has_loop) {
        (void)uv_run(&at->loop, UV_RUN_DEFAULT);
        err = uv_loop_close(&at->loop);
    }
    at->has_loop = false;
    dr_redis_free(at->redis);
    at->redis = NULL;
    little_redis_end(&at->server);
    assert_int_equal(err, 0);
}
UNIT_SCENE(closer, closer_end)

static void a_driver_may_be_closed_by_an_event(void **state)
{
    closer *at = *state;
    static const little_manner manners[][1] = {
        {LITTLE_ANSWERS}, {LITTLE_CLOSES}, {LITTLE_NONSENSE}};
    for (size_t i = 0; i <= sizeof manners / sizeof manners[0]; i++) {
        char where[128] = "unix:/nowhere";
        at->on_open = i == 0;
        at->closed = 0;
        const dr_redis_events events = {
            .on_open = close_on_open, .on_down = close_on_down, .user = at};
        bool has_server = i < sizeof manners / sizeof manners[0];
        dr_redis_url url;
        if (has_server) {
            little_redis_begin(&at->server, false, manners[i], 1);
            little_redis_url(&at->server, where);
        }
        assert_int_equal(dr_redis_url_read(text_slice(where), &url, NULL), DORA_OK);
        assert_int_equal(dr_redis_new(&at->redis, &url, &events), DORA_OK);
        at->has_loop = uv_loop_init(&at->loop) == 0;
        assert_true(at->has_loop);
        assert_int_equal(dr_redis_uv_new(&at->driver, &at->loop, at->redis), DORA_OK);
        dr_redis_start(at->redis, dr_clock_ns());
        dr_redis_uv_look(at->driver);
        assert_int_equal(uv_run(&at->loop, UV_RUN_DEFAULT), 0);
        assert_int_equal(at->closed, 1);
        closer_end(at);
    }
}

static void a_stopped_talk_keeps_no_loop_running(void **state)
{
    meeting *at = *state;
    meeting_begin(at, true, false, answers, 1);
    drive(&at->client, "open ");
    dr_redis_alarm(at->client.scene.redis, dr_clock_ns() + 3600000 * MS);
    dr_redis_stop(at->client.scene.redis, 0, dr_clock_ns());
    look(&at->client);
    assert_int_equal(uv_run(&at->client.loop, UV_RUN_DEFAULT), 0); /* returns */
    start(&at->client);
    drive(&at->client, "open open ");
}

/* ---- poll ---- */

enum { COUNT = 4 };

typedef struct crowd {
    little_redis servers[COUNT];
    redis_scene scenes[COUNT];
    driving first; /* of all */
} crowd;

static void crowd_end(crowd *at)
{
    driving_end(&at->first);
    for (size_t i = 0; i < COUNT; i++) {
        redis_scene_end(&at->scenes[i]);
        little_redis_end(&at->servers[i]);
    }
}
UNIT_SCENE(crowd, crowd_end)

static void many_are_driven_at_once(void **state)
{
    crowd *at = *state;
    redis_scene *scenes = at->scenes;
    static const little_manner silent[] = {LITTLE_SILENT};
    dr_redis *sessions[COUNT];
    driving *first = &at->first;
    first->until = "'one' ";
    for (size_t i = 0; i < COUNT; i++) {
        char where[128];
        little_redis_begin(&at->servers[i], i == 1, i == 2 ? silent : answers, 1);
        little_redis_url(&at->servers[i], where);
        redis_scene_begin(&scenes[i], where);
        scenes[i].has_clock = true;
        scenes[i].on_open_say = "ECHO one";
        sessions[i] = scenes[i].redis;
    }
    assert_int_equal(dr_redis_wait_new(&first->wait, sessions, COUNT), DORA_OK);
    for (size_t i = 0; i < COUNT; i++) {
        dr_redis_start(sessions[i], dr_clock_ns());
    }
    const uint64_t until_ns = dr_clock_ns() + WAIT_MS * MS;
    while (strstr(scenes[0].told, first->until) == NULL ||
           strstr(scenes[1].told, first->until) == NULL ||
           strstr(scenes[3].told, first->until) == NULL) {
        assert_true(dr_clock_ns() < until_ns);
        dr_redis_wait_run(first->wait, is_told, first, dr_clock_ns() + 5 * MS);
    }
    redis_scene_told_is(&scenes[2], "");
}

static void a_wait_for_nothing_takes_no_time(void **state)
{
    meeting *at = *state;
    meeting_begin(at, false, false, answers, 1);
    at->client.until = "open ";
    const uint64_t until_ns = dr_clock_ns() + WAIT_MS * MS;
    int late = 0;
    while (!is_told(&at->client)) {
        uint64_t began_ns = dr_clock_ns();
        dr_redis_wait_run(at->client.wait, is_told, &at->client, 0);
        assert_true(began_ns < until_ns);
        /* Half of what a wait for Redis would be. A machine may stand still, but not each time. */
        late += dr_clock_ns() - began_ns >= DR_REDIS_CONNECT_MS * MS / 2;
        assert_in_range(late, 0, 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(meeting, both_a_command_is_answered),
        unit_in(meeting, both_large_commands_and_replies_pass),
        unit_in(meeting, both_one_that_closes_is_connected_again),
        unit_in(meeting, both_one_that_talks_nonsense_is_left),
        unit_in(meeting, both_nobody_there_is_told),
        unit_in(meeting, both_an_alarm_rings),
        unit_in(meeting, both_what_has_come_meanwhile_counts),
        unit_in(meetings, silence_is_noticed),
        unit_in(meeting, a_driver_may_be_closed_at_any_stage),
        unit_in(closer, a_driver_may_be_closed_by_an_event),
        unit_in(meeting, a_stopped_talk_keeps_no_loop_running),
        unit_in(crowd, many_are_driven_at_once),
        unit_in(meeting, a_wait_for_nothing_takes_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
