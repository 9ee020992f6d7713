/* test_client_retry.c: what is sent again, where, under which guid, and in what time. */
#include "scene.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/blocking/client.h"

/* Two servers, of which the scene's client knows both. */
typedef struct pair {
    scene s;
    bad_server other;
} pair;

static void pair_begin(pair *p, uint32_t retry, uint32_t timeout_ms)
{
    char nodes[512];
    bad_server_start(&p->other);
    scene_begin(&p->s, NULL);
    snprintf(nodes, sizeof nodes, "%s,%s", p->s.server.address, p->other.address);
    const dora_client_options options = {.nodes = nodes, .retry = retry, .timeout_ms = timeout_ms};
    scene_remake(&p->s, &options);
}

static void pair_end(pair *p)
{
    scene_end(&p->s);
    bad_server_stop(&p->other);
}

static dora_err call_with(scene *s, const char *name, int32_t retry, uint32_t timeout_ms)
{
    const dora_call one = {.name = text_slice(name), .param = text_slice("i:1;")};
    const dora_call_options options = {.timeout_ms = timeout_ms, .retry = retry};
    return dora_client_call(s->client, &one, &options, s->answer, &s->error);
}

static void same_guid(void **state)
{
    (void)state;
    scene s = {.client = NULL};
    scene_begin(&s, NULL);
    assert_int_equal(call_with(&s, "/close_once", 0, 0), DORA_ECLOSED);
    assert_int_equal(atomic_exchange(&s.server.calls, 0), 1);
    assert_int_equal(call_with(&s, "/close_once", 1, 0), DORA_OK);
    assert_int_equal(s.server.seen_count, 3);
    assert_int_equal(s.server.seen[1].attempt, -1);
    assert_int_equal(s.server.seen[2].attempt, 1);
    assert_string_equal(s.server.seen[1].guid, s.server.seen[2].guid);
    assert_string_equal(s.server.seen[2].guid, dora_answer_guid(s.answer));
    assert_true(s.server.seen[1].conn != s.server.seen[2].conn);
    const dora_client_options options = {.nodes = s.server.address, .retry = 3};
    scene_remake(&s, &options);
    atomic_store(&s.server.calls, 0);
    assert_int_equal(call_with(&s, "/close_once", -1, 0), DORA_ECLOSED);
    assert_int_equal(atomic_load(&s.server.calls), 1);
    assert_int_equal(call_with(&s, "/close", 0, 0), DORA_ECLOSED);
    assert_int_equal(atomic_load(&s.server.calls), 5);
    scene_end(&s);
}

static void submission_is_repeated(void **state)
{
    (void)state;
    scene s = {.client = NULL};
    scene_begin(&s, NULL);
    const dora_client_options options = {.nodes = s.server.address, .retry = 1};
    scene_remake(&s, &options);
    assert_int_equal(scene_submit(&s, "/close_once", "i:4;"), DORA_OK);
    assert_int_equal(s.server.seen[1].attempt, 1);
    dora_collection *got = scene_collect(&s, 0);
    assert_int_equal(dora_collection_count(got), 1);
    scene_expect_data(dora_collection_at(got, 0)->answer, 0, "i:4;");
    dora_collection_free(got);
    assert_int_equal(scene_submit(&s, "/close", "i:4;"), DORA_ECLOSED);
    assert_int_equal(dora_client_pending(s.client), 0);
    scene_end(&s);
}

static void time_is_divided(void **state)
{
    (void)state;
    scene s = {.client = NULL};
    scene_begin(&s, NULL);
    uint64_t before = dr_clock_ms();
    assert_int_equal(call_with(&s, "/silent_once", 1, 1000), DORA_OK);
    assert_in_range(dr_clock_ms() - before, 499, 999);
    assert_int_equal(s.server.seen[1].attempt, 1);
    assert_in_range(s.server.seen[0].timeout_ms, 900, 1000); /* the caller waits for all of it */
    assert_in_range(s.server.seen[1].timeout_ms, 1, 500);
    before = dr_clock_ms();
    assert_int_equal(call_with(&s, "/silent", 2, 150), DORA_ETIMEDOUT);
    assert_in_range(dr_clock_ms() - before, 149, 2000);
    bad_server_wait_seen(&s.server, 5);
    assert_int_equal(s.server.seen_count, 5);
    assert_int_equal(s.server.seen[4].attempt, 2);
    scene_end(&s);
}

static void same_node_first(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        pair p = {.s.client = NULL};
        pair_begin(&p, 2, 10000);
        assert_int_equal(scene_call(&p.s, "/close", "", 0), DORA_ECLOSED);
        bool is_first = p.s.server.seen_count == 2;
        const bad_server *first = is_first ? &p.s.server : &p.other;
        const bad_server *second = is_first ? &p.other : &p.s.server;
        assert_int_equal(first->seen_count, 2);
        assert_int_equal(first->seen[0].attempt, -1);
        assert_int_equal(first->seen[1].attempt, 1);
        assert_int_equal(second->seen_count, 1);
        assert_int_equal(second->seen[0].attempt, 2);
        assert_string_equal(second->seen[0].guid, first->seen[0].guid);
        pair_end(&p);
    }
}

/* Once it may have run, no later try can say that it did not. */
static void doubt_stays(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        pair p = {.s.client = NULL};
        pair_begin(&p, 2, 10000);
        bad_server_stop(&p.other);
        assert_int_equal(scene_call(&p.s, "/close", "", 0), DORA_ECLOSED);
        assert_int_equal(p.s.error.code, DORA_CODE_RECEIVE);
        scene_end(&p.s);
    }
    scene s = {.server.is_busy = true};
    scene_begin(&s, NULL);
    assert_int_equal(call_with(&s, "/close_once", 1, 0), DORA_OK);
    assert_int_equal(dora_answer_result(s.answer, 0)->code, DORA_CODE_RECEIVE);
    const dora_client_options options = {.nodes = s.server.address, .retry = 1};
    scene_remake(&s, &options);
    atomic_store(&s.server.calls, 0);
    assert_int_equal(scene_send(&s, "/close_once", ""), DORA_ECLOSED);
    assert_int_equal(atomic_load(&s.server.calls), 2);
    assert_int_equal(scene_send(&s, "/echo", ""), DORA_EREPLY); /* this one is certain */
    assert_int_equal(s.error.code, DORA_CODE_OVERLOADED);
    scene_end(&s);
}

static void overload_goes_elsewhere(void **state)
{
    (void)state;
    pair p = {.s.client = NULL};
    pair_begin(&p, 0, 10000);
    atomic_store(&p.other.is_busy, true);
    for (int i = 0; i < 20; i++) {
        scene_expect_echo(&p.s);
        assert_int_equal(scene_send(&p.s, "/echo", ""), DORA_OK);
        assert_int_equal(scene_submit(&p.s, "/echo", ""), DORA_OK);
    }
    atomic_store(&p.s.server.is_busy, true);
    int before = atomic_load(&p.s.server.calls) + atomic_load(&p.other.calls);
    assert_int_equal(scene_call(&p.s, "/echo", "", 0), DORA_OK);
    assert_int_equal(dora_answer_result(p.s.answer, 0)->code, DORA_CODE_OVERLOADED);
    assert_int_equal(scene_send(&p.s, "/echo", ""), DORA_EREPLY);
    assert_int_equal(p.s.error.code, DORA_CODE_OVERLOADED);
    int after = atomic_load(&p.s.server.calls) + atomic_load(&p.other.calls);
    assert_int_equal(after - before, 4);
    pair_end(&p);
}

static void overload_alone(void **state)
{
    (void)state;
    scene s = {.server.is_busy = true};
    scene_begin(&s, NULL);
    assert_int_equal(scene_call(&s, "/echo", "", 0), DORA_OK);
    assert_int_equal(dora_answer_result(s.answer, 0)->code, DORA_CODE_OVERLOADED);
    assert_int_equal(atomic_load(&s.server.calls), 1);
    scene_end(&s);
}

/* Calls until the other server has been asked again: it comes back by itself. */
static void expect_healing(pair *p)
{
    uint64_t deadline_ms = dr_clock_ms() + 10000;
    atomic_store(&p->other.calls, 0);
    while (atomic_load(&p->other.calls) == 0) {
        assert_true(dr_clock_ms() < deadline_ms);
        scene_expect_echo(&p->s);
    }
}

static void gone_node_returns(void **state)
{
    (void)state;
    pair p = {.s.client = NULL};
    pair_begin(&p, 0, 10000);
    const dr_node *gone = &p.s.client->nodes.items[1];
    bad_server_stop(&p.other);
    while (gone->failures == 0) {
        scene_expect_echo(&p.s);
    }
    assert_true(gone->ejected_until_ms > 0);
    assert_int_equal(p.s.client->nodes.items[0].ejected_until_ms, 0);
    for (int i = 0; i < 50; i++) {
        scene_expect_echo(&p.s);
    }
    p.other = (bad_server){.port = p.other.port};
    bad_server_start(&p.other);
    expect_healing(&p);
    assert_int_equal(gone->failures, 0);
    pair_end(&p);
}

static void expect_no_failure(bad_server_mode mode, uint32_t timeout_ms)
{
    pair p = {.other.mode = mode};
    pair_begin(&p, 2, timeout_ms);
    const dr_node *bad = &p.s.client->nodes.items[1];
    while (bad->ejected_until_ms == 0) {
        scene_expect_echo(&p.s);
    }
    int conns = atomic_load(&p.other.conns);
    while (bad->ejected_until_ms > dr_clock_ms()) {
        scene_expect_echo(&p.s);
    }
    assert_in_range(atomic_load(&p.other.conns), conns, conns + 2);
    assert_int_equal(p.s.client->nodes.items[0].failures, 0);
    atomic_store(&p.other.mode, BAD_SERVER_READS);
    expect_healing(&p);
    pair_end(&p);
}

static void bad_node_is_set_aside(void **state)
{
    (void)state;
    expect_no_failure(BAD_SERVER_SHUTS, 10000);
    expect_no_failure(BAD_SERVER_HANGS_UP, 10000);
    expect_no_failure(BAD_SERVER_DEAF, 600);
}

/* One server that is bad in each way, and then good: only the calls in between fail. */
static void lone_server(void **state)
{
    (void)state;
    const struct {
        bad_server_mode mode;
        dora_err err;
    } cases[] = {
        {BAD_SERVER_SHUTS, DORA_ECLOSED},
        {BAD_SERVER_HANGS_UP, DORA_ECLOSED},
        {BAD_SERVER_DEAF, DORA_ETIMEDOUT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        scene s = {.server.mode = cases[i].mode};
        scene_begin(&s, NULL);
        uint32_t timeout_ms = cases[i].err == DORA_ETIMEDOUT ? 100 : 10000;
        assert_int_equal(scene_call(&s, "/echo", "", timeout_ms), cases[i].err);
        assert_int_equal(s.error.code, DORA_CODE_RECEIVE);
        assert_int_equal(atomic_load(&s.server.calls), 0);
        atomic_store(&s.server.mode, BAD_SERVER_READS);
        scene_expect_echo(&s);
        assert_int_equal(scene_call(&s, "/stranger", "", 30), DORA_ETIMEDOUT);
        scene_expect_echo(&s);
        scene_end(&s);
    }
}

static void each_group_has_its_nodes(void **state)
{
    (void)state;
    pair p = {.s.client = NULL};
    pair_begin(&p, 0, 0);
    const dora_group groups[] = {{"users", p.s.server.address}, {"orders", p.other.address}};
    dora_client_options options = {.groups = groups, .group_count = 2};
    scene_remake(&p.s, &options);
    const dora_call one = {.name = text_slice("/echo")};
    dora_call_options call = {.group = NULL};
    assert_int_equal(dora_client_call(p.s.client, &one, &call, p.s.answer, NULL), DORA_OK);
    call.group = "orders";
    assert_int_equal(dora_client_call(p.s.client, &one, &call, p.s.answer, NULL), DORA_OK);
    assert_int_equal(p.s.server.seen_count, 1);
    assert_int_equal(p.other.seen_count, 1);
    call.group = "stock";
    assert_int_equal(dora_client_call(p.s.client, &one, &call, p.s.answer, &p.s.error),
                     DORA_EINVAL);
    assert_string_equal(p.s.error.msg, "there is no group \"stock\"; there are: users, orders");
    options.group = "orders";
    scene_remake(&p.s, &options);
    scene_expect_echo(&p.s);
    assert_int_equal(p.other.seen_count, 2);
    options.group = "stock";
    dora_client *none = NULL;
    assert_int_equal(dora_client_new(&none, &options, &p.s.error), DORA_EINVAL);
    assert_null(none);
    options.nodes = "a:1";
    assert_int_equal(dora_client_new(&none, &options, &p.s.error), DORA_EINVAL);
    pair_end(&p);
}

static dora_err call_node(scene *s, const char *node, const char *name)
{
    const dora_call one = {.name = text_slice(name)};
    const dora_call_options options = {.node = node};
    return dora_client_submit(s->client, &one, &options, s->answer, &s->error);
}

static void node_of_no_group(void **state)
{
    (void)state;
    scene s = {.client = NULL};
    char node[64];
    scene_begin(&s, "127.0.0.1:1");
    assert_int_equal(call_node(&s, s.server.address, "/echo"), DORA_OK);
    assert_int_equal(call_node(&s, s.server.address, "/echo"), DORA_OK);
    assert_int_equal(atomic_load(&s.server.conns), 1);
    assert_int_equal(call_node(&s, "nowhere", "/echo"), DORA_EINVAL);
    assert_string_equal(s.error.msg, "node \"nowhere\" is not host:port");
    for (int i = 0; i < 3 * DR_NODES_OTHER_MAX; i++) {
        snprintf(node, sizeof node, "127.0.0.1:%d", i + 2);
        assert_int_equal(call_node(&s, node, "/echo"), DORA_ECONNECT);
        assert_int_equal(s.error.os_error, ECONNREFUSED);
    }
    assert_int_equal(s.client->nodes.count, 1 + DR_NODES_OTHER_MAX);
    assert_int_equal(call_node(&s, s.server.address, "/echo"), DORA_OK);
    assert_int_equal(atomic_load(&s.server.conns), 1); /* it had results to come: it stayed */
    dora_collection *got = scene_collect(&s, 0);
    assert_int_equal(dora_collection_count(got), 3);
    dora_collection_free(got);
    scene_end(&s);
}

/* Every way to write 127.0.0.1 is another node; each has a submission outstanding. */
static void too_many_nodes(void **state)
{
    (void)state;
    scene s = {.client = NULL};
    char node[128];
    scene_begin(&s, NULL);
    for (int i = 0; i <= DR_NODES_OTHER_MAX; i++) {
        snprintf(node, sizeof node, "0x%0*d7f000001:%u", i + 1, 0, s.server.port);
        dora_err expected = i < DR_NODES_OTHER_MAX ? DORA_OK : DORA_EFULL;
        assert_int_equal(call_node(&s, node, "/never"), expected);
    }
    assert_non_null(strstr(s.error.msg, "calls to 64 servers"));
    dora_client_forget(s.client);
    assert_int_equal(call_node(&s, node, "/never"), DORA_OK);
    scene_end(&s);
}

static void unix_socket(void **state)
{
    (void)state;
    char folder[] = "/tmp/dora-test-XXXXXX";
    char path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/socket", folder);
    scene s = {.server.unix_path = path};
    scene_begin(&s, NULL);
    scene_expect_echo(&s);
    scene_expect_echo(&s);
    assert_int_equal(atomic_load(&s.server.conns), 1);
    scene_end(&s);
    unlink(path);
    s = (scene){.client = NULL};
    snprintf(path, sizeof path, "unix:%s/none", folder);
    scene_begin(&s, path);
    assert_int_equal(scene_call(&s, "/echo", "", 0), DORA_ECONNECT);
    assert_int_equal(s.error.os_error, ENOENT);
    assert_non_null(strstr(s.error.msg, path));
    scene_end(&s);
    rmdir(folder);
}

static void os_errors(void **state)
{
    (void)state;
    scene s = {.client = NULL};
    scene_begin(&s, "no-such-host.invalid:1");
    assert_int_equal(scene_call(&s, "/echo", "", 0), DORA_ECONNECT);
    assert_int_equal(s.error.os_error, -1);
    const dora_client_options options = {.nodes = s.server.address};
    scene_remake(&s, &options);
    assert_int_equal(scene_call(&s, "/reset", "", 0), DORA_ECLOSED);
    assert_int_equal(s.error.os_error, ECONNRESET);
    assert_int_equal(scene_call(&s, "/close", "", 0), DORA_ECLOSED);
    assert_int_equal(s.error.os_error, 0);
    assert_int_equal(scene_call(&s, "/silent", "", 30), DORA_ETIMEDOUT);
    assert_int_equal(s.error.os_error, 0);
    scene_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_guid),
        cmocka_unit_test(submission_is_repeated),
        cmocka_unit_test(time_is_divided),
        cmocka_unit_test(same_node_first),
        cmocka_unit_test(doubt_stays),
        cmocka_unit_test(overload_goes_elsewhere),
        cmocka_unit_test(overload_alone),
        cmocka_unit_test(gone_node_returns),
        cmocka_unit_test(bad_node_is_set_aside),
        cmocka_unit_test(lone_server),
        cmocka_unit_test(each_group_has_its_nodes),
        cmocka_unit_test(node_of_no_group),
        cmocka_unit_test(too_many_nodes),
        cmocka_unit_test(unix_socket),
        cmocka_unit_test(os_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
