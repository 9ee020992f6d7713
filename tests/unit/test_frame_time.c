/* test_frame_time.c: how long a frame may take that has begun, and that each has its own time. */
#include "unit_reactor.h"

#include <poll.h>
#include <sys/socket.h>

#include "net/conn_look.h"

#define LIMIT_MS 1000u
#define BODY "a:0:{}"

typedef struct scene {
    dr_reactor reactor;
    bool has_reactor;
    int listen_fd;
    int client;
    uint32_t frames;
    uint32_t keeps; /* calls that each of them is, in flight until the test ends them */
    uint32_t gone;
    dr_buf frame;
    dr_budget budget;
    bool has_budget;
    dr_seat seat;
} scene;

static void on_frame(dr_conn *conn, const dr_frame *frame, void *user)
{
    scene *at = user;
    (void)frame;
    at->frames++;
    conn->calls += at->keeps;
}

static void on_gone(dr_conn *conn, void *user)
{
    (void)conn;
    ((scene *)user)->gone++;
}

static void scene_end(scene *at)
{
    unit_close(&at->client);
    unit_reactor_end(&at->reactor, &at->has_reactor);
    unit_close(&at->listen_fd);
    if (at->has_budget) {
        dr_budget_fini(&at->budget);
    }
    dr_buf_fini(&at->frame);
}
UNIT_SCENE(scene, scene_end)

static void begin(scene *at)
{
    dr_reactor_events events = unit_reactor_events(at);
    events.on_frame = on_frame;
    events.on_gone = on_gone;
    unit_reactor_begin(&at->reactor, &events, &at->has_reactor);
    uv_timer_stop(&at->reactor.sweep); /* the test looks itself, and says how much time passes */
    dr_budget_init(&at->budget, 0, 0, NULL);
    at->has_budget = true;
    at->seat.budget = &at->budget;
    dr_reactor_guard(&at->reactor, &at->seat, 0, LIMIT_MS);
    unit_reactor_connect(unit_reactor_listen(&at->reactor, &at->listen_fd), &at->client);
    unit_frame(&at->frame, UNIT_GUID_BYTES, BODY, sizeof(BODY) - 1);
}

/* feed sends bytes and has the reactor read them. */
static void feed(scene *at, const char *data, size_t len)
{
    const uint64_t before = dr_count_get(&at->reactor.bytes_in);
    assert_int_equal(send(at->client, data, len, 0), (ssize_t)len);
    while (dr_count_get(&at->reactor.bytes_in) < before + len) {
        (void)poll(NULL, 0, 1);
        (void)uv_run(&at->reactor.loop, UV_RUN_NOWAIT);
    }
}

static void pass(scene *at, uint32_t ms)
{
    assert_non_null(at->reactor.conns);
    dr_conn_look(at->reactor.conns, ms, 0, LIMIT_MS);
}

static void a_frame_that_is_not_whole_in_time_is_ended(void **state)
{
    scene *at = *state;
    begin(at);
    const char *frame = at->frame.data;
    for (uint32_t i = 0; i < 9; i++) { /* a byte each time: it never stands still */
        feed(at, frame + i, 1);
        pass(at, 100);
        assert_int_equal(at->gone, 0);
    }
    feed(at, frame + 9, 1);
    pass(at, 100);
    assert_int_equal(at->gone, 1);
    assert_int_equal(at->budget.ended[DR_ENDED_SLOW], 1);
    assert_int_equal(at->frames, 0);
}

/* The end of one comes with the beginning of the next, again and again. */
static void each_frame_has_its_own_time(void **state)
{
    scene *at = *state;
    begin(at);
    const size_t half = at->frame.len / 2;
    const size_t rest = at->frame.len - half;
    char both[256];
    assert_true(at->frame.len < sizeof(both));
    memcpy(both, at->frame.data + half, rest);
    memcpy(both + rest, at->frame.data, half);
    feed(at, at->frame.data, half);
    for (uint32_t i = 0; i < 20; i++) {
        pass(at, 900);
        assert_int_equal(at->gone, 0);
        feed(at, both, rest + half);
        assert_int_equal(at->frames, i + 1);
    }
    pass(at, 900);
    pass(at, 100);
    assert_int_equal(at->gone, 1);
}

/* One that ends with a read, and another that begins with the next. */
static void a_frame_that_has_come_leaves_no_time_to_the_next(void **state)
{
    scene *at = *state;
    begin(at);
    const size_t half = at->frame.len / 2;
    for (uint32_t i = 0; i < 20; i++) {
        feed(at, at->frame.data, half);
        pass(at, 900);
        assert_int_equal(at->gone, 0);
        feed(at, at->frame.data + half, at->frame.len - half);
        assert_int_equal(at->frames, i + 1);
    }
    pass(at, 5000); /* between frames there is none */
    assert_int_equal(at->gone, 0);
}

/* Where no more may be in flight, what has come of the next frame waits; its time begins when it is
 * read on. */
static void a_frame_behind_a_pause_has_its_own_time(void **state)
{
    scene *at = *state;
    char both[256];
    begin(at);
    at->keeps = 1;
    at->reactor.calls_max = 1;
    const size_t half = at->frame.len / 2;
    const size_t rest = at->frame.len - half;
    assert_true(at->frame.len < sizeof(both));
    memcpy(both, at->frame.data + half, rest);
    memcpy(both + rest, at->frame.data, half);
    feed(at, at->frame.data, half);
    pass(at, 900);
    feed(at, both, rest + half);
    assert_int_equal(at->frames, 1);
    dr_conn *conn = at->reactor.conns;
    assert_false(conn->is_reading);
    conn->calls--; /* before anybody looks: the pause was short */
    dr_conn_update(conn);
    assert_true(conn->is_reading);
    pass(at, 900);
    assert_int_equal(at->gone, 0);
    pass(at, 100);
    assert_int_equal(at->gone, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(scene, a_frame_that_is_not_whole_in_time_is_ended),
        unit_in(scene, each_frame_has_its_own_time),
        unit_in(scene, a_frame_that_has_come_leaves_no_time_to_the_next),
        unit_in(scene, a_frame_behind_a_pause_has_its_own_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
