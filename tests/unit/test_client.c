/* test_client.c: the blocking client against a server that misbehaves. */
#include "unit.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <dora/client.h>

#include "base/clock.h"
#include "client/blocking/conn_pool.h"
#include "scene.h"
#include "torture.h"

static void wrong_options_are_refused(void **state)
{
    (void)state;
    dora_client *client = NULL;
    dora_error error;
    dora_client_options options = {.nodes = NULL};
    assert_int_equal(dora_client_new(&client, &options, &error), DORA_EINVAL);
    options.nodes = "nowhere";
    assert_int_equal(dora_client_new(&client, &options, &error), DORA_EINVAL);
    assert_null(client);
    assert_string_equal(error.msg, "node \"nowhere\" is not host:port");
    dora_client_free(NULL);
    dora_answer_free(NULL);
}

static void connection_is_kept(void **state)
{
    scene *s = *state;
    for (int mode = 0; mode < 4; mode++) {
        s->server.frame = (dora_frame_options){.sign = (mode & 1) != 0, .gzip = (mode & 2) != 0};
        scene_begin(s, NULL);
        for (int i = 0; i < 50; i++) {
            scene_expect_echo(s);
        }
        assert_int_equal(scene_call(s, "/echo", "", 5000), DORA_OK);
        scene_expect_data(s->answer, 0, "N;");
        assert_int_equal(scene_call(s, "/drip", "a:0:{}", 0), DORA_OK);
        scene_expect_data(s->answer, 0, "a:0:{}");
        assert_int_equal(scene_call(s, "/other", "i:5;", 0), DORA_OK);
        scene_expect_data(s->answer, 0, "i:5;");
        assert_int_equal(atomic_load(&s->server.conns), 1);
        scene_end(s);
    }
}

static void timeout_travels(void **state)
{
    scene *s = *state;
    scene_begin(s, NULL);
    assert_int_equal(scene_call(s, "/timeout", "", 5000), DORA_OK);
    const dora_result *result = dora_answer_result(s->answer, 0);
    assert_int_equal(result->data.data[0], 'i');
    assert_in_range(strtol(result->data.data + 2, NULL, 10), 1, 5000);
}

static void handler_errors(void **state)
{
    scene *s = *state;
    scene_begin(s, NULL);
    assert_int_equal(scene_call(s, "/fail", "", 0), DORA_OK);
    const dora_result *result = dora_answer_result(s->answer, 0);
    assert_int_equal(result->code, 7);
    assert_memory_equal(result->msg.data, "it failed", result->msg.len);
    assert_int_equal(scene_call(s, "/died", "", 0), DORA_OK);
    assert_int_equal(dora_answer_result(s->answer, 0)->code, DORA_CODE_WORKER_DIED);
    assert_int_equal(atomic_load(&s->server.calls), 2);
}

static void many_are_answered_by_key(void **state)
{
    scene *s = *state;
    const dora_call calls[] = {
        {text_slice("user"), text_slice("/echo"), text_slice("i:1;")},
        {text_slice("7"), text_slice("/echo"), text_slice("i:2;")},
        {text_slice("007"), text_slice("/fail"), text_slice("")},
        {text_slice(""), text_slice("/echo"), text_slice("")},
        {text_slice("-9223372036854775808"), text_slice("/echo"), text_slice("b:1;")},
        {text_slice("9223372036854775808"), text_slice("/echo"), text_slice("b:0;")},
    };
    scene_begin(s, NULL);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(dora_client_call_many(s->client, calls, 6, NULL, s->answer, &s->error),
                         DORA_OK);
        for (size_t i = 0; i < 6; i++) {
            const dora_result *result = dora_answer_result(s->answer, i);
            assert_int_equal(result->key.len, calls[i].key.len);
            assert_memory_equal(result->key.data, calls[i].key.data, result->key.len);
        }
        scene_expect_data(s->answer, 0, "i:1;");
        scene_expect_data(s->answer, 1, "i:2;");
        assert_int_equal(dora_answer_result(s->answer, 2)->code, 7);
        scene_expect_data(s->answer, 3, "N;");
        scene_expect_data(s->answer, 4, "b:1;");
        scene_expect_data(s->answer, 5, "b:0;");
        assert_null(dora_answer_result(s->answer, 6));
    }
}

static void wrong_calls(void **state)
{
    scene *s = *state;
    const dora_call twice[] = {{text_slice("a"), text_slice("/echo"), text_slice("")},
                               {text_slice("a"), text_slice("/echo"), text_slice("")}};
    char long_name[257];
    memset(long_name, 'n', 256);
    long_name[256] = '\0';
    scene_begin(s, NULL);
    assert_int_equal(dora_client_call_many(s->client, twice, 0, NULL, s->answer, &s->error),
                     DORA_EINVAL);
    assert_int_equal(dora_client_call_many(s->client, twice, 2, NULL, s->answer, &s->error),
                     DORA_EINVAL);
    assert_string_equal(s->error.msg, "call 2: its key stands there twice");
    assert_int_equal(scene_call(s, "", "", 0), DORA_EINVAL);
    assert_int_equal(scene_call(s, long_name, "", 0), DORA_EINVAL);
    long_name[255] = '\0';
    assert_int_equal(scene_call(s, long_name, "", 0), DORA_OK);
    const char *params[] = {"i:1", "i:1;i:2;", "O:1:\"A\":0:{}", "x", "{}"};
    for (size_t i = 0; i < sizeof params / sizeof params[0]; i++) {
        assert_int_equal(scene_call(s, "/echo", params[i], 0), DORA_EINVAL);
        assert_null(dora_answer_result(s->answer, 0));
    }
}

static void nothing_listens(void **state)
{
    scene *s = *state;
    char gone[128];
    bad_server_gone(gone);
    scene_begin(s, gone);
    assert_int_equal(scene_call(s, "/echo", "", 0), DORA_ECONNECT);
    assert_int_equal(s->error.code, DORA_CODE_CONNECT);
    assert_non_null(strstr(s->error.msg, gone));
    assert_non_null(strstr(s->error.msg, "Connection refused"));
}

static void no_such_host(void **state)
{
    scene *s = *state;
    scene_begin(s, "no-such-host.invalid:1");
    assert_int_equal(scene_call(s, "/echo", "", 0), DORA_ECONNECT);
    assert_int_equal(s->error.code, DORA_CODE_CONNECT);
    assert_non_null(strstr(s->error.msg, "no-such-host.invalid"));
}

static void name_is_looked_up(void **state)
{
    scene *s = *state;
    char nodes[32];
    scene_begin(s, NULL);
    snprintf(nodes, sizeof nodes, "localhost:%u", s->server.port);
    const dora_client_options options = {.nodes = nodes};
    scene_remake(s, &options);
    assert_int_equal(scene_call(s, "/echo", "i:3;", 0), DORA_OK);
    scene_expect_data(s->answer, 0, "i:3;");
}

static void silence_times_out(void **state)
{
    scene *s = *state;
    scene_begin(s, NULL);
    scene_expect_echo(s);
    uint64_t before = dr_clock_ms();
    assert_int_equal(scene_call(s, "/silent", "", 50), DORA_ETIMEDOUT);
    assert_int_equal(s->error.code, DORA_CODE_RECEIVE);
    assert_in_range(dr_clock_ms() - before, 49, 9000); /* of ten seconds */
    scene_expect_echo(s); /* on a new connection: a late reply must not reach it */
    assert_int_equal(atomic_load(&s->server.conns), 2);
}

static void expect_broken(scene *s, const char *name, dora_err err)
{
    scene_begin(s, NULL);
    assert_int_equal(scene_call(s, name, "", 0), err);
    assert_int_equal(s->error.code, DORA_CODE_RECEIVE);
    assert_true(s->error.msg[0] != '\0');
    assert_int_equal(atomic_load(&s->server.calls), 1); /* it may have run: not sent again */
    scene_expect_echo(s);
    scene_end(s);
}

static void broken_connections(void **state)
{
    scene *s = *state;
    expect_broken(s, "/close", DORA_ECLOSED);
    expect_broken(s, "/reset", DORA_ECLOSED);
    expect_broken(s, "/half", DORA_ECLOSED);
    expect_broken(s, "/garbage", DORA_EPROTO);
    expect_broken(s, "/envelope", DORA_EPROTO);
}

static void a_refused_call_has_its_code(void **state)
{
    scene *s = *state;
    scene_begin(s, NULL);
    assert_int_equal(scene_call(s, "/refuse", "", 0), DORA_EREPLY);
    assert_int_equal(s->error.code, 100006);
    assert_string_equal(s->error.msg, "refused");
    assert_int_equal(atomic_load(&s->server.calls), 1);
    scene_expect_echo(s);
}

static void stopping_server(void **state)
{
    scene *s = *state;
    scene_begin(s, NULL);
    assert_int_equal(scene_call(s, "/stopping", "", 0), DORA_EREPLY);
    assert_int_equal(s->error.code, DORA_CODE_STOPPING);
    assert_int_equal(atomic_load(&s->server.conns), 1);
    scene_expect_echo(s);
    assert_int_equal(scene_call(s, "/stopping", "", 0), DORA_EREPLY);
    assert_int_equal(atomic_load(&s->server.conns), 3); /* a fresh one is tried once */
}

static void stopping_then_restarted(void **state)
{
    scene *s = *state;
    scene_begin(s, NULL);
    scene_expect_echo(s);
    atomic_store(&s->server.calls, 0);
    assert_int_equal(scene_call(s, "/stopping_once", "i:1;", 0), DORA_OK);
    scene_expect_data(s->answer, 0, "i:1;");
    assert_int_equal(atomic_load(&s->server.conns), 2);
}

static void other_nodes(void **state)
{
    scene *s = *state;
    char gone[128];
    char nodes[512];
    bad_server_gone(gone);
    bad_server *stopping = bad_server_add(&s->others, NULL);
    scene_begin(s, NULL);
    snprintf(nodes, sizeof nodes, "%s, %s", gone, s->server.address);
    dora_client_options options = {.nodes = nodes};
    scene_remake(s, &options);
    for (int i = 0; i < 20; i++) {
        scene_expect_echo(s);
    }
    assert_int_equal(atomic_load(&s->server.conns), 1);
    snprintf(nodes, sizeof nodes, "%s,%s,%s", s->server.address, stopping->address, gone);
    scene_remake(s, &options);
    atomic_store(&s->server.calls, 1); /* so that only the other server says "stopping" */
    for (int i = 0; i < 20; i++) {
        atomic_store(&stopping->calls, 0);
        assert_int_equal(scene_call(s, "/stopping_once", "i:1;", 0), DORA_OK);
        scene_expect_data(s->answer, 0, "i:1;");
    }
}

static void big_request(void **state)
{
    scene *s = *state;
    const size_t len = 2000000;
    char *param = malloc(len + 32);
    assert_non_null(param);
    int head = snprintf(param, 32, "s:%zu:\"", len);
    memset(param + head, 'x', len);
    memcpy(param + head + len, "\";", 3);
    scene_begin(s, NULL);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(scene_call(s, "/echo", param, 0), DORA_OK);
        scene_expect_data(s->answer, 0, param);
    }
    assert_int_equal(atomic_load(&s->server.conns), 1);
    scene_end(s);

    s->server.mode = BAD_SERVER_DEAF;
    scene_begin(s, NULL);
    assert_int_equal(scene_call(s, "/echo", param, 300), DORA_ETIMEDOUT);
    scene_end(s);

    s->server.mode = BAD_SERVER_REFUSES;
    scene_begin(s, NULL);
    assert_int_equal(scene_call(s, "/echo", param, 0), DORA_EREPLY);
    assert_int_equal(s->error.code, DORA_CODE_TOO_BIG);
    free(param);
}

static void too_big_for_a_frame(void **state)
{
    scene *s = *state;
    scene_begin(s, NULL);
    const dora_client_options options = {.nodes = s->server.address, .frame_bytes_max = 64};
    scene_remake(s, &options);
    assert_int_equal(scene_call(s, "/echo", "", 0), DORA_ETOOBIG);
    assert_int_equal(s->error.code, DORA_CODE_TOO_BIG);
}

static void unused_connection_is_looked_at(void **state)
{
    scene *s = *state;
    int *fds = s->fds;
    uint64_t now_ns = dr_clock_ns();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    dr_pooled_conn peer = {.stream.fd = fds[0], .used_ns = now_ns};
    const uint64_t later_ns = now_ns + DR_IDLE_TRUST_NS + 1;
    assert_true(dr_peer_is_usable(&peer, now_ns));
    assert_true(dr_peer_is_usable(&peer, later_ns));
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_true(dr_peer_is_usable(&peer, now_ns));
    assert_false(dr_peer_is_usable(&peer, later_ns));
    unit_close(&fds[1]);
    assert_true(dr_peer_is_usable(&peer, now_ns + DR_IDLE_TRUST_NS));
    assert_false(dr_peer_is_usable(&peer, later_ns));
    peer.used_ns = 0;
    assert_false(dr_peer_is_usable(&peer, now_ns));
}

static void idle_connections_are_bounded(void **state)
{
    (void)state;
    dr_conn_pool keep = {NULL};
    const dora_frame_options frame = {.sign = false};
    assert_int_equal(dr_conn_pool_grow(&keep, 1), DORA_OK);
    dr_pooled_conn *peers[DR_IDLE_MAX + 1];
    for (size_t i = 0; i < DR_IDLE_MAX + 1; i++) {
        peers[i] = dr_conn_pool_open(&keep, 0, &frame);
        assert_non_null(peers[i]);
    }
    for (size_t i = 0; i < DR_IDLE_MAX + 1; i++) {
        dr_conn_pool_give(&keep, peers[i], 1);
    }
    assert_int_equal(keep.idle[0].count, DR_IDLE_MAX);
    assert_ptr_equal(dr_conn_pool_take(&keep, 0), peers[DR_IDLE_MAX - 1]); /* last in, first out */
    dr_conn_pool_clear(&keep, 0);
    assert_int_equal(keep.idle[0].count, 0);
    assert_ptr_equal(keep.all, peers[DR_IDLE_MAX - 1]);
    dr_conn_pool_fini(&keep);
}

static void a_forked_child_connects_anew(void **state)
{
    scene *s = *state;
    scene_begin(s, NULL);
    scene_expect_echo(s);
    pid_t child = fork();
    if (child == 0) {
        bool is_good = scene_call(s, "/echo", "i:9;", 0) == DORA_OK &&
                       scene_call(s, "/echo", "i:9;", 0) == DORA_OK;
        _exit(is_good ? 0 : 1);
    }
    assert_int_equal(unit_wait(child), 0);
    assert_int_equal(atomic_load(&s->server.conns), 2);
    scene_expect_echo(s);
    assert_int_equal(atomic_load(&s->server.conns), 2);
    assert_int_equal(atomic_load(&s->server.calls), 4);
}

static void *caller_main(void *user)
{
    scene *s = user;
    dora_answer *answer = dora_answer_new();
    size_t wrong = 0;
    for (int i = 0; i < 100; i++) {
        char param[64];
        int len = snprintf(param, sizeof param, "i:%d%d;", (int)(pthread_self() >> 12 & 0xffff), i);
        const dora_call one = {.name = text_slice("/echo"), .param = {param, (size_t)len}};
        dora_err err = dora_client_call(s->client, &one, NULL, answer, NULL);
        const dora_result *result = dora_answer_result(answer, 0);
        wrong += err != DORA_OK || result == NULL || result->data.len != (size_t)len ||
                         memcmp(result->data.data, param, (size_t)len) != 0
                     ? 1
                     : 0;
    }
    dora_answer_free(answer);
    return (void *)wrong;
}

static void threads_share_a_client(void **state)
{
    scene *s = *state;
    scene_begin(s, NULL);
    unit_threads_start(&s->threads, 8, caller_main, s);
    assert_int_equal(unit_threads_join(&s->threads), 0);
    assert_in_range(atomic_load(&s->server.conns), 1, 8);
}

static bool call_two(void *user)
{
    const dora_call calls[] = {{text_slice("a"), text_slice("/echo"), text_slice("i:1;")},
                               {text_slice("b"), text_slice("/echo"), text_slice("i:2;")}};
    const dora_client_options options = {.nodes = user, .salt = "pepper"};
    dora_client *client = NULL;
    dora_answer *answer = dora_answer_new();
    dora_err err = answer != NULL ? dora_client_new(&client, &options, NULL) : DORA_ENOMEM;
    if (err == DORA_OK) {
        err = dora_client_call_many(client, calls, 2, NULL, answer, NULL);
    }
    dora_client_free(client);
    dora_answer_free(answer);
    return err == DORA_OK;
}

static void no_memory(void **state)
{
    scene *s = *state;
    scene_begin_elsewhere(s);
    assert_true(torture_run(call_two, s->elsewhere) > 6);
}

static void no_allocation_in_steady_state(void **state)
{
    scene *s = *state;
    scene_begin_elsewhere(s);
    scene_expect_echo(s);
    scene_expect_echo(s);
    torture_arm(1);
    dora_err err = scene_call(s, "/echo", "s:5:\"hello\";", 0);
    torture_arm(0);
    assert_int_equal(err, DORA_OK);
    assert_false(torture_has_failed());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_options_are_refused),
        unit_in(scene, connection_is_kept),
        unit_in(scene, timeout_travels),
        unit_in(scene, handler_errors),
        unit_in(scene, many_are_answered_by_key),
        unit_in(scene, wrong_calls),
        unit_in(scene, nothing_listens),
        unit_in(scene, no_such_host),
        unit_in(scene, name_is_looked_up),
        unit_in(scene, silence_times_out),
        unit_in(scene, broken_connections),
        unit_in(scene, a_refused_call_has_its_code),
        unit_in(scene, stopping_server),
        unit_in(scene, stopping_then_restarted),
        unit_in(scene, other_nodes),
        unit_in(scene, big_request),
        unit_in(scene, too_big_for_a_frame),
        unit_in(scene, unused_connection_is_looked_at),
        cmocka_unit_test(idle_connections_are_bounded),
        unit_in(scene, a_forked_child_connects_anew),
        unit_in(scene, threads_share_a_client),
        unit_in(scene, no_memory),
        unit_in(scene, no_allocation_in_steady_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
