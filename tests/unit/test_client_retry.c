/* test_client_retry.c: what is sent again, where, under which guid, and in what time. */
#include "scene.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/blocking/client.h"

static dora_err call_with(scene *s, const char *name, int32_t retry, uint32_t timeout_ms)
{
    const dora_call one = {.name = text_slice(name), .param = text_slice("i:1;")};
    const dora_call_options options = {.timeout_ms = timeout_ms, .retry = retry};
    return dora_client_call(s->client, &one, &options, s->answer, &s->error);
}

static void same_guid(void **state)
{
    scene *s = *state;
    scene_begin(s, NULL);
    assert_int_equal(call_with(s, "/close_once", 0, 0), DORA_ECLOSED);
    assert_int_equal(atomic_exchange(&s->server.calls, 0), 1);
    assert_int_equal(call_with(s, "/close_once", 1, 0), DORA_OK);
    assert_int_equal(s->server.seen_count, 3);
    assert_int_equal(s->server.seen[1].attempt, -1);
    assert_int_equal(s->server.seen[2].attempt, 1);
    assert_string_equal(s->server.seen[1].guid, s->server.seen[2].guid);
    assert_string_equal(s->server.seen[2].guid, dora_answer_guid(s->answer));
    assert_true(s->server.seen[1].conn != s->server.seen[2].conn);
    const dora_client_options options = {.nodes = s->server.address, .retry = 3};
    scene_remake(s, &options);
    atomic_store(&s->server.calls, 0);
    assert_int_equal(call_with(s, "/close_once", -1, 0), DORA_ECLOSED);
    assert_int_equal(atomic_load(&s->server.calls), 1);
    assert_int_equal(call_with(s, "/close", 0, 0), DORA_ECLOSED);
    assert_int_equal(atomic_load(&s->server.calls), 5);
}

static void submission_is_repeated(void **state)
{
    scene *s = *state;
    scene_begin(s, NULL);
    const dora_client_options options = {.nodes = s->server.address, .retry = 1};
    scene_remake(s, &options);
    assert_int_equal(scene_submit(s, "/close_once", "i:4;"), DORA_OK);
    assert_int_equal(s->server.seen[1].attempt, 1);
    dora_collection *got = scene_collect(s, 0);
    assert_int_equal(dora_collection_count(got), 1);
    scene_expect_data(dora_collection_at(got, 0)->answer, 0, "i:4;");
    dora_collection_free(got);
    assert_int_equal(scene_submit(s, "/close", "i:4;"), DORA_ECLOSED);
    assert_int_equal(dora_client_pending(s->client), 0);
}

static void time_is_divided(void **state)
{
    scene *s = *state;
    scene_begin(s, NULL);
    uint64_t before = dr_clock_ms();
    assert_int_equal(call_with(s, "/silent_once", 1, 8000), DORA_OK);
    assert_in_range(dr_clock_ms() - before, 3999, 7999);
    assert_int_equal(s->server.seen[1].attempt, 1);
    assert_in_range(s->server.seen[0].timeout_ms, 4500, 8000); /* the caller waits for all of it */
    assert_in_range(s->server.seen[1].timeout_ms, 1, 4000);
    before = dr_clock_ms();
    assert_int_equal(call_with(s, "/silent", 2, 900), DORA_ETIMEDOUT);
    assert_in_range(dr_clock_ms() - before, 899, 10000);
    bad_server_wait_seen(&s->server, 5);
    assert_int_equal(s->server.seen_count, 5);
    assert_int_equal(s->server.seen[4].attempt, 2);
}

static void same_node_first(void **state)
{
    scene *s = *state;
    for (int i = 0; i < 10; i++) {
        bad_server *other = scene_begin_pair(s, 2, 10000);
        assert_int_equal(scene_call(s, "/close", "", 0), DORA_ECLOSED);
        bool is_first = s->server.seen_count == 2;
        const bad_server *first = is_first ? &s->server : other;
        const bad_server *second = is_first ? other : &s->server;
        assert_int_equal(first->seen_count, 2);
        assert_int_equal(first->seen[0].attempt, -1);
        assert_int_equal(first->seen[1].attempt, 1);
        assert_int_equal(second->seen_count, 1);
        assert_int_equal(second->seen[0].attempt, 2);
        assert_string_equal(second->seen[0].guid, first->seen[0].guid);
        scene_end(s);
    }
}

/* Once it may have run, no later try can say that it did not. */
static void doubt_stays(void **state)
{
    scene *s = *state;
    for (int i = 0; i < 10; i++) {
        bad_server *other = scene_begin_pair(s, 2, 10000);
        bad_server_stop(other);
        assert_int_equal(scene_call(s, "/close", "", 0), DORA_ECLOSED);
        assert_int_equal(s->error.code, DORA_CODE_RECEIVE);
        scene_end(s);
    }
    s->server.is_busy = true;
    scene_begin(s, NULL);
    assert_int_equal(call_with(s, "/close_once", 1, 0), DORA_OK);
    assert_int_equal(dora_answer_result(s->answer, 0)->code, DORA_CODE_RECEIVE);
    const dora_client_options options = {.nodes = s->server.address, .retry = 1};
    scene_remake(s, &options);
    atomic_store(&s->server.calls, 0);
    assert_int_equal(scene_send(s, "/close_once", ""), DORA_ECLOSED);
    assert_int_equal(atomic_load(&s->server.calls), 2);
    assert_int_equal(scene_send(s, "/echo", ""), DORA_EREPLY); /* this one is certain */
    assert_int_equal(s->error.code, DORA_CODE_OVERLOADED);
}

static void overload_goes_elsewhere(void **state)
{
    scene *s = *state;
    bad_server *other = scene_begin_pair(s, 0, 10000);
    atomic_store(&other->is_busy, true);
    for (int i = 0; i < 20; i++) {
        scene_expect_echo(s);
        assert_int_equal(scene_send(s, "/echo", ""), DORA_OK);
        assert_int_equal(scene_submit(s, "/echo", ""), DORA_OK);
    }
    atomic_store(&s->server.is_busy, true);
    int before = atomic_load(&s->server.calls) + atomic_load(&other->calls);
    assert_int_equal(scene_call(s, "/echo", "", 0), DORA_OK);
    assert_int_equal(dora_answer_result(s->answer, 0)->code, DORA_CODE_OVERLOADED);
    assert_int_equal(scene_send(s, "/echo", ""), DORA_EREPLY);
    assert_int_equal(s->error.code, DORA_CODE_OVERLOADED);
    int after = atomic_load(&s->server.calls) + atomic_load(&other->calls);
    assert_int_equal(after - before, 4);
}

static void overload_alone(void **state)
{
    scene *s = *state;
    s->server.is_busy = true;
    scene_begin(s, NULL);
    assert_int_equal(scene_call(s, "/echo", "", 0), DORA_OK);
    assert_int_equal(dora_answer_result(s->answer, 0)->code, DORA_CODE_OVERLOADED);
    assert_int_equal(atomic_load(&s->server.calls), 1);
}

/* Calls until the other server has been asked again: it comes back by itself. */
static void expect_healing(scene *s, bad_server *other)
{
    uint64_t deadline_ms = dr_clock_ms() + 60000;
    atomic_store(&other->calls, 0);
    while (atomic_load(&other->calls) == 0) {
        assert_true(dr_clock_ms() < deadline_ms);
        scene_expect_echo(s);
    }
}

static void gone_node_returns(void **state)
{
    scene *s = *state;
    bad_server *other = scene_begin_pair(s, 0, 10000);
    const dr_node *gone = &s->client->nodes.items[1];
    bad_server_stop(other);
    while (gone->failures == 0) {
        scene_expect_echo(s);
    }
    assert_true(gone->ejected_until_ms > 0);
    assert_int_equal(s->client->nodes.items[0].ejected_until_ms, 0);
    for (int i = 0; i < 50; i++) {
        scene_expect_echo(s);
    }
    bad_server_start(other); /* on the same port */
    expect_healing(s, other);
    assert_int_equal(gone->failures, 0);
}

static void expect_no_failure(scene *s, bad_server_mode mode, uint32_t timeout_ms)
{
    bad_server *other = scene_begin_pair(s, 2, timeout_ms);
    atomic_store(&other->mode, (int)mode);
    const dr_node *bad = &s->client->nodes.items[1];
    while (bad->ejected_until_ms == 0) {
        scene_expect_echo(s);
    }
    int conns = atomic_load(&other->conns);
    while (bad->ejected_until_ms > dr_clock_ms()) {
        scene_expect_echo(s);
    }
    assert_in_range(atomic_load(&other->conns), conns, conns + 10); /* of all these calls */
    assert_int_equal(s->client->nodes.items[0].failures, 0);
    atomic_store(&other->mode, BAD_SERVER_READS);
    expect_healing(s, other);
    scene_end(s);
}

static void bad_node_is_set_aside(void **state)
{
    scene *s = *state;
    expect_no_failure(s, BAD_SERVER_SHUTS, 10000);
    expect_no_failure(s, BAD_SERVER_HANGS_UP, 10000);
    expect_no_failure(s, BAD_SERVER_DEAF, 2400); /* a third of it for each try, also a good one */
}

/* One server that is bad in each way, and then good: only the calls in between fail. */
static void lone_server(void **state)
{
    scene *s = *state;
    const struct {
        bad_server_mode mode;
        dora_err err;
    } cases[] = {
        {BAD_SERVER_SHUTS, DORA_ECLOSED},
        {BAD_SERVER_HANGS_UP, DORA_ECLOSED},
        {BAD_SERVER_DEAF, DORA_ETIMEDOUT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        s->server.mode = cases[i].mode;
        scene_begin(s, NULL);
        uint32_t timeout_ms = cases[i].err == DORA_ETIMEDOUT ? 500 : 10000;
        assert_int_equal(scene_call(s, "/echo", "", timeout_ms), cases[i].err);
        assert_int_equal(s->error.code, DORA_CODE_RECEIVE);
        assert_int_equal(atomic_load(&s->server.calls), 0);
        atomic_store(&s->server.mode, BAD_SERVER_READS);
        scene_expect_echo(s);
        assert_int_equal(scene_call(s, "/stranger", "", 30), DORA_ETIMEDOUT);
        scene_expect_echo(s);
        scene_end(s);
    }
}

static void each_group_has_its_nodes(void **state)
{
    scene *s = *state;
    bad_server *other = scene_begin_pair(s, 0, 0);
    const dora_group groups[] = {{"users", s->server.address}, {"orders", other->address}};
    dora_client_options options = {.groups = groups, .group_count = 2};
    scene_remake(s, &options);
    const dora_call one = {.name = text_slice("/echo")};
    dora_call_options call = {.group = NULL};
    assert_int_equal(dora_client_call(s->client, &one, &call, s->answer, NULL), DORA_OK);
    call.group = "orders";
    assert_int_equal(dora_client_call(s->client, &one, &call, s->answer, NULL), DORA_OK);
    assert_int_equal(s->server.seen_count, 1);
    assert_int_equal(other->seen_count, 1);
    call.group = "stock";
    assert_int_equal(dora_client_call(s->client, &one, &call, s->answer, &s->error), DORA_EINVAL);
    assert_string_equal(s->error.msg, "there is no group \"stock\"; there are: users, orders");
    options.group = "orders";
    scene_remake(s, &options);
    scene_expect_echo(s);
    assert_int_equal(other->seen_count, 2);
    options.group = "stock";
    dora_client *none = NULL;
    assert_int_equal(dora_client_new(&none, &options, &s->error), DORA_EINVAL);
    assert_null(none);
    options.nodes = "a:1";
    assert_int_equal(dora_client_new(&none, &options, &s->error), DORA_EINVAL);
}

static dora_err call_node(scene *s, const char *node, const char *name)
{
    const dora_call one = {.name = text_slice(name)};
    const dora_call_options options = {.node = node};
    return dora_client_submit(s->client, &one, &options, s->answer, &s->error);
}

static void node_of_no_group(void **state)
{
    scene *s = *state;
    char node[64];
    scene_begin(s, "127.0.0.1:1");
    assert_int_equal(call_node(s, s->server.address, "/echo"), DORA_OK);
    assert_int_equal(call_node(s, s->server.address, "/echo"), DORA_OK);
    assert_int_equal(atomic_load(&s->server.conns), 1);
    assert_int_equal(call_node(s, "nowhere", "/echo"), DORA_EINVAL);
    assert_string_equal(s->error.msg, "node \"nowhere\" is not host:port");
    for (int i = 0; i < 3 * DR_NODES_OTHER_MAX; i++) {
        snprintf(node, sizeof node, "127.0.0.1:%d", i + 2);
        assert_int_equal(call_node(s, node, "/echo"), DORA_ECONNECT);
        assert_int_equal(s->error.os_error, ECONNREFUSED);
    }
    assert_int_equal(s->client->nodes.count, 1 + DR_NODES_OTHER_MAX);
    assert_int_equal(call_node(s, s->server.address, "/echo"), DORA_OK);
    assert_int_equal(atomic_load(&s->server.conns), 1); /* it had results to come: it stayed */
    dora_collection *got = scene_collect(s, 0);
    assert_int_equal(dora_collection_count(got), 3);
    dora_collection_free(got);
}

/* Every way to write 127.0.0.1 is another node; each has a submission outstanding. */
static void too_many_nodes(void **state)
{
    scene *s = *state;
    char node[128];
    scene_begin(s, NULL);
    for (int i = 0; i <= DR_NODES_OTHER_MAX; i++) {
        snprintf(node, sizeof node, "0x%0*d7f000001:%u", i + 1, 0, s->server.port);
        dora_err expected = i < DR_NODES_OTHER_MAX ? DORA_OK : DORA_EFULL;
        assert_int_equal(call_node(s, node, "/never"), expected);
    }
    assert_non_null(strstr(s->error.msg, "calls to 64 servers"));
    dora_client_forget(s->client);
    assert_int_equal(call_node(s, node, "/never"), DORA_OK);
}

static void unix_socket(void **state)
{
    scene *s = *state;
    char none[128];
    unit_folder_make(&s->folder);
    s->server.unix_path = unit_folder_path(&s->folder, "socket");
    scene_begin(s, NULL);
    scene_expect_echo(s);
    scene_expect_echo(s);
    assert_int_equal(atomic_load(&s->server.conns), 1);
    snprintf(none, sizeof none, "unix:%s/none", s->folder.path);
    const dora_client_options options = {.nodes = none};
    scene_remake(s, &options);
    assert_int_equal(scene_call(s, "/echo", "", 0), DORA_ECONNECT);
    assert_int_equal(s->error.os_error, ENOENT);
    assert_non_null(strstr(s->error.msg, none));
}

static void os_errors(void **state)
{
    scene *s = *state;
    scene_begin(s, "no-such-host.invalid:1");
    assert_int_equal(scene_call(s, "/echo", "", 0), DORA_ECONNECT);
    assert_int_equal(s->error.os_error, -1);
    const dora_client_options options = {.nodes = s->server.address};
    scene_remake(s, &options);
    assert_int_equal(scene_call(s, "/reset", "", 0), DORA_ECLOSED);
    assert_int_equal(s->error.os_error, ECONNRESET);
    assert_int_equal(scene_call(s, "/close", "", 0), DORA_ECLOSED);
    assert_int_equal(s->error.os_error, 0);
    assert_int_equal(scene_call(s, "/silent", "", 300), DORA_ETIMEDOUT);
    assert_int_equal(s->error.os_error, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(scene, same_guid),
        unit_in(scene, submission_is_repeated),
        unit_in(scene, time_is_divided),
        unit_in(scene, same_node_first),
        unit_in(scene, doubt_stays),
        unit_in(scene, overload_goes_elsewhere),
        unit_in(scene, overload_alone),
        unit_in(scene, gone_node_returns),
        unit_in(scene, bad_node_is_set_aside),
        unit_in(scene, lone_server),
        unit_in(scene, each_group_has_its_nodes),
        unit_in(scene, node_of_no_group),
        unit_in(scene, too_many_nodes),
        unit_in(scene, unix_socket),
        unit_in(scene, os_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
