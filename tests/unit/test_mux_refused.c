/* test_mux_refused.c: what servers without room refuse: one call, or all that is on a connection.
 */
#include "mux_scene.h"

#include "wire/message_write.h"
#include "wire/retry_after.h"

/* A server without room for what came on a connection: under the calls' guids, or its own. */
static void refuse(driver *d, uint64_t conn, const char *guid, int64_t code)
{
    const dora_frame_options plain = {.sign = false};
    dr_buf bytes = {0};
    size_t mark;
    dr_frame_begin(&bytes, &plain, guid, &mark);
    dr_reply_begin(&bytes, guid, code, text_slice("m"));
    dr_retry_after_put(&bytes, 70);
    dr_reply_end(&bytes);
    assert_int_equal(dr_frame_end(&bytes, &plain, mark, NULL), DORA_OK);
    driver_say(d, conn, &bytes, 0);
    dr_buf_fini(&bytes);
}

/* Begins calls to two servers, and opens the connection to one. Returns: how many it got. */
static int begin_at_two(driver *d, char guids[][33], int calls, uint32_t retry)
{
    driver_begin(d, "a:1,b:1", 1, retry);
    for (int i = 0; i < calls; i++) {
        driver_start(d, DORA_MUX_CALL);
    }
    assert_int_equal(d->conn_count, 2);
    dora_mux_connected(d->mux, d->conns[0], d->now_ns);
    driver_drive(d);
    return driver_take(d, d->conns[0], guids, calls);
}

/* All calls are answered by the other server. */
static void expect_at_other(driver *d, int calls)
{
    char guids[8][33];
    assert_int_equal(d->done, 0);
    assert_int_equal(d->conns[0], 0);
    assert_int_equal(d->conn_count, 2);
    dora_mux_connected(d->mux, d->conns[1], d->now_ns);
    driver_drive(d);
    assert_int_equal(driver_take(d, d->conns[1], guids, 8), calls);
    for (int i = 0; i < calls; i++) {
        driver_reply(d, d->conns[1], guids[i], 0);
    }
    assert_int_equal(d->good, calls);
}

static void who_is_turned_away_asks_another(void **state)
{
    driver *d = *state;
    char guids[8][33];
    for (uint32_t retry = 0; retry < 2; retry++) {
        const int count = begin_at_two(d, guids, 6, retry);
        assert_int_equal(count, 3); /* the first, and those behind it */
        for (int i = 0; i < count; i++) {
            refuse(d, d->conns[0], guids[i], DORA_CODE_OVERLOADED);
        }
        expect_at_other(d, 6);
        driver_end(d);
    }
}

/* Where it says so of the hello, that is its word on all that came behind. */
static void a_word_that_nothing_was_run_is_one_for_all(void **state)
{
    driver *d = *state;
    const int64_t codes[] = {DORA_CODE_OVERLOADED, DORA_CODE_STOPPING};
    char guids[8][33];
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(begin_at_two(d, guids, 6, 0), 3);
        refuse(d, d->conns[0], DR_GUID_NONE, codes[i]);
        expect_at_other(d, 6);
        driver_end(d);
    }
    driver_begin(d, "a:1", 1, 0);
    driver_start(d, DORA_MUX_CALL);
    dora_mux_connected(d->mux, d->conns[0], d->now_ns);
    driver_drive(d);
    driver_take(d, d->conns[0], guids, 1);
    refuse(d, d->conns[0], DR_GUID_NONE, DORA_CODE_OVERLOADED);
    assert_int_equal(d->err, DORA_EREPLY);
    assert_int_equal(d->code, DORA_CODE_OVERLOADED);
    assert_int_equal(d->retry_after_ms, 70);
}

/* An earlier try may have run: no later refusal says that the call was not. */
static void doubt_outlives_a_word_on_the_connection(void **state)
{
    driver *d = *state;
    const int64_t codes[] = {DORA_CODE_OVERLOADED, DORA_CODE_STOPPING, DORA_CODE_NOT_PERMITTED};
    char guids[2][33];
    for (size_t i = 0; i < 3; i++) {
        driver_begin(d, "a:1", 1, 1);
        driver_start(d, DORA_MUX_CALL);
        dora_mux_connected(d->mux, d->conns[0], d->now_ns);
        driver_drive(d);
        driver_take(d, d->conns[0], guids, 1);
        dora_mux_closed(d->mux, d->conns[0], 104, d->now_ns);
        d->conns[0] = 0;
        driver_drive(d);
        dora_mux_connected(d->mux, d->conns[1], d->now_ns);
        driver_drive(d);
        driver_take(d, d->conns[1], guids, 1);
        refuse(d, d->conns[1], DR_GUID_NONE, codes[i]);
        assert_int_equal(d->err, DORA_ECLOSED);
        assert_int_equal(d->code, DORA_CODE_RECEIVE);
        driver_end(d);
    }
}

/* Once a connection has served, 100203 is of the call alone. */
static void a_refused_call_leaves_its_connection(void **state)
{
    driver *d = *state;
    char guids[3][33];
    driver_begin(d, "a:1", 1, 0);
    for (int i = 0; i < 3; i++) {
        driver_start(d, i == 1 ? DORA_MUX_SEND : DORA_MUX_CALL);
    }
    dora_mux_connected(d->mux, d->conns[0], d->now_ns);
    driver_drive(d);
    driver_take(d, d->conns[0], guids, 3);
    driver_reply(d, d->conns[0], guids[0], 0);
    refuse(d, d->conns[0], guids[1], DORA_CODE_OVERLOADED);
    assert_int_equal(d->err, DORA_EREPLY);
    assert_int_equal(d->code, DORA_CODE_OVERLOADED);
    driver_start(d, DORA_MUX_CALL);
    assert_int_equal(d->conn_count, 1);
    driver_reply(d, d->conns[0], guids[2], 0);
    assert_int_equal(d->done, 3);
    assert_true(d->conns[0] != 0);
}

/* Of many some are refused: that is their answer, on the first call of a connection, too. */
static void some_of_many_are_refused(void **state)
{
    driver *d = *state;
    const dora_frame_options plain = {.sign = false};
    const dora_call calls[] = {
        {.key = text_slice("a"), .name = text_slice("/a"), .param = text_slice("i:5;")},
        {.key = text_slice("b"), .name = text_slice("/b"), .param = text_slice("i:5;")}};
    char guid[1][33];
    uint64_t id;
    size_t mark;
    dr_buf bytes = {0};
    driver_begin(d, "a:1,b:1", 1, 3);
    assert_int_equal(
        dora_mux_start(d->mux, DORA_MUX_CALL_MANY, calls, 2, NULL, d->now_ns, NULL, &id, NULL),
        DORA_OK);
    driver_drive(d);
    dora_mux_connected(d->mux, d->conns[0], d->now_ns);
    driver_drive(d);
    driver_take(d, d->conns[0], guid, 1);
    dr_frame_begin(&bytes, &plain, guid[0], &mark);
    dr_reply_begin(&bytes, guid[0], 0, text_slice("OK"));
    dr_put_array(&bytes, 2);
    dr_put_string(&bytes, text_slice("a"));
    dr_reply_begin(&bytes, guid[0], DORA_CODE_OVERLOADED, text_slice("m"));
    dr_retry_after_put(&bytes, 70);
    dr_reply_end(&bytes);
    dr_put_string(&bytes, text_slice("b"));
    dr_reply_begin(&bytes, guid[0], 0, text_slice("OK"));
    dr_buf_append_slice(&bytes, text_slice("i:5;"));
    dr_reply_end(&bytes);
    dr_put_end(&bytes);
    dr_reply_end(&bytes);
    assert_int_equal(dr_frame_end(&bytes, &plain, mark, NULL), DORA_OK);
    driver_say(d, d->conns[0], &bytes, 0);
    dr_buf_fini(&bytes);
    assert_int_equal(d->good, 1);
    assert_int_equal(d->code, DORA_CODE_OVERLOADED); /* the first of them */
    assert_true(d->conns[0] != 0);
    assert_int_equal(d->conn_count, 1);
}

/* A server that has room for one connection only serves all calls on that. */
static void a_further_connection_is_turned_away(void **state)
{
    driver *d = *state;
    char guids[40][33];
    const int calls = 1 + (int)DR_MUX_SPREAD * 2;
    for (int is_word = 0; is_word < 2; is_word++) {
        driver_begin(d, "a:1", 2, 0);
        for (int i = 0; i < calls; i++) {
            driver_start(d, DORA_MUX_CALL);
        }
        assert_int_equal(d->conn_count, 2);
        dora_mux_connected(d->mux, d->conns[0], d->now_ns);
        dora_mux_connected(d->mux, d->conns[1], d->now_ns);
        driver_drive(d);
        int count = driver_take(d, d->conns[1], guids, 40);
        assert_true(count > 1);
        for (int i = 0; i < (is_word ? 1 : count); i++) {
            refuse(d, d->conns[1], is_word ? DR_GUID_NONE : guids[i], DORA_CODE_OVERLOADED);
        }
        assert_int_equal(d->conns[1], 0);
        assert_int_equal(d->done, 0);
        assert_int_equal(driver_take(d, d->conns[0], guids, 40), calls);
        driver_start(d, DORA_MUX_CALL);
        assert_int_equal(d->conn_count, 2); /* for a while it does not even try */
        for (int i = 0; i < calls; i++) {
            driver_reply(d, d->conns[0], guids[i], 0);
        }
        assert_int_equal(d->good, calls);
        driver_end(d);
    }
}

/* The one connection that is open is silent, so a call that left it may not go back: each further
 * one that is turned away is a try, with its pause. */
static void a_silent_connection_is_nowhere_to_go(void **state)
{
    driver *d = *state;
    char guids[4][33];
    driver_begin(d, "a:1", 4, 1);
    driver_start(d, DORA_MUX_CALL);
    dora_mux_connected(d->mux, d->conns[0], d->now_ns);
    driver_drive(d);
    assert_int_equal(driver_take(d, d->conns[0], guids, 4), 1);
    d->now_ns += 600 * MS; /* of the second that it has */
    dora_mux_tick(d->mux, d->now_ns);
    driver_drive(d);
    assert_int_equal(d->conn_count, 2);
    dora_mux_connected(d->mux, d->conns[1], d->now_ns);
    driver_drive(d);
    assert_int_equal(driver_take(d, d->conns[1], guids, 4), 1);
    refuse(d, d->conns[1], guids[0], DORA_CODE_OVERLOADED);
    assert_int_equal(d->conn_count, 2);
    d->now_ns += 500 * MS;
    dora_mux_tick(d->mux, d->now_ns);
    driver_drive(d);
    assert_int_equal(d->done, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(driver, who_is_turned_away_asks_another),
        unit_in(driver, a_word_that_nothing_was_run_is_one_for_all),
        unit_in(driver, doubt_outlives_a_word_on_the_connection),
        unit_in(driver, a_refused_call_leaves_its_connection),
        unit_in(driver, some_of_many_are_refused),
        unit_in(driver, a_further_connection_is_turned_away),
        unit_in(driver, a_silent_connection_is_nowhere_to_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
