/* test_mux.c: many calls over few connections, without a socket or clock: every byte and moment is
 * given by the test. */
#include "mux_scene.h"
#include "torture.h"

static void bytes_in_any_pieces(void **state)
{
    driver *d = *state;
    for (size_t step = 0; step < 40; step = step * 2 + 1) {
        char guids[20][33];
        dr_buf bytes = {0};
        driver_begin(d, "a:1", 1, 0);
        for (int i = 0; i < 20; i++) {
            driver_start(d, DORA_MUX_CALL);
        }
        assert_int_equal(d->conn_count, 1);
        dora_mux_connected(d->mux, d->conns[0], d->now_ns);
        driver_drive(d);
        assert_int_equal(d->writes, 1); /* said once, for all of them */
        assert_int_equal(driver_take(d, d->conns[0], guids, 20), 20);
        for (int i = 20; i > 0; i--) { /* in no order */
            driver_put_reply(&bytes, guids[i - 1], 0, false, true);
            driver_put_reply(&bytes, "ffffffffffffffffffffffffffffffff", 0, false, true);
        }
        driver_say(d, d->conns[0], &bytes, step);
        assert_int_equal(d->done, 20);
        assert_int_equal(d->good, 20);
        assert_string_equal(d->data, "i:5;");
        assert_int_equal(dora_mux_deadline_ns(d->mux), 0);
        dr_buf_fini(&bytes);
        driver_end(d);
    }
}

static void connections_are_shared(void **state)
{
    driver *d = *state;
    driver_begin(d, "a:1", 3, 0);
    for (unsigned i = 0; i < DR_MUX_SPREAD; i++) {
        driver_start(d, DORA_MUX_CALL);
    }
    assert_int_equal(d->conn_count, 1);
    for (unsigned i = 0; i < DR_MUX_SPREAD * 10; i++) {
        driver_start(d, DORA_MUX_CALL);
    }
    assert_int_equal(d->conn_count, 3);
    driver_end(d);
    assert_int_equal(d->done, DR_MUX_SPREAD * 11);
}

/* A further connection that does not come about is not what the calls fail by. */
static void further_connection_fails(void **state)
{
    driver *d = *state;
    char guids[40][33];
    driver_begin(d, "a:1", 2, 0);
    driver_start(d, DORA_MUX_CALL);
    dora_mux_connected(d->mux, d->conns[0], d->now_ns);
    for (unsigned i = 0; i < DR_MUX_SPREAD * 2; i++) {
        driver_start(d, DORA_MUX_CALL);
    }
    assert_int_equal(d->conn_count, 2);
    dora_mux_failed(d->mux, d->conns[1], 111, "refused", d->now_ns);
    d->conns[1] = 0;
    driver_drive(d);
    assert_int_equal(d->done, 0);
    assert_int_equal(driver_take(d, d->conns[0], guids, 40), 1 + (int)DR_MUX_SPREAD * 2);
    driver_start(d, DORA_MUX_CALL);
    assert_int_equal(d->conn_count, 2); /* for a while it does not even try */
    d->now_ns += DR_MUX_GROW_PAUSE_NS;
    driver_start(d, DORA_MUX_CALL);
    assert_int_equal(d->conn_count, 3);
}

static void connecting_takes_a_part_of_the_time(void **state)
{
    driver *d = *state;
    driver_begin(d, "a:1,b:1", 1, 0);
    driver_start(d, DORA_MUX_CALL);
    assert_int_equal(dora_mux_deadline_ns(d->mux), BEGIN + 500 * MS);
    dora_mux_tick(d->mux, BEGIN + 499 * MS);
    driver_drive(d);
    assert_int_equal(d->conn_count, 1);
    d->now_ns = BEGIN + 500 * MS;
    dora_mux_tick(d->mux, d->now_ns);
    driver_drive(d);
    assert_int_equal(d->conn_count, 2);
    assert_true(d->hosts[0] != d->hosts[1]);
    assert_int_equal(d->conns[0], 0); /* it is no longer tried */
    assert_int_equal(dora_mux_deadline_ns(d->mux), BEGIN + 1000 * MS);
    d->now_ns = BEGIN + 1000 * MS;
    dora_mux_tick(d->mux, d->now_ns);
    driver_drive(d);
    assert_int_equal(d->done, 1);
    assert_int_equal(d->err, DORA_ECONNECT);
}

/* Of what was on a lost connection only what was not handed on whole goes elsewhere. */
static void lost_with_half_of_it_sent(void **state)
{
    driver *d = *state;
    char guids[2][33];
    driver_begin(d, "a:1", 1, 0);
    driver_start(d, DORA_MUX_CALL);
    dora_mux_connected(d->mux, d->conns[0], d->now_ns);
    size_t one = dora_mux_output(d->mux, d->conns[0]).len;
    driver_start(d, DORA_MUX_CALL);
    dora_mux_sent(d->mux, d->conns[0], one + 10, d->now_ns);
    dora_mux_closed(d->mux, d->conns[0], 0, d->now_ns);
    d->conns[0] = 0;
    driver_drive(d);
    assert_int_equal(d->done, 1); /* the first: it may have run */
    assert_int_equal(d->err, DORA_ECLOSED);
    assert_int_equal(d->code, 100009);
    assert_int_equal(d->conn_count, 2);
    dora_mux_connected(d->mux, d->conns[1], d->now_ns);
    driver_drive(d);
    assert_int_equal(driver_take(d, d->conns[1], guids, 2), 1);
    driver_reply(d, d->conns[1], guids[0], 0);
    assert_int_equal(d->good, 1);
}

static void output_is_bounded(void **state)
{
    driver *d = *state;
    static char param[100100];
    memset(param, 'x', sizeof param);
    memcpy(param, "s:100000:\"", 10);
    memcpy(param + 100010, "\";", 2);
    const dora_call call = {.name = text_slice("/a"), .param = {param, 100012}};
    driver_begin(d, "a:1", 1, 0);
    for (int i = 0; i < 20; i++) {
        uint64_t id;
        assert_int_equal(
            dora_mux_start(d->mux, DORA_MUX_CALL, &call, 1, NULL, d->now_ns, NULL, &id, NULL),
            DORA_OK);
    }
    driver_drive(d);
    dora_mux_connected(d->mux, d->conns[0], d->now_ns);
    driver_drive(d);
    size_t sent = 0;
    while (dora_mux_output(d->mux, d->conns[0]).len > 0) {
        assert_in_range(dora_mux_output(d->mux, d->conns[0]).len, 1, DR_MUX_OUT_MAX + 110000);
        dora_mux_sent(d->mux, d->conns[0], 1 + dora_mux_output(d->mux, d->conns[0]).len / 2,
                      d->now_ns);
        sent++;
    }
    assert_true(sent > 20);
    assert_int_equal(dora_mux_outstanding(d->mux), 20);
}

static void late_replies_and_cancelling(void **state)
{
    driver *d = *state;
    char guids[4][33];
    driver_begin(d, "a:1", 1, 0);
    uint64_t ids[4];
    for (int i = 0; i < 4; i++) {
        ids[i] = driver_start(d, DORA_MUX_CALL);
        d->now_ns += MS;
    }
    dora_mux_connected(d->mux, d->conns[0], d->now_ns);
    driver_drive(d);
    assert_int_equal(driver_take(d, d->conns[0], guids, 4), 4);
    assert_true(dora_mux_cancel(d->mux, ids[0], NULL));
    assert_false(dora_mux_cancel(d->mux, ids[0], NULL));
    assert_int_equal(dora_mux_deadline_ns(d->mux), BEGIN + 1001 * MS);
    d->now_ns = BEGIN + 1002 * MS;
    dora_mux_tick(d->mux, d->now_ns); /* the second and third */
    assert_int_equal(dora_mux_outstanding(d->mux), 3);
    assert_true(dora_mux_cancel(d->mux, ids[2], NULL)); /* ended, and not told yet */
    driver_drive(d);
    assert_int_equal(d->done, 1);
    assert_int_equal(d->err, DORA_ETIMEDOUT);
    for (int i = 0; i < 3; i++) {
        driver_reply(d, d->conns[0], guids[i], 0);
    }
    assert_int_equal(d->done, 1);
    driver_reply(d, d->conns[0], guids[3], 0);
    assert_int_equal(d->good, 1);
    assert_int_equal(d->conn_count, 1);
}

static void a_submission_is_accepted_then_done(void **state)
{
    driver *d = *state;
    char guids[1][33];
    dr_buf bytes = {0};
    driver_begin(d, "a:1", 1, 0);
    driver_start(d, DORA_MUX_SUBMIT);
    dora_mux_connected(d->mux, d->conns[0], d->now_ns);
    driver_drive(d);
    driver_take(d, d->conns[0], guids, 1);
    driver_put_reply(&bytes, guids[0], 0, true,
                     true); /* before it was accepted: no server says so */
    driver_say(d, d->conns[0], &bytes, 0);
    assert_int_equal(d->done + d->accepted, 0);
    driver_reply(d, d->conns[0], guids[0], DORA_CODE_ACCEPTED);
    assert_int_equal(d->accepted, 1);
    assert_int_equal(dora_mux_deadline_ns(d->mux),
                     0); /* it waits as long as the connection lives */
    driver_reply(d, d->conns[0], guids[0], DORA_CODE_ACCEPTED);
    assert_int_equal(d->accepted, 1);
    driver_say(d, d->conns[0], &bytes, 0);
    driver_say(d, d->conns[0], &bytes, 0);
    assert_int_equal(d->good, 1);
    assert_int_equal(d->done, 1);
    dr_buf_fini(&bytes);
}

/* A node whose server dies is blamed once, not by each call that was there. */
static void one_blame_for_one_death(void **state)
{
    driver *d = *state;
    char guids[100][33];
    driver_begin(d, "a:1,b:1", 1, 0);
    for (int i = 0; i < 100; i++) {
        driver_start(d, DORA_MUX_CALL);
    }
    for (int i = 0; i < 2; i++) {
        dora_mux_connected(d->mux, d->conns[i], d->now_ns);
        driver_drive(d);
        assert_true(driver_take(d, d->conns[i], guids, 100) > 0);
    }
    dora_mux_closed(d->mux, d->conns[0], 104, d->now_ns);
    d->conns[0] = 0;
    driver_drive(d);
    assert_int_equal(d->err, DORA_ECLOSED);
    assert_int_equal(d->mux->nodes.items[0].failures + d->mux->nodes.items[1].failures, 1);
    d->now_ns += 1000 * MS;
    dora_mux_tick(d->mux, d->now_ns);
    driver_drive(d);
    assert_int_equal(d->done, 100);
    assert_true(d->mux->nodes.items[0].failures + d->mux->nodes.items[1].failures < 60);
}

static void words_on_the_connection(void **state)
{
    driver *d = *state;
    char guids[2][33];
    driver_begin(d, "a:1", 1, 0);
    driver_start(d, DORA_MUX_CALL);
    driver_start(d, DORA_MUX_CALL);
    dora_mux_connected(d->mux, d->conns[0], d->now_ns);
    driver_drive(d);
    driver_take(d, d->conns[0], guids, 2);
    driver_reply(d, d->conns[0], DR_GUID_NONE, DORA_CODE_BAD_LENGTH);
    assert_int_equal(d->done, 2);
    assert_int_equal(d->err, DORA_EREPLY);
    assert_int_equal(d->code, DORA_CODE_BAD_LENGTH);
    assert_int_equal(d->conns[0], 0);
    driver_start(d, DORA_MUX_CALL);
    dora_mux_connected(d->mux, d->conns[1], d->now_ns);
    driver_drive(d);
    driver_take(d, d->conns[1], guids, 2);
    driver_reply(d, d->conns[1], guids[0], DORA_CODE_STOPPING);
    assert_int_equal(d->done, 3);
    assert_int_equal(d->code, DORA_CODE_STOPPING);
    assert_int_equal(d->conns[1], 0); /* closed: nothing is left on it */
}

/* One whole conversation; whatever allocation fails, it ends once, and nothing leaks. */
static void converse(size_t nth, driver *d)
{
    uint64_t id;
    char guid[33] = "";
    dr_buf bytes = {0};
    const dora_client_options options = {.nodes = "a:1", .salt = "x"};
    const dora_call call = {.name = text_slice("/a"), .param = text_slice("i:5;")};
    *d = (driver){.now_ns = BEGIN};
    torture_arm(nth);
    dora_err err = dora_mux_new(&d->mux, &options, NULL);
    if (err == DORA_OK) {
        err = dora_mux_start(d->mux, DORA_MUX_CALL, &call, 1, NULL, d->now_ns, NULL, &id, NULL);
    }
    if (err == DORA_OK) {
        driver_drive(d);
        dora_mux_connected(d->mux, d->conns[0], d->now_ns);
        driver_drive(d);
        dora_slice out = dora_mux_output(d->mux, d->conns[0]);
        if (out.len > 36) {
            memcpy(guid, out.data + 4, 32);
        }
        dora_mux_sent(d->mux, d->conns[0], out.len, d->now_ns);
    }
    bool has_failed = torture_has_failed();
    torture_arm(0);
    if (guid[0] != '\0') {
        char *room;
        size_t room_len;
        driver_put_reply(&bytes, guid, 0, false, true);
        torture_arm(has_failed ? 0 : 1);
        if (dora_mux_room(d->mux, d->conns[0], &room, &room_len) == DORA_OK) {
            memcpy(room, bytes.data, bytes.len);
            dora_mux_received(d->mux, d->conns[0], bytes.len);
            torture_arm(has_failed ? 0 : 1);
            driver_drive(d);
        }
        torture_arm(0);
        dr_buf_fini(&bytes);
    }
    if (d->mux != NULL) {
        dora_mux_end(d->mux);
        driver_drive(d);
        assert_int_equal(d->done, err == DORA_OK ? 1 : 0);
        dora_mux_free(d->mux);
        d->mux = NULL;
    }
}

/* The last connection that was asked for cannot be made. */
static void refuse_last(driver *d)
{
    dora_mux_failed(d->mux, d->conns[d->conn_count - 1], 111, "refused", d->now_ns);
    d->conns[d->conn_count - 1] = 0;
    driver_drive(d);
}

/* Goes to the moment when the mux has something to do. */
static void pass_pause(driver *d)
{
    const uint64_t at_ns = dora_mux_deadline_ns(d->mux);
    assert_true(at_ns > d->now_ns && at_ns <= d->now_ns + 640 * MS);
    d->now_ns = at_ns;
    dora_mux_tick(d->mux, at_ns);
    driver_drive(d);
}

static void a_call_waits_for_its_server(void **state)
{
    driver *d = *state;
    char guids[2][33];
    driver_begin(d, "a:1", 1, 0);
    d->mux->settings.wait_ms = 500;
    driver_start(d, DORA_MUX_CALL);
    refuse_last(d);
    pass_pause(d);
    assert_int_equal(d->conn_count, 2);
    refuse_last(d);
    pass_pause(d);
    assert_int_equal(d->conn_count, 3);
    dora_mux_connected(d->mux, d->conns[2], d->now_ns);
    assert_int_equal(driver_take(d, d->conns[2], guids, 1), 1);
    driver_reply(d, d->conns[2], guids[0], DORA_CODE_STOPPING);
    assert_int_equal(d->done, 0);
    pass_pause(d);
    assert_int_equal(d->conn_count, 4);
    dora_mux_connected(d->mux, d->conns[3], d->now_ns);
    assert_int_equal(driver_take(d, d->conns[3], guids + 1, 1), 1);
    assert_string_equal(guids[1], guids[0]);
    driver_reply(d, d->conns[3], guids[1], 0);
    assert_int_equal(d->good, 1);
}

static void a_wait_ends_with_the_last_reason(void **state)
{
    driver *d = *state;
    driver_begin(d, "a:1,b:1", 1, 0);
    d->mux->settings.wait_ms = 50;
    driver_start(d, DORA_MUX_CALL);
    while (d->done == 0) {
        refuse_last(d);
        refuse_last(d); /* each server is tried before the next pause */
        if (d->done == 0) {
            pass_pause(d);
        }
    }
    assert_int_equal(d->now_ns, BEGIN + 50 * MS);
    assert_int_equal(d->err, DORA_ECONNECT);
    assert_int_equal(d->code, DORA_CODE_CONNECT);
}

static void a_call_that_waits_is_cancelled_or_ended(void **state)
{
    driver *d = *state;
    driver_begin(d, "a:1", 1, 0);
    d->mux->settings.wait_ms = 500;
    const uint64_t cancelled = driver_start(d, DORA_MUX_CALL);
    driver_start(d, DORA_MUX_SUBMIT);
    refuse_last(d);
    assert_true(dora_mux_cancel(d->mux, cancelled, NULL));
    assert_int_equal(dora_mux_outstanding(d->mux), 1);
    dora_mux_end(d->mux);
    driver_drive(d);
    assert_int_equal(d->done, 1);
    assert_int_equal(d->code, DORA_CODE_CONNECT);
    assert_int_equal(dora_mux_deadline_ns(d->mux), 0);
}

static void out_of_memory(void **state)
{
    driver *d = *state;
    for (size_t nth = 1; nth < 40; nth++) {
        converse(nth, d);
        assert_true(nth < 30 || d->done == 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(driver, bytes_in_any_pieces),
        unit_in(driver, connections_are_shared),
        unit_in(driver, further_connection_fails),
        unit_in(driver, connecting_takes_a_part_of_the_time),
        unit_in(driver, lost_with_half_of_it_sent),
        unit_in(driver, output_is_bounded),
        unit_in(driver, late_replies_and_cancelling),
        unit_in(driver, a_submission_is_accepted_then_done),
        unit_in(driver, one_blame_for_one_death),
        unit_in(driver, words_on_the_connection),
        unit_in(driver, a_call_waits_for_its_server),
        unit_in(driver, a_wait_ends_with_the_last_reason),
        unit_in(driver, a_call_that_waits_is_cancelled_or_ended),
        unit_in(driver, out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
