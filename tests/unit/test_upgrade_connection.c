/* test_upgrade_connection.c: what goes along with a connection's descriptor. */
#include "unit.h"

#include "base/limits.h"
#include "net/conn.h"
#include "server/upgrade/connection.h"

static const dr_moved_head heads[] = {
    {.is_tcp = true},
    {.client = DR_CONN_CLIENT_ORIGINAL, .in_len = 17},
    {.is_tcp = true, .client = DR_CONN_CLIENT_DORA, .has_claim = true},
    {.has_claim = true, .has_token = true, .token = {{1, 2, 3, [31] = 4}}, .in_len = 1u << 20}};

static dora_slice body_of(const dr_moved_head *head)
{
    static dr_link_writer writer;
    dora_slice body;
    dr_moved_head_put(&writer, head);
    assert_true(dr_link_written(&writer, &body));
    return body;
}

static void what_was_written_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        const dr_moved_head *head = &heads[i];
        dr_moved_head got;
        dora_error error;
        assert_int_equal(dr_moved_head_get(body_of(head), &got, &error), DORA_OK);
        assert_int_equal(got.is_tcp, head->is_tcp);
        assert_int_equal(got.client, head->client);
        assert_int_equal(got.has_claim, head->has_claim);
        assert_int_equal(got.has_token, head->has_token);
        assert_memory_equal(&got.token, &head->token, sizeof(got.token));
        assert_int_equal(got.in_len, head->in_len);
    }
}

static void what_is_cut_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        const dora_slice body = body_of(&heads[i]);
        for (size_t len = 0; len < body.len; len++) {
            dr_moved_head got;
            dora_error error = {0};
            assert_int_equal(dr_moved_head_get((dora_slice){body.data, len}, &got, &error),
                             DORA_EPROTO);
            assert_non_null(strstr(error.msg, "cut short"));
        }
    }
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    const dr_moved_head odd[] = {{.client = DR_CONN_CLIENT_DORA + 1},
                                 {.in_len = (uint64_t)DR_FRAME_BYTES_MAX_MAX * 2},
                                 {.in_len = UINT64_MAX}};
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        dr_moved_head got;
        dora_error error = {0};
        assert_int_equal(dr_moved_head_get(body_of(&odd[i]), &got, &error), DORA_EPROTO);
        assert_non_null(strstr(error.msg, "a connection comes with"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(what_is_cut_is_refused),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
