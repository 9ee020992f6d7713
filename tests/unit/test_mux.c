/* test_mux.c: many calls over few connections, without a socket or clock: every byte and moment is
 * given by the test. */
#include "unit.h"

#include <dora/mux.h>

#include "client/mux/mux.h"
#include "torture.h"
#include "wire/message_write.h"

#define MS ((uint64_t)DR_NS_PER_MS)
#define BEGIN (1000 * MS)
#define CONNS_MAX 16

/* A driver that notes what it is told. */
typedef struct driver {
    dora_mux *mux;
    uint64_t now_ns;
    uint64_t conns[CONNS_MAX]; /* numbers, in the order of the CONNECT events; 0: closed */
    char hosts[CONNS_MAX];
    int conn_count;
    int writes;
    int accepted;
    int done;
    int good;
    dora_err err; /* of the last that ended */
    int64_t code;
    char data[64];
} driver;

static void drive(driver *d)
{
    dora_mux_event event;
    while (dora_mux_next(d->mux, d->now_ns, &event)) {
        switch (event.what) {
        case DORA_MUX_CONNECT:
            assert_true(d->conn_count < CONNS_MAX);
            d->hosts[d->conn_count] = event.host[0];
            d->conns[d->conn_count++] = event.conn;
            break;
        case DORA_MUX_WRITE:
            d->writes++;
            break;
        case DORA_MUX_CLOSE:
            for (int i = 0; i < d->conn_count; i++) {
                d->conns[i] = d->conns[i] == event.conn ? 0 : d->conns[i];
            }
            break;
        case DORA_MUX_ACCEPTED:
            d->accepted++;
            break;
        case DORA_MUX_WORD: /* test_mux_stream.c has those */
            break;
        case DORA_MUX_DONE:
            d->done++;
            d->err = event.err;
            d->code = event.error != NULL ? event.error->code : 0;
            if (event.err == DORA_OK) {
                const dora_result *result = dora_answer_result(event.answer, 0);
                d->good++;
                d->code = result != NULL ? result->code : 0;
                snprintf(d->data, sizeof d->data, "%.*s",
                         result != NULL ? (int)result->data.len : 0,
                         result != NULL ? result->data.data : "");
            }
            break;
        }
    }
}

static void driver_begin(driver *d, const char *nodes, uint32_t connections, uint32_t retry)
{
    const dora_client_options options = {
        .nodes = nodes, .connections = connections, .retry = retry, .timeout_ms = 1000};
    *d = (driver){.now_ns = BEGIN};
    assert_int_equal(dora_mux_new(&d->mux, &options, NULL), DORA_OK);
}

/* Ends all calls, and closes all connections. */
static void driver_end(driver *d)
{
    size_t left = 0;
    if (d->mux != NULL) {
        dora_mux_end(d->mux);
        drive(d);
        left = dora_mux_outstanding(d->mux);
        for (int i = 0; i < d->conn_count; i++) {
            left += d->conns[i] != 0;
        }
        dora_mux_free(d->mux);
        d->mux = NULL;
    }
    assert_int_equal(left, 0);
}
UNIT_SCENE(driver, driver_end)

static uint64_t start(driver *d, dora_mux_mode mode)
{
    uint64_t id = 0;
    const dora_call call = {.name = text_slice("/a"), .param = text_slice("i:5;")};
    assert_int_equal(dora_mux_start(d->mux, mode, &call, 1, NULL, d->now_ns, NULL, &id, NULL),
                     DORA_OK);
    drive(d);
    return id;
}

/* Takes all that is to be written, and gives the guids of the frames: `room` of them. */
static int take(driver *d, uint64_t conn, char guids[][33], int room)
{
    const dora_frame_options plain = {.sign = false};
    int count = 0;
    dora_slice out = dora_mux_output(d->mux, conn);
    size_t whole = out.len;
    while (out.len > 0) {
        dr_frame frame;
        size_t used = 0;
        assert_int_equal(dr_frame_decode(&plain, out, &frame, &used, NULL), DORA_OK);
        assert_true(count < room);
        memcpy(guids[count], frame.guid, 32);
        guids[count++][32] = '\0';
        out.data += used;
        out.len -= used;
    }
    dora_mux_sent(d->mux, conn, whole, d->now_ns);
    return count;
}

/* The server says something: step 0 is all at once. */
static void say(driver *d, uint64_t conn, const dr_buf *bytes, size_t step)
{
    for (size_t at = 0; at < bytes->len;) {
        char *room;
        size_t room_len;
        assert_int_equal(dora_mux_room(d->mux, conn, &room, &room_len), DORA_OK);
        size_t len = bytes->len - at;
        len = len < room_len ? len : room_len;
        len = step != 0 && step < len ? step : len;
        memcpy(room, bytes->data + at, len);
        dora_mux_received(d->mux, conn, len);
        at += len;
        if (step != 0) {
            drive(d);
        }
    }
    drive(d);
}

static void put_reply(dr_buf *out, const char *guid, int64_t code, bool is_result, bool has_data)
{
    const dora_frame_options plain = {.sign = false};
    size_t mark;
    dr_frame_begin(out, &plain, guid, &mark);
    (is_result ? dr_result_begin : dr_reply_begin)(out, guid, code, text_slice("m"));
    if (has_data) {
        dr_reply_begin(out, guid, 0, text_slice("OK"));
        dr_buf_append_slice(out, text_slice("i:5;"));
        dr_reply_end(out);
    } else {
        dr_buf_append_slice(out, text_slice("a:0:{}"));
    }
    (is_result ? dr_result_end : dr_reply_end)(out);
    assert_int_equal(dr_frame_end(out, &plain, mark, NULL), DORA_OK);
}

static void reply(driver *d, uint64_t conn, const char *guid, int64_t code)
{
    dr_buf bytes = {0};
    put_reply(&bytes, guid, code, false, code == 0);
    say(d, conn, &bytes, 0);
    dr_buf_fini(&bytes);
}

static void bytes_in_any_pieces(void **state)
{
    driver *d = *state;
    for (size_t step = 0; step < 40; step = step * 2 + 1) {
        char guids[20][33];
        dr_buf bytes = {0};
        driver_begin(d, "a:1", 1, 0);
        for (int i = 0; i < 20; i++) {
            start(d, DORA_MUX_CALL);
        }
        assert_int_equal(d->conn_count, 1);
        dora_mux_connected(d->mux, d->conns[0], d->now_ns);
        drive(d);
        assert_int_equal(d->writes, 1); /* said once, for all of them */
        assert_int_equal(take(d, d->conns[0], guids, 20), 20);
        for (int i = 20; i > 0; i--) { /* in no order */
            put_reply(&bytes, guids[i - 1], 0, false, true);
            put_reply(&bytes, "ffffffffffffffffffffffffffffffff", 0, false, true);
        }
        say(d, d->conns[0], &bytes, step);
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
        start(d, DORA_MUX_CALL);
    }
    assert_int_equal(d->conn_count, 1);
    for (unsigned i = 0; i < DR_MUX_SPREAD * 10; i++) {
        start(d, DORA_MUX_CALL);
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
    start(d, DORA_MUX_CALL);
    dora_mux_connected(d->mux, d->conns[0], d->now_ns);
    for (unsigned i = 0; i < DR_MUX_SPREAD * 2; i++) {
        start(d, DORA_MUX_CALL);
    }
    assert_int_equal(d->conn_count, 2);
    dora_mux_failed(d->mux, d->conns[1], 111, "refused", d->now_ns);
    d->conns[1] = 0;
    drive(d);
    assert_int_equal(d->done, 0);
    assert_int_equal(take(d, d->conns[0], guids, 40), 1 + (int)DR_MUX_SPREAD * 2);
    start(d, DORA_MUX_CALL);
    assert_int_equal(d->conn_count, 2); /* for a while it does not even try */
    d->now_ns += DR_MUX_GROW_PAUSE_NS;
    start(d, DORA_MUX_CALL);
    assert_int_equal(d->conn_count, 3);
}

static void connecting_takes_a_part_of_the_time(void **state)
{
    driver *d = *state;
    driver_begin(d, "a:1,b:1", 1, 0);
    start(d, DORA_MUX_CALL);
    assert_int_equal(dora_mux_deadline_ns(d->mux), BEGIN + 500 * MS);
    dora_mux_tick(d->mux, BEGIN + 499 * MS);
    drive(d);
    assert_int_equal(d->conn_count, 1);
    d->now_ns = BEGIN + 500 * MS;
    dora_mux_tick(d->mux, d->now_ns);
    drive(d);
    assert_int_equal(d->conn_count, 2);
    assert_true(d->hosts[0] != d->hosts[1]);
    assert_int_equal(d->conns[0], 0); /* it is no longer tried */
    assert_int_equal(dora_mux_deadline_ns(d->mux), BEGIN + 1000 * MS);
    d->now_ns = BEGIN + 1000 * MS;
    dora_mux_tick(d->mux, d->now_ns);
    drive(d);
    assert_int_equal(d->done, 1);
    assert_int_equal(d->err, DORA_ECONNECT);
}

/* Of what was on a lost connection only what was not handed on whole goes elsewhere. */
static void lost_with_half_of_it_sent(void **state)
{
    driver *d = *state;
    char guids[2][33];
    driver_begin(d, "a:1", 1, 0);
    start(d, DORA_MUX_CALL);
    dora_mux_connected(d->mux, d->conns[0], d->now_ns);
    size_t one = dora_mux_output(d->mux, d->conns[0]).len;
    start(d, DORA_MUX_CALL);
    dora_mux_sent(d->mux, d->conns[0], one + 10, d->now_ns);
    dora_mux_closed(d->mux, d->conns[0], 0, d->now_ns);
    d->conns[0] = 0;
    drive(d);
    assert_int_equal(d->done, 1); /* the first: it may have run */
    assert_int_equal(d->err, DORA_ECLOSED);
    assert_int_equal(d->code, 100009);
    assert_int_equal(d->conn_count, 2);
    dora_mux_connected(d->mux, d->conns[1], d->now_ns);
    drive(d);
    assert_int_equal(take(d, d->conns[1], guids, 2), 1);
    reply(d, d->conns[1], guids[0], 0);
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
    drive(d);
    dora_mux_connected(d->mux, d->conns[0], d->now_ns);
    drive(d);
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
        ids[i] = start(d, DORA_MUX_CALL);
        d->now_ns += MS;
    }
    dora_mux_connected(d->mux, d->conns[0], d->now_ns);
    drive(d);
    assert_int_equal(take(d, d->conns[0], guids, 4), 4);
    assert_true(dora_mux_cancel(d->mux, ids[0], NULL));
    assert_false(dora_mux_cancel(d->mux, ids[0], NULL));
    assert_int_equal(dora_mux_deadline_ns(d->mux), BEGIN + 1001 * MS);
    d->now_ns = BEGIN + 1002 * MS;
    dora_mux_tick(d->mux, d->now_ns); /* the second and third */
    assert_int_equal(dora_mux_outstanding(d->mux), 3);
    assert_true(dora_mux_cancel(d->mux, ids[2], NULL)); /* ended, and not told yet */
    drive(d);
    assert_int_equal(d->done, 1);
    assert_int_equal(d->err, DORA_ETIMEDOUT);
    for (int i = 0; i < 3; i++) {
        reply(d, d->conns[0], guids[i], 0);
    }
    assert_int_equal(d->done, 1);
    reply(d, d->conns[0], guids[3], 0);
    assert_int_equal(d->good, 1);
    assert_int_equal(d->conn_count, 1);
}

static void a_submission_is_accepted_then_done(void **state)
{
    driver *d = *state;
    char guids[1][33];
    dr_buf bytes = {0};
    driver_begin(d, "a:1", 1, 0);
    start(d, DORA_MUX_SUBMIT);
    dora_mux_connected(d->mux, d->conns[0], d->now_ns);
    drive(d);
    take(d, d->conns[0], guids, 1);
    put_reply(&bytes, guids[0], 0, true, true); /* before it was accepted: no server says so */
    say(d, d->conns[0], &bytes, 0);
    assert_int_equal(d->done + d->accepted, 0);
    reply(d, d->conns[0], guids[0], DORA_CODE_ACCEPTED);
    assert_int_equal(d->accepted, 1);
    assert_int_equal(dora_mux_deadline_ns(d->mux),
                     0); /* it waits as long as the connection lives */
    reply(d, d->conns[0], guids[0], DORA_CODE_ACCEPTED);
    assert_int_equal(d->accepted, 1);
    say(d, d->conns[0], &bytes, 0);
    say(d, d->conns[0], &bytes, 0);
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
        start(d, DORA_MUX_CALL);
    }
    for (int i = 0; i < 2; i++) {
        dora_mux_connected(d->mux, d->conns[i], d->now_ns);
        drive(d);
        assert_true(take(d, d->conns[i], guids, 100) > 0);
    }
    dora_mux_closed(d->mux, d->conns[0], 104, d->now_ns);
    d->conns[0] = 0;
    drive(d);
    assert_int_equal(d->err, DORA_ECLOSED);
    assert_int_equal(d->mux->nodes.items[0].failures + d->mux->nodes.items[1].failures, 1);
    d->now_ns += 1000 * MS;
    dora_mux_tick(d->mux, d->now_ns);
    drive(d);
    assert_int_equal(d->done, 100);
    assert_true(d->mux->nodes.items[0].failures + d->mux->nodes.items[1].failures < 60);
}

static void words_on_the_connection(void **state)
{
    driver *d = *state;
    char guids[2][33];
    driver_begin(d, "a:1", 1, 0);
    start(d, DORA_MUX_CALL);
    start(d, DORA_MUX_CALL);
    dora_mux_connected(d->mux, d->conns[0], d->now_ns);
    drive(d);
    take(d, d->conns[0], guids, 2);
    reply(d, d->conns[0], DR_GUID_NONE, DORA_CODE_BAD_LENGTH);
    assert_int_equal(d->done, 2);
    assert_int_equal(d->err, DORA_EREPLY);
    assert_int_equal(d->code, DORA_CODE_BAD_LENGTH);
    assert_int_equal(d->conns[0], 0);
    start(d, DORA_MUX_CALL);
    dora_mux_connected(d->mux, d->conns[1], d->now_ns);
    drive(d);
    take(d, d->conns[1], guids, 2);
    reply(d, d->conns[1], guids[0], DORA_CODE_STOPPING);
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
        drive(d);
        dora_mux_connected(d->mux, d->conns[0], d->now_ns);
        drive(d);
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
        put_reply(&bytes, guid, 0, false, true);
        torture_arm(has_failed ? 0 : 1);
        if (dora_mux_room(d->mux, d->conns[0], &room, &room_len) == DORA_OK) {
            memcpy(room, bytes.data, bytes.len);
            dora_mux_received(d->mux, d->conns[0], bytes.len);
            torture_arm(has_failed ? 0 : 1);
            drive(d);
        }
        torture_arm(0);
        dr_buf_fini(&bytes);
    }
    if (d->mux != NULL) {
        dora_mux_end(d->mux);
        drive(d);
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
    drive(d);
}

/* Goes to the moment when the mux has something to do. */
static void pass_pause(driver *d)
{
    const uint64_t at_ns = dora_mux_deadline_ns(d->mux);
    assert_true(at_ns > d->now_ns && at_ns <= d->now_ns + 640 * MS);
    d->now_ns = at_ns;
    dora_mux_tick(d->mux, at_ns);
    drive(d);
}

static void a_call_waits_for_its_server(void **state)
{
    driver *d = *state;
    char guids[2][33];
    driver_begin(d, "a:1", 1, 0);
    d->mux->settings.wait_ms = 500;
    start(d, DORA_MUX_CALL);
    refuse_last(d);
    pass_pause(d);
    assert_int_equal(d->conn_count, 2);
    refuse_last(d);
    pass_pause(d);
    assert_int_equal(d->conn_count, 3);
    dora_mux_connected(d->mux, d->conns[2], d->now_ns);
    assert_int_equal(take(d, d->conns[2], guids, 1), 1);
    reply(d, d->conns[2], guids[0], DORA_CODE_STOPPING);
    assert_int_equal(d->done, 0);
    pass_pause(d);
    assert_int_equal(d->conn_count, 4);
    dora_mux_connected(d->mux, d->conns[3], d->now_ns);
    assert_int_equal(take(d, d->conns[3], guids + 1, 1), 1);
    assert_string_equal(guids[1], guids[0]);
    reply(d, d->conns[3], guids[1], 0);
    assert_int_equal(d->good, 1);
}

static void a_wait_ends_with_the_last_reason(void **state)
{
    driver *d = *state;
    driver_begin(d, "a:1,b:1", 1, 0);
    d->mux->settings.wait_ms = 50;
    start(d, DORA_MUX_CALL);
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
    const uint64_t cancelled = start(d, DORA_MUX_CALL);
    start(d, DORA_MUX_SUBMIT);
    refuse_last(d);
    assert_true(dora_mux_cancel(d->mux, cancelled, NULL));
    assert_int_equal(dora_mux_outstanding(d->mux), 1);
    dora_mux_end(d->mux);
    drive(d);
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
