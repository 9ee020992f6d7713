/* test_async_retry.c: the client for libuv with bad servers: what is sent again, where, and which
 * error a call gets in the end. The same rules as in test_client_retry.c. */
#include "async_scene.h"

#include "base/clock.h"

static dora_err call_with(async_scene *s, heard *h, const char *name, int32_t retry,
                          uint32_t timeout_ms)
{
    const dora_call_options options = {.timeout_ms = timeout_ms, .retry = retry};
    async_call(s, h, name, "i:1;", &options);
    async_wait(s, h);
    return h->err;
}

static void what_may_have_run_is_not_repeated(void **state)
{
    async_scene *s = *state;
    static const char *const names[] = {"/close", "/reset", "/half"};
    heard h;
    async_begin(s, NULL);
    for (int i = 0; i < 3; i++) {
        async_expect_echo(s);
        int before = atomic_load(&s->server.calls);
        assert_int_equal(call_with(s, &h, names[i], 0, 0), DORA_ECLOSED);
        assert_int_equal(h.code, 100009);
        assert_int_equal(atomic_load(&s->server.calls), before + 1);
    }
    async_expect_echo(s);
}

static void same_guid(void **state)
{
    async_scene *s = *state;
    heard h;
    async_begin(s, NULL);
    assert_int_equal(call_with(s, &h, "/close_once", 1, 0), DORA_OK);
    assert_int_equal(atomic_load(&s->server.seen_count), 2);
    assert_int_equal(s->server.seen[0].attempt, -1);
    assert_int_equal(s->server.seen[1].attempt, 1);
    assert_string_equal(s->server.seen[0].guid, s->server.seen[1].guid);
    assert_string_equal(s->server.seen[1].guid, h.guid);
    assert_true(s->server.seen[0].conn != s->server.seen[1].conn);
    atomic_store(&s->server.calls, 0);
    assert_int_equal(call_with(s, &h, "/close", 3, 0), DORA_ECLOSED);
    assert_int_equal(atomic_load(&s->server.calls), 4);
}

/* A repeat never stands on a connection where its guid is unanswered, however few there are. */
/* A busy machine must come to all four tries within it. */
static void silence_is_tried_again_within_the_time(void **state)
{
    async_scene *s = *state;
    heard h;
    const dora_client_options one = {.connections = 1};
    async_begin(s, &one);
    uint64_t before = dr_clock_ms();
    assert_int_equal(call_with(s, &h, "/silent", 3, 2000), DORA_ETIMEDOUT);
    assert_in_range(dr_clock_ms() - before, 1995, 30000);
    bad_server_wait_seen(&s->server, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(s->server.seen[i].attempt, i == 0 ? -1 : i);
        assert_string_equal(s->server.seen[i].guid, h.guid);
        for (int j = 0; j < i; j++) {
            assert_true(s->server.seen[i].conn != s->server.seen[j].conn);
        }
    }
    async_expect_echo(s);
}

static void same_node_first(void **state)
{
    async_scene *s = *state;
    for (int i = 0; i < 5; i++) {
        heard h;
        bad_server *other = async_begin_pair(s, 2, 10000);
        assert_int_equal(call_with(s, &h, "/close", 0, 0), DORA_ECLOSED);
        bool is_first = s->server.seen_count == 2;
        const bad_server *first = is_first ? &s->server : other;
        const bad_server *second = is_first ? other : &s->server;
        assert_int_equal(first->seen_count, 2);
        assert_int_equal(first->seen[1].attempt, 1);
        assert_int_equal(second->seen_count, 1);
        assert_int_equal(second->seen[0].attempt, 2);
        assert_string_equal(second->seen[0].guid, first->seen[0].guid);
        async_end(s);
    }
}

static void one_of_two_is_bad(void **state)
{
    async_scene *s = *state;
    static const bad_server_mode modes[] = {BAD_SERVER_SHUTS, BAD_SERVER_HANGS_UP};
    for (int mode = 0; mode < 2; mode++) {
        heard h[100];
        int good = 0;
        bad_server *other = async_begin_pair(s, 0, 10000);
        atomic_store(&other->mode, (int)modes[mode]);
        for (int round = 0; round < 4; round++) {
            for (int i = 0; i < 25; i++) {
                async_call(s, &h[round * 25 + i], "/echo", "i:1;", NULL);
            }
            async_run(s, (round + 1) * 25);
        }
        for (int i = 0; i < 100; i++) {
            assert_int_equal(h[i].done, 1);
            assert_true(h[i].err == DORA_OK || h[i].err == DORA_ECLOSED);
            good += h[i].err == DORA_OK ? 1 : 0;
        }
        assert_true(good >= 40);
        assert_int_equal(dora_async_outstanding(s->async), 0);
        async_end(s);
    }
}

static void nobody_there(void **state)
{
    async_scene *s = *state;
    char nodes[300];
    heard h[50];
    bad_server *other = async_begin_pair(s, 0, 10000);
    char gone[128];
    bad_server_gone(gone);
    snprintf(nodes, sizeof nodes, "%s,%s", gone, other->address);
    const dora_client_options half = {.nodes = nodes};
    async_remake(s, &half);
    for (int i = 0; i < 50; i++) {
        async_call(s, &h[i], "/echo", "i:1;", NULL);
    }
    async_run(s, 50);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(h[i].err, DORA_OK);
    }
    const dora_client_options none = {.nodes = gone, .retry = 5};
    async_remake(s, &none);
    assert_int_equal(call_with(s, &h[0], "/echo", 0, 0), DORA_ECONNECT);
    assert_int_equal(h[0].code, 100010);
    assert_non_null(strstr(h[0].msg, gone));
    assert_non_null(strstr(h[0].msg, "refused"));
    const dora_client_options path = {.nodes = "unix:/nowhere/dora.sock"};
    async_remake(s, &path);
    assert_int_equal(call_with(s, &h[0], "/echo", 0, 0), DORA_ECONNECT);
    const dora_client_options name = {.nodes = "no-such-host.invalid:1"};
    async_remake(s, &name); /* where no name server answers that takes a while */
    assert_int_equal(call_with(s, &h[0], "/echo", 0, 60000), DORA_ECONNECT);
    assert_int_equal(h[0].os_error, -1);
}

static void by_name(void **state)
{
    async_scene *s = *state;
    char nodes[64];
    async_begin(s, NULL);
    snprintf(nodes, sizeof nodes, "localhost:%u", s->server.port);
    const dora_client_options options = {.nodes = nodes};
    async_remake(s, &options);
    async_expect_echo(s);
}

static void a_stopping_server_is_passed_over(void **state)
{
    async_scene *s = *state;
    heard h[30];
    async_begin(s, NULL);
    async_expect_echo(s);
    assert_int_equal(call_with(s, &h[0], "/stopping", 5, 0), DORA_EREPLY);
    assert_int_equal(h[0].code, 100207);
    async_expect_echo(s);
    assert_int_equal(atomic_load(&s->server.conns), 3); /* both that heard it were left */
    async_end(s);
    (void)async_begin_pair(s, 0, 10000);
    for (int i = 0; i < 30; i++) {
        async_call(s, &h[i], "/stopping_once", "i:1;", NULL);
    }
    async_run(s, 30);
    for (int i = 0; i < 30; i++) { /* one call of each server heard it, perhaps the same one */
        assert_true(h[i].err == DORA_OK || h[i].code == 100207);
    }
}

static void an_overloaded_server_is_passed_over(void **state)
{
    async_scene *s = *state;
    heard h[20];
    bad_server *other = async_begin_pair(s, 0, 10000);
    atomic_store(&other->is_busy, true);
    for (int i = 0; i < 20; i++) {
        async_call(s, &h[i], "/echo", "i:1;", NULL);
    }
    async_run(s, 20);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(h[i].err, DORA_OK);
        assert_int_equal(h[i].code, 0);
    }
    atomic_store(&s->server.is_busy, true);
    assert_int_equal(call_with(s, &h[0], "/echo", 0, 0), DORA_OK);
    assert_int_equal(h[0].code, 100203);
    async_submit(s, &h[0], "/echo", "i:1;", NULL);
    async_wait(s, &h[0]);
    assert_int_equal(h[0].code, 100203);
    assert_int_equal(h[0].accepted, 0);
}

/* After a try that may have run no answer says "not run". */
static void doubt_outlives_a_busy_server(void **state)
{
    async_scene *s = *state;
    heard h;
    async_begin(s, NULL);
    atomic_store(&s->server.is_busy, true);
    assert_int_equal(call_with(s, &h, "/close_once", 1, 0), DORA_OK);
    assert_int_equal(h.code, 100009);
}

static void after_garbage_calls_go_on(void **state)
{
    async_scene *s = *state;
    static const char *const names[] = {"/garbage", "/other", "/drip", "/died"};
    static const dora_err errors[] = {DORA_EPROTO, DORA_OK, DORA_OK, DORA_OK};
    heard h;
    async_begin(s, NULL);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(call_with(s, &h, names[i], 0, 0), errors[i]);
        async_expect_echo(s);
    }
    assert_int_equal(call_with(s, &h, "/stranger", 0, 300), DORA_ETIMEDOUT);
}

/* A server that reads nothing: the calls wait in bounded memory, and end in time. */
static void a_deaf_server_is_given_up(void **state)
{
    async_scene *s = *state;
    enum { COUNT = 64 };
    static char param[200000];
    static heard h[COUNT];
    const dora_client_options one = {.connections = 1, .timeout_ms = 300};
    memset(param, 'x', sizeof param);
    memcpy(param, "s:199980:\"", 10);
    memcpy(param + 10 + 199980, "\";", 3);
    s->server.mode = BAD_SERVER_DEAF;
    async_begin(s, &one);
    for (int i = 0; i < COUNT; i++) {
        async_call(s, &h[i], "/echo", param, NULL);
    }
    async_run(s, COUNT);
    for (int i = 0; i < COUNT; i++) {
        /* Those that wait behind a silent connection are not even sent. */
        assert_true(h[i].err == DORA_ETIMEDOUT || h[i].err == DORA_ECONNECT);
    }
    assert_int_equal(dora_async_outstanding(s->async), 0);
}

/* All connections end while calls are under way: each call hears of it, once. */
static void connections_end_midway(void **state)
{
    async_scene *s = *state;
    enum { COUNT = 200 };
    static heard h[COUNT];
    async_begin(s, NULL);
    for (int i = 0; i < COUNT; i++) {
        async_call(s, &h[i], "/late", "i:1;", NULL);
    }
    while (atomic_load(&s->server.seen_count) < COUNT) {
        uv_run(&s->loop, UV_RUN_NOWAIT);
    }
    bad_server_wait(&s->server, COUNT);
    bad_server_release(&s->server, -1);
    async_run(s, COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(h[i].done, 1);
        assert_int_equal(h[i].err, DORA_ECLOSED);
        assert_int_equal(h[i].code, 100009);
    }
    async_expect_echo(s);
    assert_int_equal(s->done, COUNT + 1);
}

static void named_node(void **state)
{
    async_scene *s = *state;
    heard h;
    bad_server *other = async_begin_pair(s, 0, 10000);
    const dora_client_options one = {.nodes = s->server.address};
    async_remake(s, &one);
    const dora_call_options options = {.node = other->address};
    for (int i = 0; i < 10; i++) {
        async_call(s, &h, "/echo", "i:1;", &options);
        async_wait(s, &h);
        assert_int_equal(h.err, DORA_OK);
    }
    assert_int_equal(atomic_load(&other->calls), 10);
    assert_int_equal(atomic_load(&s->server.calls), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(async_scene, what_may_have_run_is_not_repeated),
        unit_in(async_scene, same_guid),
        unit_in(async_scene, silence_is_tried_again_within_the_time),
        unit_in(async_scene, same_node_first),
        unit_in(async_scene, one_of_two_is_bad),
        unit_in(async_scene, nobody_there),
        unit_in(async_scene, by_name),
        unit_in(async_scene, a_stopping_server_is_passed_over),
        unit_in(async_scene, an_overloaded_server_is_passed_over),
        unit_in(async_scene, doubt_outlives_a_busy_server),
        unit_in(async_scene, after_garbage_calls_go_on),
        unit_in(async_scene, a_deaf_server_is_given_up),
        unit_in(async_scene, connections_end_midway),
        unit_in(async_scene, named_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
