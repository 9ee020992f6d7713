/* test_client_modes.c: every mode of call against a server that answers well. */
#include "scene.h"

static void test_send(void **state)
{
    (void)state;
    scene s = {.client = NULL};
    const dora_call many[] = {{text_slice("a"), text_slice("/echo"), text_slice("i:1;")},
                              {text_slice("b"), text_slice("/echo"), text_slice("i:2;")}};
    scene_begin(&s, NULL);
    assert_int_equal(scene_send(&s, "/echo", "i:1;"), DORA_OK);
    assert_int_equal(strlen(dora_answer_guid(s.answer)), 32);
    assert_null(dora_answer_result(s.answer, 0));
    assert_int_equal(dora_client_send_many(s.client, many, 2, NULL, s.answer, &s.error), DORA_OK);
    assert_int_equal(dora_client_send_many(s.client, many, 0, NULL, s.answer, &s.error),
                     DORA_EINVAL);
    assert_string_equal(dora_answer_guid(s.answer), "");
    assert_int_equal(scene_send(&s, "/zero", ""), DORA_EPROTO); /* that is no acceptance */
    atomic_store(&s.server.is_busy, true);
    assert_int_equal(scene_send(&s, "/echo", ""), DORA_EREPLY);
    assert_int_equal(s.error.code, DORA_CODE_OVERLOADED);
    scene_end(&s);
}

static void test_submit(void **state)
{
    (void)state;
    for (int mode = 0; mode < 4; mode++) {
        scene s = {.server.frame = {.sign = (mode & 1) != 0, .gzip = (mode & 2) != 0}};
        const dora_call many[] = {{text_slice("a"), text_slice("/echo"), text_slice("i:1;")},
                                  {text_slice("7"), text_slice("/fail"), text_slice("i:2;")}};
        char one[33];
        scene_begin(&s, NULL);
        assert_int_equal(dora_client_pending(s.client), 0);
        assert_int_equal(scene_submit(&s, "/echo", "i:5;"), DORA_OK);
        memcpy(one, dora_answer_guid(s.answer), 33);
        assert_int_equal(dora_client_submit_many(s.client, many, 2, NULL, s.answer, &s.error),
                         DORA_OK);
        assert_int_equal(dora_client_pending(s.client), 2);
        dora_collection *got = scene_collect(&s, 0);
        assert_int_equal(dora_collection_count(got), 2);
        const dora_collected *first = dora_collection_at(got, 0);
        assert_string_equal(first->guid, one);
        assert_int_equal(first->err, DORA_OK);
        assert_null(first->error);
        assert_false(first->is_many);
        scene_expect_data(first->answer, 0, "i:5;");
        assert_non_null(strstr(dora_answer_reply(first->answer).data, "s:8:\"isresult\";i:1;"));
        const dora_collected *second = dora_collection_at(got, 1);
        assert_string_equal(second->guid, dora_answer_guid(s.answer));
        assert_true(second->is_many);
        scene_expect_data(second->answer, 0, "i:1;");
        assert_int_equal(dora_answer_result(second->answer, 1)->code, 7);
        assert_slice(dora_answer_result(second->answer, 1)->key, "7");
        assert_null(dora_collection_at(got, 2));
        dora_collection_free(got);
        assert_int_equal(dora_client_pending(s.client), 0);
        got = scene_collect(&s, 0);
        assert_int_equal(dora_collection_count(got), 0);
        dora_collection_free(got);
        scene_expect_echo(&s);
        assert_int_equal(atomic_load(&s.server.conns), 1);
        scene_end(&s);
    }
}

static void test_control(void **state)
{
    (void)state;
    scene s = {.client = NULL};
    scene_begin(&s, NULL);
    const dora_call_options options = {.node = s.server.address};
    assert_int_equal(dora_client_control(s.client, "getStat", &options, s.answer, &s.error),
                     DORA_OK);
    dora_slice reply = dora_answer_reply(s.answer);
    assert_memory_equal(reply.data, "a:4:{s:4:\"guid\";s:32:\"", 22);
    assert_memory_equal(reply.data + 22, dora_answer_guid(s.answer), 32);
    assert_int_equal(dora_client_control(s.client, "reloadTask", NULL, s.answer, &s.error),
                     DORA_EREPLY);
    assert_int_equal(s.error.code, DORA_CODE_NOT_PERMITTED);
    assert_true(dora_answer_reply(s.answer).len > 0);
    assert_int_equal(dora_client_control(s.client, "", NULL, s.answer, &s.error), DORA_EINVAL);
    scene_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_send),
        cmocka_unit_test(test_submit),
        cmocka_unit_test(test_control),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
