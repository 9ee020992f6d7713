/* test_mux_stream.c: streams over shared connections, and cancelling, without a socket or clock. */
#include "unit.h"

#include <dora/mux.h>

#include "client/mux/mux.h"
#include "torture.h"
#include "wire/message_write.h"

#define MS ((uint64_t)DR_NS_PER_MS)
#define BEGIN (1000 * MS)
#define STRANGER "ffffffffffffffffffffffffffffffff"

/* A driver of one connection, which notes what it is told and what is written. */
typedef struct driver {
    dora_mux *mux;
    uint64_t now_ns;
    uint64_t conn; /* 0: none */
    int opened;
    int closed;
    int parts;
    int progress;
    int done;
    dora_err err; /* of the last that ended */
    int64_t code;
    char msg[4096];
    char data[64];     /* of the last word or result */
    char guids[8][33]; /* of the requests that were written */
    int requests;
    int cancels;
    int takes;
    int taken;
    int64_t timeout_ms; /* of the last request */
} driver;

static void note_done(driver *d, const dora_mux_event *event)
{
    const dora_result *result = dora_answer_result(event->answer, 0);
    d->done++;
    d->err = event->err;
    d->code = event->error != NULL ? event->error->code : 0;
    snprintf(d->msg, sizeof d->msg, "%s", event->error != NULL ? event->error->msg : "");
    if (event->err == DORA_OK) {
        d->code = result->code;
        snprintf(d->data, sizeof d->data, "%.*s", (int)result->data.len, result->data.data);
    }
}

static void drive(driver *d)
{
    dora_mux_event event;
    while (dora_mux_next(d->mux, d->now_ns, &event)) {
        switch (event.what) {
        case DORA_MUX_CONNECT:
            d->conn = event.conn;
            d->opened++;
            break;
        case DORA_MUX_CLOSE:
            d->conn = d->conn == event.conn ? 0 : d->conn;
            d->closed++;
            break;
        case DORA_MUX_WORD:
            d->parts += event.word.what == DORA_STREAM_PART ? 1 : 0;
            d->progress += event.word.what == DORA_STREAM_PROGRESS ? 1 : 0;
            snprintf(d->data, sizeof d->data, "%.*s", (int)event.word.data.len,
                     event.word.data.data);
            break;
        case DORA_MUX_DONE:
            note_done(d, &event);
            break;
        case DORA_MUX_WRITE:
        case DORA_MUX_ACCEPTED:
            break;
        }
    }
}

static void driver_begin(driver *d, uint32_t retry)
{
    const dora_client_options options = {
        .nodes = "a:1", .connections = 1, .retry = retry, .timeout_ms = 1000};
    *d = (driver){.now_ns = BEGIN};
    assert_int_equal(dora_mux_new(&d->mux, &options, NULL), DORA_OK);
}

static void driver_end(driver *d)
{
    dora_mux_free(d->mux);
}
UNIT_SCENE(driver, driver_end)

static uint64_t start(driver *d, dora_mux_mode mode, const dora_call_options *options)
{
    uint64_t id = 0;
    const dora_call call = {.name = text_slice("/a"), .param = text_slice("i:5;")};
    assert_int_equal(dora_mux_start(d->mux, mode, &call, 1, options, d->now_ns, NULL, &id, NULL),
                     DORA_OK);
    drive(d);
    return id;
}

/* Reads one frame that was written. */
static void read_frame(driver *d, const dr_frame *frame)
{
    dr_request request;
    dr_api apis[2];
    assert_int_equal(dr_request_decode(frame->body, frame->guid, &request, apis, 2, NULL), DORA_OK);
    if (request.type == DR_TYPE_TK) {
        d->takes++;
        d->taken += (int)request.take;
    } else if (request.type == DR_TYPE_CN) {
        d->cancels++;
    } else {
        memcpy(d->guids[d->requests % 8], frame->guid, 32);
        d->requests++;
        d->timeout_ms = request.timeout_ms;
    }
}

/* Takes all that is to be written. */
static void write_all(driver *d)
{
    const dora_frame_options plain = {.sign = false};
    dora_slice out = dora_mux_output(d->mux, d->conn);
    const size_t whole = out.len;
    while (out.len > 0) {
        dr_frame frame;
        size_t used = 0;
        assert_int_equal(dr_frame_decode(&plain, out, &frame, &used, NULL), DORA_OK);
        read_frame(d, &frame);
        out.data += used;
        out.len -= used;
    }
    dora_mux_sent(d->mux, d->conn, whole, d->now_ns);
    drive(d);
}

/* Begins a stream that is sent. */
static uint64_t begin(driver *d, const dora_call_options *options)
{
    const uint64_t id = start(d, DORA_MUX_STREAM, options);
    if (d->opened == 1 && d->requests == 0) {
        dora_mux_connected(d->mux, d->conn, d->now_ns);
        drive(d);
    }
    write_all(d);
    return id;
}

static void put(dr_buf *out, const char *guid, int64_t code, const char *data, int part)
{
    const dora_frame_options plain = {.sign = false};
    size_t mark;
    char text[48];
    dr_frame_begin(out, &plain, guid, &mark);
    dr_put_array(out, part >= 0 ? 5 : 4);
    dr_buf_append_slice(out, text_slice("s:4:\"guid\";"));
    dr_put_string(out, (dora_slice){guid, 32});
    dr_buf_append_slice(out, text_slice("s:4:\"code\";"));
    dr_put_int(out, code);
    dr_buf_append_slice(out, text_slice("s:3:\"msg\";s:1:\"m\";s:4:\"data\";"));
    dr_buf_append_slice(out, text_slice(data));
    if (part >= 0) {
        snprintf(text, sizeof text, "s:4:\"part\";i:%d;", part);
        dr_buf_append_slice(out, text_slice(text));
    }
    dr_put_end(out);
    assert_int_equal(dr_frame_end(out, &plain, mark, NULL), DORA_OK);
}

/* The server says what stands in `bytes`; step 0 is all at once. */
static void say(driver *d, dr_buf *bytes, size_t step)
{
    for (size_t at = 0; at < bytes->len;) {
        char *room;
        size_t room_len;
        assert_int_equal(dora_mux_room(d->mux, d->conn, &room, &room_len), DORA_OK);
        size_t len = bytes->len - at < room_len ? bytes->len - at : room_len;
        len = step != 0 && step < len ? step : len;
        memcpy(room, bytes->data + at, len);
        dora_mux_received(d->mux, d->conn, len);
        at += len;
        drive(d);
    }
    dr_buf_fini(bytes);
}

static void say_one(driver *d, const char *guid, int64_t code, const char *data, int part)
{
    dr_buf bytes = {0};
    put(&bytes, guid, code, data, part);
    say(d, &bytes, 0);
}

static void say_part(driver *d, const char *guid, int part)
{
    say_one(d, guid, 100013, "i:7;", part);
}

static void say_result(driver *d, const char *guid, const char *envelope)
{
    say_one(d, guid, 0, envelope, -1);
}

#define GOOD "a:2:{s:4:\"code\";i:0;s:4:\"data\";i:9;}"
#define CANCELLED "a:2:{s:4:\"code\";i:100211;s:4:\"data\";N;}"

static void words_come_as_events(void **state)
{
    driver *d = *state;
    for (size_t step = 0; step < 40; step = step * 2 + 1) {
        dr_buf bytes = {0};
        driver_begin(d, 0);
        const uint64_t id = begin(d, NULL);
        assert_int_equal(d->timeout_ms, -1);
        put(&bytes, d->guids[0], 100014, "a:2:{i:0;i:1;i:1;i:2;}", -1);
        put(&bytes, STRANGER, 100013, "i:7;", 0);
        put(&bytes, d->guids[0], 100013, "i:7;", 0);
        put(&bytes, d->guids[0], 100013, "i:8;", 1);
        say(d, &bytes, step);
        assert_int_equal(d->progress, 1);
        assert_int_equal(d->parts, 2);
        assert_string_equal(d->data, "i:8;");
        assert_int_equal(d->done, 0);
        say_result(d, d->guids[0], GOOD);
        say_part(d, d->guids[0], 2); /* nobody's any more */
        assert_int_equal(d->parts, 2);
        assert_int_equal(d->done, 1);
        assert_int_equal(d->err, DORA_OK);
        assert_string_equal(d->data, "i:9;");
        assert_int_equal(dora_mux_outstanding(d->mux), 0);
        assert_false(dora_mux_cancel(d->mux, id, NULL));
        driver_end(d);
        d->mux = NULL;
    }
}

static void room_is_what_the_user_has_taken(void **state)
{
    driver *d = *state;
    const dora_call_options options = {.size = sizeof options, .window = 4};
    driver_begin(d, 0);
    const uint64_t id = begin(d, &options);
    for (int part = 0; part < 4; part++) {
        say_part(d, d->guids[0], part);
    }
    write_all(d);
    assert_int_equal(d->takes, 0);
    dora_mux_take(d->mux, id, 1, d->now_ns);
    drive(d);
    write_all(d);
    assert_int_equal(d->takes, 0); /* by halves */
    dora_mux_take(d->mux, id, 1, d->now_ns);
    drive(d);
    write_all(d);
    assert_int_equal(d->takes, 1);
    assert_int_equal(d->taken, 2);
    dora_mux_take(d->mux, id, 100, d->now_ns); /* no more than have come */
    dora_mux_take(d->mux, id + 1, 100, d->now_ns);
    drive(d);
    write_all(d);
    assert_int_equal(d->taken, 4);
    say_result(d, d->guids[0], GOOD);
    assert_int_equal(d->done, 1);
    dora_mux_take(d->mux, id, 1, d->now_ns);
}

/* A server gives up a stream of whose parts none is taken, as far as it is told. */
static void a_slow_reader_gives_room_every_ten_seconds(void **state)
{
    driver *d = *state;
    const dora_call_options options = {.size = sizeof options, .window = 8};
    driver_begin(d, 0);
    const uint64_t id = begin(d, &options);
    for (int part = 0; part < 8; part++) {
        say_part(d, d->guids[0], part);
    }
    for (int told = 0; told < 3; told++) {
        dora_mux_take(d->mux, id, 1, d->now_ns + 9999 * MS);
        write_all(d);
        assert_int_equal(d->takes, told);
        d->now_ns += 10000 * MS;
        dora_mux_take(d->mux, id, 1, d->now_ns);
        write_all(d);
        assert_int_equal(d->takes, told + 1);
        assert_int_equal(d->taken, 2 * (told + 1));
    }
}

/* Who takes nothing holds up nothing else on the connection. */
static void a_slow_reader_is_alone(void **state)
{
    driver *d = *state;
    const dora_call_options options = {.size = sizeof options, .window = 2};
    driver_begin(d, 0);
    begin(d, &options);
    begin(d, &options);
    start(d, DORA_MUX_CALL, NULL);
    write_all(d);
    assert_int_equal(d->opened, 1);
    say_part(d, d->guids[0], 0);
    say_part(d, d->guids[0], 1);
    say_part(d, d->guids[1], 0);
    say_result(d, d->guids[2], GOOD);
    assert_int_equal(d->parts, 3);
    say_result(d, d->guids[1], GOOD);
    assert_int_equal(d->done, 2);
}

static void a_server_that_floods_is_left(void **state)
{
    driver *d = *state;
    const dora_call_options options = {.size = sizeof options, .window = 2};
    driver_begin(d, 0);
    begin(d, &options);
    for (int part = 0; part < 3; part++) {
        say_part(d, d->guids[0], part);
    }
    assert_int_equal(d->parts, 2);
    assert_int_equal(d->done, 1);
    assert_int_equal(d->err, DORA_EPROTO);
    assert_string_equal(d->msg, "more parts of a stream came than there is room for");
    assert_int_equal(d->closed, 1);
}

static void parts_out_of_order_are_refused(void **state)
{
    driver *d = *state;
    driver_begin(d, 0);
    begin(d, NULL);
    say_part(d, d->guids[0], 0);
    say_part(d, d->guids[0], 2);
    assert_int_equal(d->err, DORA_EPROTO);
    assert_string_equal(d->msg, "part 2 of a stream came where part 1 is next");
}

static void an_older_server_is_named(void **state)
{
    driver *d = *state;
    driver_begin(d, 0);
    begin(d, NULL);
    say_one(d, d->guids[0], 100002, "N;", -1);
    assert_int_equal(d->err, DORA_EREPLY);
    assert_int_equal(d->code, DORA_CODE_BAD_TYPE);
    assert_non_null(strstr(d->msg, "older than streams"));
}

static void tick(driver *d, uint64_t now_ns)
{
    d->now_ns = now_ns;
    dora_mux_tick(d->mux, now_ns);
    drive(d);
}

/* The user is done with a part at once. */
static void take_part(driver *d, uint64_t id, const char *guid, int part)
{
    say_part(d, guid, part);
    dora_mux_take(d->mux, id, 1, d->now_ns);
    drive(d);
}

static void each_time_has_a_name(void **state)
{
    driver *d = *state;
    const dora_call_options idle = {.size = sizeof idle, .idle_ms = 50};
    const dora_call_options whole = {.size = sizeof whole, .idle_ms = 50, .timeout_ms = 120};
    driver_begin(d, 0);
    uint64_t id = begin(d, &idle);
    tick(d, BEGIN + 49 * MS);
    take_part(d, id, d->guids[0], 0);
    tick(d, BEGIN + 98 * MS);
    assert_int_equal(d->done, 0);
    tick(d, BEGIN + 99 * MS);
    assert_int_equal(d->err, DORA_ETIMEDOUT);
    assert_string_equal(d->msg, "the stream was silent for too long (idle)");
    write_all(d);
    assert_int_equal(d->cancels, 1);
    d->now_ns = BEGIN;
    id = begin(d, &whole);
    assert_int_equal(d->timeout_ms, 120);
    for (int i = 0; i < 4; i++) {
        tick(d, BEGIN + (uint64_t)i * 30 * MS);
        take_part(d, id, d->guids[1], i);
    }
    tick(d, BEGIN + 120 * MS);
    assert_int_equal(d->done, 2);
    assert_string_equal(d->msg, "the stream's time is over (timeout)");
    write_all(d);
    assert_int_equal(d->cancels, 2);
    begin(d, &idle); /* before its first word, too */
    tick(d, d->now_ns + 50 * MS);
    assert_string_equal(d->msg, "the stream was silent for too long (idle)");
}

/* While the user is busy with a part nobody waits for the server, whether there is room or not. */
static void silence_counts_while_it_is_waited_for(void **state)
{
    driver *d = *state;
    for (uint32_t window = 1; window <= 4; window += 3) {
        const dora_call_options options = {.size = sizeof options, .window = window, .idle_ms = 50};
        driver_begin(d, 0);
        const uint64_t id = begin(d, &options);
        assert_int_equal(dora_mux_deadline_ns(d->mux), BEGIN + 50 * MS);
        say_part(d, d->guids[0], 0);
        assert_int_equal(dora_mux_deadline_ns(d->mux), 0);
        tick(d, BEGIN + 5000 * MS);
        assert_int_equal(d->done, 0);
        dora_mux_take(d->mux, id, 1, d->now_ns);
        drive(d);
        assert_int_equal(dora_mux_deadline_ns(d->mux), BEGIN + 5050 * MS);
        dora_mux_take(d->mux, id, 1,
                      d->now_ns + 10 * MS); /* there is none: that puts off nothing */
        assert_int_equal(dora_mux_deadline_ns(d->mux), BEGIN + 5050 * MS);
        tick(d, BEGIN + 5050 * MS);
        assert_int_equal(d->err, DORA_ETIMEDOUT);
        driver_end(d);
        d->mux = NULL;
    }
}

static void progress_is_a_sign_of_life(void **state)
{
    driver *d = *state;
    const dora_call_options options = {.size = sizeof options, .idle_ms = 50};
    driver_begin(d, 0);
    begin(d, &options);
    for (uint64_t i = 1; i <= 10; i++) {
        tick(d, BEGIN + i * 40 * MS);
        say_one(d, d->guids[0], 100014, "a:2:{i:0;i:1;i:1;N;}", -1);
    }
    assert_int_equal(d->progress, 10);
    assert_int_equal(d->done, 0);
    tick(d, BEGIN + 450 * MS);
    assert_string_equal(d->msg, "the stream was silent for too long (idle)");
}

/* A server that never says a word may be gone; a handler that is silent later says nothing. */
static void silence_behind_a_word_says_nothing_of_the_node(void **state)
{
    driver *d = *state;
    const dora_call_options options = {.size = sizeof options, .idle_ms = 50};
    driver_begin(d, 0);
    dr_node *node = &d->mux->nodes.items[0];
    node->silences = 1;
    const uint64_t id = begin(d, &options);
    take_part(d, id, d->guids[0], 0);
    assert_int_equal(node->silences, 0); /* it is there */
    node->silences = 2;
    node->failures = 1;
    tick(d, BEGIN + 50 * MS);
    assert_int_equal(d->err, DORA_ETIMEDOUT);
    assert_int_equal(node->silences, 2);
    assert_int_equal(node->failures, 1);
    begin(d, &options);
    tick(d, BEGIN + 100 * MS);
    assert_int_equal(d->done, 2);
    assert_int_equal(node->silences, 3);
    assert_int_equal(node->failures, 2);
}

/* What a full server refuses was not run; it is an error here, since there is no other one. */
static void a_connection_without_room_is_left(void **state)
{
    driver *d = *state;
    driver_begin(d, 0);
    begin(d, NULL);
    say_one(d, d->guids[0], 100203, "a:1:{s:14:\"retry_after_ms\";i:50;}", -1);
    assert_int_equal(d->err, DORA_EREPLY);
    assert_int_equal(d->code, DORA_CODE_OVERLOADED);
    assert_int_equal(d->closed, 1);
}

static void behind_its_first_word_it_is_not_sent_again(void **state)
{
    driver *d = *state;
    driver_begin(d, 3);
    begin(d, NULL);
    say_part(d, d->guids[0], 0);
    dora_mux_closed(d->mux, d->conn, 0, d->now_ns);
    drive(d);
    assert_int_equal(d->done, 1);
    assert_int_equal(d->err, DORA_ECLOSED);
    assert_int_equal(d->requests, 1);
}

static void before_it_it_is(void **state)
{
    driver *d = *state;
    driver_begin(d, 1);
    begin(d, NULL);
    dora_mux_closed(d->mux, d->conn, 0, d->now_ns);
    drive(d);
    assert_int_equal(d->done, 0);
    dora_mux_connected(d->mux, d->conn, d->now_ns);
    drive(d);
    write_all(d);
    assert_int_equal(d->requests, 2);
    assert_string_equal(d->guids[0], d->guids[1]);
}

/* Of what is cancelled the server hears where somebody would have waited for it. */
static void cancelling_reaches_the_server(void **state)
{
    driver *d = *state;
    const dora_mux_mode modes[] = {DORA_MUX_CALL, DORA_MUX_STREAM, DORA_MUX_SEND, DORA_MUX_SUBMIT,
                                   DORA_MUX_CONTROL};
    driver_begin(d, 0);
    begin(d, NULL);
    say_result(d, d->guids[0], GOOD);
    for (int i = 0; i < 5; i++) {
        const uint64_t id = start(d, modes[i], NULL);
        write_all(d);
        assert_true(dora_mux_cancel(d->mux, id, NULL));
        drive(d);
        write_all(d);
        assert_int_equal(d->cancels, i == 0 ? 1 : 2);
    }
    /* What the server answers to that, or an older one, is nobody's. */
    say_result(d, d->guids[1], CANCELLED);
    say_one(d, d->guids[2], 100002, "N;", -1);
    assert_int_equal(d->done, 1);
    assert_int_equal(d->closed, 0);
    const uint64_t id = start(d, DORA_MUX_CALL, NULL);
    write_all(d);
    say_result(d, d->guids[d->requests - 1], GOOD);
    assert_false(dora_mux_cancel(d->mux, id, NULL));
    write_all(d);
    assert_int_equal(d->cancels, 2);
}

static bool hear_all(void *user)
{
    driver *d = user;
    const dora_client_options options = {.nodes = "a:1", .connections = 1, .timeout_ms = 1000};
    const dora_call_options once = {.size = sizeof once, .window = 1};
    const dora_call call = {.name = text_slice("/a"), .param = text_slice("i:5;")};
    uint64_t id = 0;
    *d = (driver){.now_ns = BEGIN};
    if (dora_mux_new(&d->mux, &options, NULL) != DORA_OK) {
        return false;
    }
    bool is_good = dora_mux_start(d->mux, DORA_MUX_STREAM, &call, 1, &once, d->now_ns, NULL, &id,
                                  NULL) == DORA_OK;
    drive(d);
    is_good = is_good && d->conn != 0;
    if (is_good) {
        dora_mux_connected(d->mux, d->conn, d->now_ns);
        drive(d);
        is_good = d->done == 0;
    }
    dora_mux_free(d->mux);
    d->mux = NULL;
    return is_good;
}

static void memory_may_run_out(void **state)
{
    assert_true(torture_run(hear_all, *state) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(driver, words_come_as_events),
        unit_in(driver, room_is_what_the_user_has_taken),
        unit_in(driver, a_slow_reader_gives_room_every_ten_seconds),
        unit_in(driver, a_slow_reader_is_alone),
        unit_in(driver, a_server_that_floods_is_left),
        unit_in(driver, parts_out_of_order_are_refused),
        unit_in(driver, an_older_server_is_named),
        unit_in(driver, each_time_has_a_name),
        unit_in(driver, silence_counts_while_it_is_waited_for),
        unit_in(driver, progress_is_a_sign_of_life),
        unit_in(driver, silence_behind_a_word_says_nothing_of_the_node),
        unit_in(driver, a_connection_without_room_is_left),
        unit_in(driver, behind_its_first_word_it_is_not_sent_again),
        unit_in(driver, before_it_it_is),
        unit_in(driver, cancelling_reaches_the_server),
        unit_in(driver, memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
