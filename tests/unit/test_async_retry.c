/* test_async_retry.c: the client for libuv with bad servers: what is sent again, where, and which
 * error a call gets in the end. The same rules as in test_client_retry.c. */
#include "async_scene.h"

#include "base/clock.h"

/* Two servers, of which the scene's client knows both. */
typedef struct pair {
    async_scene s;
    bad_server other;
} pair;

static void pair_begin(pair *p, uint32_t retry, uint32_t timeout_ms)
{
    char nodes[512];
    bad_server_start(&p->other);
    async_begin(&p->s, NULL);
    snprintf(nodes, sizeof nodes, "%s,%s", p->s.server.address, p->other.address);
    const dora_client_options options = {.nodes = nodes, .retry = retry, .timeout_ms = timeout_ms};
    async_remake(&p->s, &options);
}

static void pair_end(pair *p)
{
    async_end(&p->s);
    bad_server_stop(&p->other);
}

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
    (void)state;
    static const char *const names[] = {"/close", "/reset", "/half"};
    async_scene s = {.async = NULL};
    heard h;
    async_begin(&s, NULL);
    for (int i = 0; i < 3; i++) {
        async_expect_echo(&s);
        int before = atomic_load(&s.server.calls);
        assert_int_equal(call_with(&s, &h, names[i], 0, 0), DORA_ECLOSED);
        assert_int_equal(h.code, 100009);
        assert_int_equal(atomic_load(&s.server.calls), before + 1);
    }
    async_expect_echo(&s);
    async_end(&s);
}

static void same_guid(void **state)
{
    (void)state;
    async_scene s = {.async = NULL};
    heard h;
    async_begin(&s, NULL);
    assert_int_equal(call_with(&s, &h, "/close_once", 1, 0), DORA_OK);
    assert_int_equal(atomic_load(&s.server.seen_count), 2);
    assert_int_equal(s.server.seen[0].attempt, -1);
    assert_int_equal(s.server.seen[1].attempt, 1);
    assert_string_equal(s.server.seen[0].guid, s.server.seen[1].guid);
    assert_string_equal(s.server.seen[1].guid, h.guid);
    assert_true(s.server.seen[0].conn != s.server.seen[1].conn);
    atomic_store(&s.server.calls, 0);
    assert_int_equal(call_with(&s, &h, "/close", 3, 0), DORA_ECLOSED);
    assert_int_equal(atomic_load(&s.server.calls), 4);
    async_end(&s);
}

/* A repeat never stands on a connection where its guid is unanswered, however few there are. */
static void silence_is_tried_again_within_the_time(void **state)
{
    (void)state;
    async_scene s = {.async = NULL};
    heard h;
    const dora_client_options one = {.connections = 1};
    async_begin(&s, &one);
    uint64_t before = dr_clock_ms();
    assert_int_equal(call_with(&s, &h, "/silent", 3, 200), DORA_ETIMEDOUT);
    assert_in_range(dr_clock_ms() - before, 195, 5000);
    bad_server_wait_seen(&s.server, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(s.server.seen[i].attempt, i == 0 ? -1 : i);
        assert_string_equal(s.server.seen[i].guid, h.guid);
        for (int j = 0; j < i; j++) {
            assert_true(s.server.seen[i].conn != s.server.seen[j].conn);
        }
    }
    async_expect_echo(&s);
    async_end(&s);
}

static void same_node_first(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        pair p = {.s.async = NULL};
        heard h;
        pair_begin(&p, 2, 10000);
        assert_int_equal(call_with(&p.s, &h, "/close", 0, 0), DORA_ECLOSED);
        bool is_first = p.s.server.seen_count == 2;
        const bad_server *first = is_first ? &p.s.server : &p.other;
        const bad_server *second = is_first ? &p.other : &p.s.server;
        assert_int_equal(first->seen_count, 2);
        assert_int_equal(first->seen[1].attempt, 1);
        assert_int_equal(second->seen_count, 1);
        assert_int_equal(second->seen[0].attempt, 2);
        assert_string_equal(second->seen[0].guid, first->seen[0].guid);
        pair_end(&p);
    }
}

static void one_of_two_is_bad(void **state)
{
    (void)state;
    static const bad_server_mode modes[] = {BAD_SERVER_SHUTS, BAD_SERVER_HANGS_UP};
    for (int mode = 0; mode < 2; mode++) {
        pair p = {.s.async = NULL};
        heard h[100];
        int good = 0;
        pair_begin(&p, 0, 10000);
        atomic_store(&p.other.mode, (int)modes[mode]);
        for (int round = 0; round < 4; round++) {
            for (int i = 0; i < 25; i++) {
                async_call(&p.s, &h[round * 25 + i], "/echo", "i:1;", NULL);
            }
            async_run(&p.s, (round + 1) * 25);
        }
        for (int i = 0; i < 100; i++) {
            assert_int_equal(h[i].done, 1);
            assert_true(h[i].err == DORA_OK || h[i].err == DORA_ECLOSED);
            good += h[i].err == DORA_OK ? 1 : 0;
        }
        assert_true(good >= 40);
        assert_int_equal(dora_async_outstanding(p.s.async), 0);
        pair_end(&p);
    }
}

static void nobody_there(void **state)
{
    (void)state;
    pair p = {.s.async = NULL};
    char nodes[300];
    heard h[50];
    pair_begin(&p, 0, 10000);
    bad_server gone = {.mode = 0};
    bad_server_start(&gone);
    bad_server_stop(&gone);
    snprintf(nodes, sizeof nodes, "%s,%s", gone.address, p.other.address);
    const dora_client_options half = {.nodes = nodes};
    async_remake(&p.s, &half);
    for (int i = 0; i < 50; i++) {
        async_call(&p.s, &h[i], "/echo", "i:1;", NULL);
    }
    async_run(&p.s, 50);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(h[i].err, DORA_OK);
    }
    const dora_client_options none = {.nodes = gone.address, .retry = 5};
    async_remake(&p.s, &none);
    assert_int_equal(call_with(&p.s, &h[0], "/echo", 0, 0), DORA_ECONNECT);
    assert_int_equal(h[0].code, 100010);
    assert_non_null(strstr(h[0].msg, gone.address));
    assert_non_null(strstr(h[0].msg, "refused"));
    const dora_client_options path = {.nodes = "unix:/nowhere/dora.sock"};
    async_remake(&p.s, &path);
    assert_int_equal(call_with(&p.s, &h[0], "/echo", 0, 0), DORA_ECONNECT);
    const dora_client_options name = {.nodes = "no-such-host.invalid:1"};
    async_remake(&p.s, &name);
    assert_int_equal(call_with(&p.s, &h[0], "/echo", 0, 0), DORA_ECONNECT);
    assert_int_equal(h[0].os_error, -1);
    pair_end(&p);
}

static void by_name(void **state)
{
    (void)state;
    async_scene s = {.async = NULL};
    char nodes[64];
    async_begin(&s, NULL);
    snprintf(nodes, sizeof nodes, "localhost:%u", s.server.port);
    const dora_client_options options = {.nodes = nodes};
    async_remake(&s, &options);
    async_expect_echo(&s);
    async_end(&s);
}

static void a_stopping_server_is_passed_over(void **state)
{
    (void)state;
    async_scene s = {.async = NULL};
    heard h[30];
    async_begin(&s, NULL);
    async_expect_echo(&s);
    assert_int_equal(call_with(&s, &h[0], "/stopping", 5, 0), DORA_EREPLY);
    assert_int_equal(h[0].code, 100207);
    async_expect_echo(&s);
    assert_int_equal(atomic_load(&s.server.conns), 3); /* both that heard it were left */
    async_end(&s);
    pair p = {.s.async = NULL};
    pair_begin(&p, 0, 10000);
    for (int i = 0; i < 30; i++) {
        async_call(&p.s, &h[i], "/stopping_once", "i:1;", NULL);
    }
    async_run(&p.s, 30);
    for (int i = 0; i < 30; i++) { /* one call of each server heard it, perhaps the same one */
        assert_true(h[i].err == DORA_OK || h[i].code == 100207);
    }
    pair_end(&p);
}

static void an_overloaded_server_is_passed_over(void **state)
{
    (void)state;
    pair p = {.s.async = NULL};
    heard h[20];
    pair_begin(&p, 0, 10000);
    atomic_store(&p.other.is_busy, true);
    for (int i = 0; i < 20; i++) {
        async_call(&p.s, &h[i], "/echo", "i:1;", NULL);
    }
    async_run(&p.s, 20);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(h[i].err, DORA_OK);
        assert_int_equal(h[i].code, 0);
    }
    atomic_store(&p.s.server.is_busy, true);
    assert_int_equal(call_with(&p.s, &h[0], "/echo", 0, 0), DORA_OK);
    assert_int_equal(h[0].code, 100203);
    async_submit(&p.s, &h[0], "/echo", "i:1;", NULL);
    async_wait(&p.s, &h[0]);
    assert_int_equal(h[0].code, 100203);
    assert_int_equal(h[0].accepted, 0);
    pair_end(&p);
}

/* After a try that may have run no answer says "not run". */
static void doubt_outlives_a_busy_server(void **state)
{
    (void)state;
    async_scene s = {.async = NULL};
    heard h;
    async_begin(&s, NULL);
    atomic_store(&s.server.is_busy, true);
    assert_int_equal(call_with(&s, &h, "/close_once", 1, 0), DORA_OK);
    assert_int_equal(h.code, 100009);
    async_end(&s);
}

static void after_garbage_calls_go_on(void **state)
{
    (void)state;
    static const char *const names[] = {"/garbage", "/other", "/drip", "/died"};
    static const dora_err errors[] = {DORA_EPROTO, DORA_OK, DORA_OK, DORA_OK};
    async_scene s = {.async = NULL};
    heard h;
    async_begin(&s, NULL);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(call_with(&s, &h, names[i], 0, 0), errors[i]);
        async_expect_echo(&s);
    }
    assert_int_equal(call_with(&s, &h, "/stranger", 0, 50), DORA_ETIMEDOUT);
    async_end(&s);
}

/* A server that reads nothing: the calls wait in bounded memory, and end in time. */
static void a_deaf_server_is_given_up(void **state)
{
    (void)state;
    async_scene s = {.async = NULL};
    enum { COUNT = 64 };
    static char param[200000];
    static heard h[COUNT];
    const dora_client_options one = {.connections = 1, .timeout_ms = 300};
    memset(param, 'x', sizeof param);
    memcpy(param, "s:199980:\"", 10);
    memcpy(param + 10 + 199980, "\";", 3);
    s.server.mode = BAD_SERVER_DEAF;
    async_begin(&s, &one);
    for (int i = 0; i < COUNT; i++) {
        async_call(&s, &h[i], "/echo", param, NULL);
    }
    async_run(&s, COUNT);
    for (int i = 0; i < COUNT; i++) {
        /* Those that wait behind a silent connection are not even sent. */
        assert_true(h[i].err == DORA_ETIMEDOUT || h[i].err == DORA_ECONNECT);
    }
    assert_int_equal(dora_async_outstanding(s.async), 0);
    async_end(&s);
}

/* All connections end while calls are under way: each call hears of it, once. */
static void connections_end_midway(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    static heard h[COUNT];
    async_scene s = {.async = NULL};
    async_begin(&s, NULL);
    for (int i = 0; i < COUNT; i++) {
        async_call(&s, &h[i], "/late", "i:1;", NULL);
    }
    while (atomic_load(&s.server.seen_count) < COUNT) {
        uv_run(&s.loop, UV_RUN_NOWAIT);
    }
    bad_server_wait(&s.server, COUNT);
    bad_server_release(&s.server, -1);
    async_run(&s, COUNT);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(h[i].done, 1);
        assert_int_equal(h[i].err, DORA_ECLOSED);
        assert_int_equal(h[i].code, 100009);
    }
    async_expect_echo(&s);
    assert_int_equal(s.done, COUNT + 1);
    async_end(&s);
}

static void named_node(void **state)
{
    (void)state;
    pair p = {.s.async = NULL};
    heard h;
    pair_begin(&p, 0, 10000);
    const dora_client_options one = {.nodes = p.s.server.address};
    async_remake(&p.s, &one);
    const dora_call_options options = {.node = p.other.address};
    for (int i = 0; i < 10; i++) {
        async_call(&p.s, &h, "/echo", "i:1;", &options);
        async_wait(&p.s, &h);
        assert_int_equal(h.err, DORA_OK);
    }
    assert_int_equal(atomic_load(&p.other.calls), 10);
    assert_int_equal(atomic_load(&p.s.server.calls), 0);
    pair_end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_may_have_run_is_not_repeated),
        cmocka_unit_test(same_guid),
        cmocka_unit_test(silence_is_tried_again_within_the_time),
        cmocka_unit_test(same_node_first),
        cmocka_unit_test(one_of_two_is_bad),
        cmocka_unit_test(nobody_there),
        cmocka_unit_test(by_name),
        cmocka_unit_test(a_stopping_server_is_passed_over),
        cmocka_unit_test(an_overloaded_server_is_passed_over),
        cmocka_unit_test(doubt_outlives_a_busy_server),
        cmocka_unit_test(after_garbage_calls_go_on),
        cmocka_unit_test(a_deaf_server_is_given_up),
        cmocka_unit_test(connections_end_midway),
        cmocka_unit_test(named_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
