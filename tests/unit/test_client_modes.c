/* test_client_modes.c: every mode of call against a server that answers well. */
#include "scene.h"

#include "base/clock.h"
#include "base/deadline.h"

static void a_send_is_acknowledged(void **state)
{
    scene *s = *state;
    const dora_call many[] = {{text_slice("a"), text_slice("/echo"), text_slice("i:1;")},
                              {text_slice("b"), text_slice("/echo"), text_slice("i:2;")}};
    scene_begin(s, NULL);
    assert_int_equal(scene_send(s, "/echo", "i:1;"), DORA_OK);
    assert_int_equal(strlen(dora_answer_guid(s->answer)), 32);
    assert_null(dora_answer_result(s->answer, 0));
    assert_int_equal(dora_client_send_many(s->client, many, 2, NULL, s->answer, &s->error),
                     DORA_OK);
    assert_int_equal(dora_client_send_many(s->client, many, 0, NULL, s->answer, &s->error),
                     DORA_EINVAL);
    assert_string_equal(dora_answer_guid(s->answer), "");
    assert_int_equal(scene_send(s, "/zero", ""), DORA_EPROTO); /* that is no acceptance */
    atomic_store(&s->server.is_busy, true);
    assert_int_equal(scene_send(s, "/echo", ""), DORA_EREPLY);
    assert_int_equal(s->error.code, DORA_CODE_OVERLOADED);
}

static void a_submission_is_collected(void **state)
{
    scene *s = *state;
    for (int mode = 0; mode < 4; mode++) {
        s->server.frame = (dora_frame_options){.sign = (mode & 1) != 0, .gzip = (mode & 2) != 0};
        const dora_call many[] = {{text_slice("a"), text_slice("/echo"), text_slice("i:1;")},
                                  {text_slice("7"), text_slice("/fail"), text_slice("i:2;")}};
        char one[33];
        scene_begin(s, NULL);
        assert_int_equal(dora_client_pending(s->client), 0);
        assert_int_equal(scene_submit(s, "/echo", "i:5;"), DORA_OK);
        memcpy(one, dora_answer_guid(s->answer), 33);
        assert_int_equal(dora_client_submit_many(s->client, many, 2, NULL, s->answer, &s->error),
                         DORA_OK);
        assert_int_equal(dora_client_pending(s->client), 2);
        dora_collection *got = scene_collect(s, 0);
        assert_int_equal(dora_collection_count(got), 2);
        const dora_collected *first = dora_collection_at(got, 0);
        assert_string_equal(first->guid, one);
        assert_int_equal(first->err, DORA_OK);
        assert_null(first->error);
        assert_false(first->is_many);
        scene_expect_data(first->answer, 0, "i:5;");
        assert_non_null(strstr(dora_answer_reply(first->answer).data, "s:8:\"isresult\";i:1;"));
        const dora_collected *second = dora_collection_at(got, 1);
        assert_string_equal(second->guid, dora_answer_guid(s->answer));
        assert_true(second->is_many);
        scene_expect_data(second->answer, 0, "i:1;");
        assert_int_equal(dora_answer_result(second->answer, 1)->code, 7);
        assert_slice(dora_answer_result(second->answer, 1)->key, "7");
        assert_null(dora_collection_at(got, 2));
        dora_collection_free(got);
        assert_int_equal(dora_client_pending(s->client), 0);
        got = scene_collect(s, 0);
        assert_int_equal(dora_collection_count(got), 0);
        dora_collection_free(got);
        scene_expect_echo(s);
        assert_int_equal(atomic_load(&s->server.conns), 1);
        scene_end(s);
    }
}

static void control_requests_are_answered(void **state)
{
    scene *s = *state;
    scene_begin(s, NULL);
    const dora_call_options options = {.node = s->server.address};
    assert_int_equal(dora_client_control(s->client, "getStat", &options, s->answer, &s->error),
                     DORA_OK);
    dora_slice reply = dora_answer_reply(s->answer);
    assert_memory_equal(reply.data, "a:4:{s:4:\"guid\";s:32:\"", 22);
    assert_memory_equal(reply.data + 22, dora_answer_guid(s->answer), 32);
    assert_int_equal(dora_client_control(s->client, "reloadTask", NULL, s->answer, &s->error),
                     DORA_EREPLY);
    assert_int_equal(s->error.code, DORA_CODE_NOT_PERMITTED);
    assert_true(dora_answer_reply(s->answer).len > 0);
    assert_int_equal(dora_client_control(s->client, "", NULL, s->answer, &s->error), DORA_EINVAL);
}

static void guid_and_reply_of_errors(void **state)
{
    scene *s = *state;
    scene_begin(s, NULL);
    assert_string_equal(dora_answer_guid(s->answer), "");
    assert_int_equal(dora_answer_reply(s->answer).len, 0);
    assert_int_equal(scene_call(s, "/close", "", 0), DORA_ECLOSED);
    assert_string_equal(dora_answer_guid(s->answer), s->server.seen[0].guid);
    assert_int_equal(dora_answer_reply(s->answer).len, 0);
    assert_int_equal(scene_call(s, "/refuse", "", 0), DORA_EREPLY);
    dora_slice reply = dora_answer_reply(s->answer);
    assert_memory_equal(reply.data + 22, dora_answer_guid(s->answer), 32);
    assert_non_null(strstr(reply.data, "i:100006;"));
    assert_int_equal(scene_call(s, "", "", 0), DORA_EINVAL);
    assert_string_equal(dora_answer_guid(s->answer), "");
    assert_int_equal(dora_answer_reply(s->answer).len, 0);
}

static int64_t told_timeout(scene *s)
{
    assert_int_equal(scene_call(s, "/timeout", "", 5000), DORA_OK);
    return strtol(dora_answer_result(s->answer, 0)->data.data + 2, NULL, 10);
}

/* A call inside a handler has no more time than the handler's caller. */
static void nested_deadline(void **state)
{
    scene *s = *state;
    dora_collection *got = NULL;
    const dora_call_options long_time = {.timeout_ms = 60000};
    scene_begin(s, NULL);
    dr_deadline_set(dr_clock_ns() + 60000ull * 1000000u);
    assert_in_range(told_timeout(s), 3001, 5000);
    dr_deadline_set(dr_clock_ns() + 3000ull * 1000000u);
    assert_in_range(told_timeout(s), 1, 3000);
    assert_int_equal(scene_submit(s, "/never", ""), DORA_OK);
    int calls = atomic_load(&s->server.calls);
    dr_deadline_set(dr_clock_ns() - 1);
    uint64_t before = dr_clock_ms();
    assert_int_equal(scene_call(s, "/echo", "", 5000), DORA_ETIMEDOUT);
    assert_int_equal(s->error.code, DORA_CODE_RECEIVE);
    assert_int_equal(scene_send(s, "/echo", ""), DORA_ETIMEDOUT);
    assert_int_equal(scene_submit(s, "/echo", ""), DORA_ETIMEDOUT);
    assert_int_equal(dora_client_collect(&s->client, 1, &long_time, &got, NULL), DORA_OK);
    assert_in_range(dr_clock_ms() - before, 0, 5000);
    dr_deadline_set(0);
    assert_int_equal(dora_collection_count(got), 1);
    assert_int_equal(dora_collection_at(got, 0)->err, DORA_ETIMEDOUT);
    dora_collection_free(got);
    scene_expect_echo(s);
    assert_int_equal(atomic_load(&s->server.calls), calls + 1);
}

/* Keys and results of many stay right when both ways are used by turns on one connection. */
static void by_turns(void **state)
{
    scene *s = *state;
    char param[32];
    scene_begin(s, NULL);
    for (int i = 0; i < 40; i++) {
        snprintf(param, sizeof param, "i:%d;", i);
        assert_int_equal(scene_submit(s, i % 2 == 0 ? "/late" : "/echo", param), DORA_OK);
        assert_int_equal(scene_call(s, i % 3 == 0 ? "/flush" : "/drip", param, 0), DORA_OK);
        scene_expect_data(s->answer, 0, param);
    }
    bad_server_release(&s->server, 0);
    dora_collection *got = scene_collect(s, 0);
    assert_int_equal(dora_collection_count(got), 40);
    for (int i = 0; i < 40; i++) {
        snprintf(param, sizeof param, "i:%d;", i);
        scene_expect_data(dora_collection_at(got, (size_t)i)->answer, 0, param);
    }
    dora_collection_free(got);
    assert_int_equal(atomic_load(&s->server.conns), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(scene, a_send_is_acknowledged),
        unit_in(scene, a_submission_is_collected),
        unit_in(scene, control_requests_are_answered),
        unit_in(scene, guid_and_reply_of_errors),
        unit_in(scene, nested_deadline),
        unit_in(scene, by_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
