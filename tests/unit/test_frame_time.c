/* test_frame_time.c: how long a frame may take that has begun, and that each has its own time. */
#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/conn_look.h"
#include "net/listener.h"
#include "net/reactor.h"
#include "wire/frame.h"

#define LIMIT_MS 1000u
#define BODY "a:0:{}"

static const char guid[] = "0123456789abcdef0123456789abcdef";

typedef struct scene {
    dr_reactor reactor;
    bool has_reactor;
    int listen_fd;
    int client;
    uint32_t frames;
    uint32_t gone;
    dr_buf frame;
    dr_budget budget;
    bool has_budget;
    dr_seat seat;
} scene;

static void on_frame(dr_conn *conn, const dr_frame *frame, void *user)
{
    (void)conn;
    (void)frame;
    ((scene *)user)->frames++;
}

static void on_gone(dr_conn *conn, void *user)
{
    (void)conn;
    ((scene *)user)->gone++;
}

static void no_call(void *user)
{
    (void)user;
}

static void no_sleep(bool is_asleep, void *user)
{
    (void)is_asleep;
    (void)user;
}

static bool has_none(void *user)
{
    (void)user;
    return false;
}

static void scene_end(scene *at)
{
    unit_close(&at->client);
    if (at->has_reactor) {
        dr_reactor_end(&at->reactor);
        dr_reactor_run(&at->reactor);
        dr_reactor_fini(&at->reactor);
    }
    unit_close(&at->listen_fd);
    if (at->has_budget) {
        dr_budget_fini(&at->budget);
    }
    dr_buf_fini(&at->frame);
}
UNIT_SCENE(scene, scene_end)

static void begin(scene *at)
{
    const dr_reactor_events events = {.on_frame = on_frame,
                                      .on_gone = on_gone,
                                      .collect = no_call,
                                      .set_asleep = no_sleep,
                                      .has_ready = has_none,
                                      .on_ask = no_call,
                                      .user = at};
    const dora_frame_options options = {.sign = false};
    struct sockaddr_in to = {.sin_family = AF_INET};
    uint16_t port = 0;
    dora_error error;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(dr_listener_open("127.0.0.1", &port, 8, &at->listen_fd, 1, &error), DORA_OK);
    at->has_reactor =
        dr_reactor_init(&at->reactor, 0, 1, &options, 0, 0, &events, &error) == DORA_OK;
    assert_true(at->has_reactor);
    uv_timer_stop(&at->reactor.sweep); /* the test looks itself, and says how much time passes */
    dr_budget_init(&at->budget, 0, 0, NULL);
    at->has_budget = true;
    at->seat.budget = &at->budget;
    dr_reactor_guard(&at->reactor, &at->seat, 0, LIMIT_MS);
    const int listen_fd = at->listen_fd;
    at->listen_fd = 0; /* it is the reactor's */
    assert_int_equal(dr_reactor_listen(&at->reactor, listen_fd, 8, &error), DORA_OK);
    to.sin_port = htons(port);
    at->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(at->client, (const struct sockaddr *)&to, sizeof to), 0);
    size_t mark;
    assert_int_equal(dr_frame_begin(&at->frame, &options, guid, &mark), DORA_OK);
    assert_int_equal(dr_buf_append(&at->frame, BODY, sizeof(BODY) - 1), DORA_OK);
    assert_int_equal(dr_frame_end(&at->frame, &options, mark, &error), DORA_OK);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(scene, a_frame_that_is_not_whole_in_time_is_ended),
        unit_in(scene, each_frame_has_its_own_time),
        unit_in(scene, a_frame_that_has_come_leaves_no_time_to_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
