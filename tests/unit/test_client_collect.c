/* test_client_collect.c: results that come later: each exactly once, whatever happens between. */
#include "scene.h"

#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/blocking/client.h"
#include "torture.h"

#define SERVERS 3
#define SUBMISSIONS 100

/* Some results come early, some late and in reverse, one server dies: each ends exactly once. */
static void a_hundred_are_collected(void **state)
{
    scene *s = *state;
    bad_server *servers[SERVERS];
    char guids[SUBMISSIONS][33];
    char param[32];
    scene_begin(s, "127.0.0.1:1");
    for (int i = 0; i < SERVERS; i++) {
        servers[i] = bad_server_add(&s->others, NULL);
    }
    for (int i = 0; i < SUBMISSIONS; i++) {
        const char *name = i % 10 == 4 ? "/echo" : "/late";
        scene_param(param, i);
        const dora_call one = {.name = text_slice(name), .param = text_slice(param)};
        const dora_call_options options = {.node = servers[i % SERVERS]->address};
        assert_int_equal(dora_client_submit(s->client, &one, &options, s->answer, &s->error),
                         DORA_OK);
        memcpy(guids[i], dora_answer_guid(s->answer), 33);
    }
    assert_int_equal(dora_client_pending(s->client), SUBMISSIONS);
    for (int i = 0; i < SERVERS; i++) {
        assert_int_equal(atomic_load(&servers[i]->conns), 1);
        bad_server_release(servers[i], i == 1 ? -1 : 0);
    }
    dora_collection *got = scene_collect(s, 0);
    assert_int_equal(dora_collection_count(got), SUBMISSIONS);
    for (int i = 0; i < SUBMISSIONS; i++) {
        const dora_collected *item = dora_collection_at(got, (size_t)i);
        assert_string_equal(item->guid, guids[i]);
        if (i % SERVERS == 1 && i % 10 != 4) {
            assert_int_equal(item->err, DORA_ECLOSED);
            assert_int_equal(item->error->code, DORA_CODE_RESULT_LOST);
            assert_null(dora_answer_result(item->answer, 0));
        } else {
            assert_int_equal(item->err, DORA_OK);
            assert_int_equal(scene_number(item), i);
        }
    }
    dora_collection_free(got);
    assert_int_equal(dora_client_pending(s->client), 0);
}

static void expect_failed(scene *s, uint32_t timeout_ms, dora_err err, int64_t code)
{
    dora_collection *got = scene_collect(s, timeout_ms);
    assert_int_equal(dora_collection_count(got), 1);
    const dora_collected *item = dora_collection_at(got, 0);
    assert_int_equal(item->err, err);
    assert_int_equal(item->error->err, err);
    assert_int_equal(item->error->code, code);
    assert_int_equal(strlen(item->guid), 32);
    assert_null(dora_answer_result(item->answer, 0));
    dora_collection_free(got);
}

static void a_result_may_come_early(void **state)
{
    scene *s = *state;
    scene_begin(s, NULL);
    assert_int_equal(scene_submit(s, "/late", "i:1;"), DORA_OK);
    assert_int_equal(scene_call(s, "/flush", "i:2;", 0), DORA_OK);
    scene_expect_data(s->answer, 0, "i:2;");
    scene_expect_one(s, "i:1;", true);
    assert_int_equal(scene_submit(s, "/late", "i:3;"), DORA_OK);
    bad_server_release(&s->server, 0);
    scene_expect_one(s, "i:3;", false);
    assert_int_equal(atomic_load(&s->server.conns), 1);
}

static void late_result_is_nobodys(void **state)
{
    scene *s = *state;
    scene_begin(s, NULL);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(scene_submit(s, "/late", "i:1;"), DORA_OK);
        if (i == 0) {
            expect_failed(s, 30, DORA_ETIMEDOUT, DORA_CODE_RECEIVE);
        } else {
            dora_client_forget(s->client);
        }
        assert_int_equal(dora_client_pending(s->client), 0);
        bad_server_release(&s->server, 0);
        scene_expect_echo(s);
        dora_collection *got = scene_collect(s, 30);
        assert_int_equal(dora_collection_count(got), 0);
        dora_collection_free(got);
    }
}

/* A call that times out leaves the connection to the submissions, and its reply comes too late. */
static void late_reply_is_nobodys(void **state)
{
    scene *s = *state;
    scene_begin(s, NULL);
    assert_int_equal(scene_submit(s, "/late", "i:1;"), DORA_OK);
    assert_int_equal(scene_call(s, "/late", "i:2;", 300), DORA_ETIMEDOUT);
    bad_server_wait(&s->server, 2);
    bad_server_release(&s->server, 0);
    scene_expect_echo(s);
    assert_int_equal(atomic_load(&s->server.conns), 1);
    scene_expect_one(s, "i:1;", true);
    scene_end(s);
    scene_begin(s, NULL);
    assert_int_equal(scene_call(s, "/late", "i:2;", 300), DORA_ETIMEDOUT); /* without: closed */
    scene_expect_echo(s);
    bad_server_release(&s->server, 0);
    scene_expect_echo(s);
    assert_int_equal(atomic_load(&s->server.conns), 2);
}

static void connection_breaks(void **state)
{
    scene *s = *state;
    scene_begin(s, NULL);
    assert_int_equal(scene_submit(s, "/lose", ""), DORA_OK);
    expect_failed(s, 0, DORA_ECLOSED, DORA_CODE_RESULT_LOST);
    /* found by a call, which looks at a connection that was not used for a while */
    assert_int_equal(scene_submit(s, "/echo", "i:1;"), DORA_OK);
    assert_int_equal(scene_submit(s, "/late", "i:2;"), DORA_OK);
    bad_server_release(&s->server, -1);
    s->client->conn_pool.all->used_ns = 0;
    uint64_t deadline_ms = dr_clock_ms() + 60000;
    while (s->client->pending.last->is_done == false) {
        assert_true(dr_clock_ms() < deadline_ms);
        s->client->conn_pool.all->used_ns = 0;
        scene_expect_echo(s);
    }
    dora_collection *got = scene_collect(s, 0);
    assert_int_equal(dora_collection_count(got), 2);
    assert_int_equal(dora_collection_at(got, 0)->err, DORA_OK);
    assert_true(dora_collection_at(got, 0)->came_early);
    assert_int_equal(dora_collection_at(got, 1)->err, DORA_ECLOSED);
    dora_collection_free(got);
}

/* Half a request went out: the connection takes no other, but results still come on it. */
static void half_sent(void **state)
{
    scene *s = *state;
    const size_t len = 8000000;
    char *param = malloc(len + 32);
    assert_non_null(param);
    int head = snprintf(param, 32, "s:%zu:\"", len);
    memset(param + head, 'x', len);
    memcpy(param + head + len, "\";", 3);
    s->server.frame = (dora_frame_options){.bytes_max = 2 * len};
    scene_begin(s, NULL);
    const dora_client_options options = {.nodes = s->server.address, .frame_bytes_max = 2 * len};
    scene_remake(s, &options);
    assert_int_equal(scene_submit(s, "/late", "i:1;"), DORA_OK);
    assert_int_equal(scene_call(s, "/deaf", "", 0), DORA_OK);
    assert_int_equal(scene_call(s, "/echo", param, 1000), DORA_ETIMEDOUT);
    scene_expect_echo(s);
    assert_int_equal(atomic_load(&s->server.conns), 2);
    bad_server_release(&s->server, 0);
    scene_expect_one(s, "i:1;", false);
    assert_null(s->client->conn_pool.all->next);
    scene_end(s);
    free(param);
}

static void garbage_loses(void **state)
{
    scene *s = *state;
    scene_begin(s, NULL);
    assert_int_equal(scene_submit(s, "/late", ""), DORA_OK);
    assert_int_equal(scene_call(s, "/garbage", "", 0), DORA_EPROTO);
    expect_failed(s, 0, DORA_ECLOSED, DORA_CODE_RESULT_LOST);
}

/* What a stopping server has accepted it still answers; new calls go to another connection. */
static void stopping_keeps_results(void **state)
{
    scene *s = *state;
    scene_begin(s, NULL);
    assert_int_equal(scene_submit(s, "/late", "i:1;"), DORA_OK);
    atomic_store(&s->server.calls, 0);
    assert_int_equal(scene_call(s, "/stopping_once", "i:2;", 0), DORA_OK);
    assert_int_equal(atomic_load(&s->server.conns), 2);
    scene_expect_echo(s);
    assert_int_equal(atomic_load(&s->server.conns), 2);
    bad_server_release(&s->server, 0);
    scene_expect_one(s, "i:1;", false);
    assert_null(s->client->conn_pool.all->next); /* it was kept for the result only */
}

typedef struct two_scenes {
    scene one;
    scene two;
} two_scenes;

static void two_scenes_end(two_scenes *s)
{
    scene_end(&s->one);
    scene_end(&s->two);
}
UNIT_SCENE(two_scenes, two_scenes_end)

static void two_clients(void **state)
{
    two_scenes *s = *state;
    scene *one = &s->one;
    scene *two = &s->two;
    dora_collection *got = NULL;
    scene_begin(one, NULL);
    scene_begin(two, NULL);
    dora_client *clients[] = {one->client, two->client, one->client};
    assert_int_equal(scene_submit(one, "/late", "i:1;"), DORA_OK);
    assert_int_equal(scene_submit(two, "/never", ""), DORA_OK);
    bad_server_release(&one->server, 0);
    uint64_t before = dr_clock_ms();
    const dora_call_options options = {.timeout_ms = 800};
    assert_int_equal(dora_client_collect(clients, 3, &options, &got, NULL), DORA_OK);
    assert_in_range(dr_clock_ms() - before, 799, 9000);
    assert_int_equal(dora_collection_count(got), 2);
    assert_int_equal(dora_collection_at(got, 0)->err, DORA_OK);
    assert_int_equal(dora_collection_at(got, 1)->err, DORA_ETIMEDOUT);
    dora_collection_free(got);
    assert_int_equal(dora_client_collect(NULL, 0, NULL, &got, NULL), DORA_OK);
    assert_int_equal(dora_collection_count(got), 0);
    dora_collection_free(got);
}

static void most_submissions(void **state)
{
    (void)state;
    dr_pending pending = {NULL};
    for (uint32_t i = 0; i <= DR_PENDING_MAX; i++) {
        dr_submission *submission = dr_submission_new(false);
        snprintf(submission->answer->guid, 33, "%08u%024u", i, i);
        dora_err expected = i < DR_PENDING_MAX ? DORA_OK : DORA_EFULL;
        assert_int_equal(dr_pending_add(&pending, submission), expected);
        submission->is_accepted = true;
        pending.accepted += expected == DORA_OK ? 1 : 0;
        if (expected != DORA_OK) {
            dr_submission_free(submission);
        }
    }
    dr_submission *found = dr_pending_find(&pending, "00000777000000000000000000000777");
    assert_string_equal(found->answer->guid, "00000777000000000000000000000777");
    dr_pending_remove(&pending, found);
    assert_null(dr_pending_find(&pending, "00000777000000000000000000000777"));
    dr_submission_free(found);
    assert_int_equal(pending.table.count, DR_PENDING_MAX - 1);
    dr_pending_fini(&pending);
}

static bool submit_and_collect(void *user)
{
    const dora_call calls[] = {{text_slice("a"), text_slice("/echo"), text_slice("i:1;")},
                               {text_slice("b"), text_slice("/echo"), text_slice("i:2;")}};
    const dora_group groups[] = {{"a", user}, {"b", user}};
    const dora_client_options options = {.groups = groups, .group_count = 2};
    const dora_call_options other = {.node = "127.0.0.1:1"};
    dora_client *client = NULL;
    dora_collection *got = NULL;
    dora_answer *answer = dora_answer_new();
    dora_err err = answer != NULL ? dora_client_new(&client, &options, NULL) : DORA_ENOMEM;
    if (err == DORA_OK) {
        err = dora_client_submit(client, calls, NULL, answer, NULL);
    }
    if (err == DORA_OK) {
        err = dora_client_submit_many(client, calls, 2, NULL, answer, NULL);
    }
    if (err == DORA_OK && dora_client_send(client, calls, &other, answer, NULL) == DORA_ENOMEM) {
        err = DORA_ENOMEM;
    }
    if (err == DORA_OK) {
        err = dora_client_collect(&client, 1, NULL, &got, NULL);
    }
    for (size_t i = 0; err == DORA_OK && i < dora_collection_count(got); i++) {
        err = dora_collection_at(got, i)->err;
    }
    dora_collection_free(got);
    dora_client_free(client);
    dora_answer_free(answer);
    return err == DORA_OK;
}

static void no_memory(void **state)
{
    scene *s = *state;
    scene_begin_elsewhere(s);
    assert_true(torture_run(submit_and_collect, s->elsewhere) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(scene, a_hundred_are_collected),
        unit_in(scene, a_result_may_come_early),
        unit_in(scene, late_result_is_nobodys),
        unit_in(scene, late_reply_is_nobodys),
        unit_in(scene, connection_breaks),
        unit_in(scene, half_sent),
        unit_in(scene, garbage_loses),
        unit_in(scene, stopping_keeps_results),
        unit_in(two_scenes, two_clients),
        cmocka_unit_test(most_submissions),
        unit_in(scene, no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
