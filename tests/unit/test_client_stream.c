/* test_client_stream.c: streams of the blocking client: words in order, room, the end. */
#include "unit.h"

#include <dora/client.h>

#include "base/clock.h"
#include "base/deadline.h"
#include "client/blocking/client.h"
#include "stream_server.h"
#include "torture.h"

typedef struct stage {
    stream_server server;
    dora_client *client;
    dora_stream *stream;
    dora_answer *answer;
    dora_error error;
    dora_stream_event event;
    int ready[2]; /* of a server in a process of its own: it says where it is, */
    int stop[2];  /*   and ends when these are closed */
    pid_t elsewhere;
} stage;

static void stage_end(stage *s)
{
    dora_stream_free(s->stream);
    dora_client_free(s->client);
    dora_answer_free(s->answer);
    dr_deadline_set(0);
    stream_server_stop(&s->server);
    for (int i = 0; i < 2; i++) {
        unit_close(&s->ready[i]);
        unit_close(&s->stop[i]);
    }
    const int status = s->elsewhere > 0 ? unit_wait(s->elsewhere) : 0;
    assert_int_equal(status, 0);
}
UNIT_SCENE(stage, stage_end)

static void begin(stage *s, uint32_t retry)
{
    stream_server_start(&s->server);
    const dora_client_options options = {
        .nodes = s->server.address, .timeout_ms = 10000, .retry = retry};
    assert_int_equal(dora_client_new(&s->client, &options, NULL), DORA_OK);
    s->answer = dora_answer_new();
    assert_non_null(s->answer);
}

static dora_err open_with(stage *s, const char *name, const char *param,
                          const dora_call_options *options)
{
    const dora_call call = {.name = text_slice(name), .param = text_slice(param)};
    dora_stream_free(s->stream);
    s->stream = NULL;
    return dora_client_stream(s->client, &call, options, &s->stream, &s->error);
}

static void open_stream(stage *s, const char *name, const char *param)
{
    assert_int_equal(open_with(s, name, param, NULL), DORA_OK);
}

static dora_err next(stage *s)
{
    return dora_stream_next(s->stream, &s->event, &s->error);
}

static void expect(stage *s, dora_stream_what what, const char *data)
{
    assert_int_equal(next(s), DORA_OK);
    assert_int_equal(s->event.what, what);
    assert_int_equal(s->event.data.len, strlen(data));
    assert_memory_equal(s->event.data.data, data, strlen(data));
}

static void expect_end(stage *s)
{
    for (int i = 0; i < 3; i++) {
        assert_int_equal(next(s), DORA_OK);
        assert_int_equal(s->event.what, DORA_STREAM_END);
    }
}

static bool has_enough(void *user)
{
    return *(const bool *)user;
}

/* A call that works, on whatever connection. */
static void expect_call(stage *s)
{
    const dora_call call = {.name = text_slice("/one"), .param = text_slice("i:1;")};
    assert_int_equal(dora_client_call(s->client, &call, NULL, s->answer, &s->error), DORA_OK);
    assert_int_equal(dora_answer_result(s->answer, 0)->code, 0);
}

static void parts_come_in_order_then_the_result(void **state)
{
    stage *s = *state;
    char data[32];
    begin(s, 0);
    open_stream(s, "/parts", "i:100;");
    for (int i = 0; i < 100; i++) {
        snprintf(data, sizeof data, "i:%d;", i);
        expect(s, DORA_STREAM_PART, data);
        assert_int_equal(s->event.part, i);
    }
    expect(s, DORA_STREAM_RESULT, "i:100;");
    assert_int_equal(s->event.code, 0);
    expect_end(s);
    assert_int_equal(s->server.window, 64);
    assert_int_equal(s->server.timeout_ms, -1);
    expect_call(s);
    assert_int_equal(s->server.conns, 1); /* the stream's connection is the pool's again */
}

static void room_is_given_back_by_halves(void **state)
{
    stage *s = *state;
    const uint32_t windows[] = {1, 2, 8, 1024};
    const int takes[] = {20, 20, 5, 0};
    begin(s, 0);
    for (size_t i = 0; i < 4; i++) {
        const dora_call_options options = {.size = sizeof options, .window = windows[i]};
        s->server.takes = 0;
        s->server.taken = 0;
        assert_int_equal(open_with(s, "/parts", "i:20;", &options), DORA_OK);
        for (int part = 0; part < 20; part++) {
            assert_int_equal(next(s), DORA_OK);
            assert_int_equal(s->event.what, DORA_STREAM_PART);
        }
        assert_int_equal(next(s), DORA_OK);
        assert_int_equal(s->event.what, DORA_STREAM_RESULT);
        assert_int_equal(s->server.window, windows[i]);
        stream_server_wait(&s->server, &s->server.takes, takes[i]);
        assert_int_equal(s->server.taken, takes[i] == 0 ? 0 : 20);
    }
}

static void more_than_the_most_is_the_most(void **state)
{
    stage *s = *state;
    const dora_call_options options = {.size = sizeof options, .window = 5000};
    begin(s, 0);
    assert_int_equal(open_with(s, "/alone", "", &options), DORA_OK);
    expect(s, DORA_STREAM_RESULT, "i:5;");
    assert_int_equal(s->server.window, 1024);
}

static void progress_says_how_far_it_is(void **state)
{
    stage *s = *state;
    begin(s, 0);
    open_stream(s, "/progress", "");
    expect(s, DORA_STREAM_PROGRESS, "a:2:{i:0;i:1;i:1;i:2;}");
    assert_memory_equal(s->event.msg.data, "half", 4);
    expect(s, DORA_STREAM_PART, "i:0;");
    expect(s, DORA_STREAM_PROGRESS, "a:2:{i:0;i:2;i:1;i:2;}");
    expect(s, DORA_STREAM_RESULT, "b:1;");
    expect_end(s);
}

static void an_error_comes_behind_the_parts(void **state)
{
    stage *s = *state;
    begin(s, 0);
    open_stream(s, "/fail", "");
    expect(s, DORA_STREAM_PART, "i:0;");
    expect(s, DORA_STREAM_RESULT, "N;");
    assert_int_equal(s->event.code, 7);
    assert_memory_equal(s->event.msg.data, "it failed", 9);
    expect_end(s);
}

static void an_older_server_is_named(void **state)
{
    stage *s = *state;
    begin(s, 0);
    open_stream(s, "/old", "");
    assert_int_equal(next(s), DORA_EREPLY);
    assert_int_equal(s->error.code, DORA_CODE_BAD_TYPE);
    assert_non_null(strstr(s->error.msg, "older than streams"));
    expect_end(s);
    dora_stream_cancel(s->stream);
    expect_call(s);
    assert_int_equal(s->server.conns, 1);
    assert_int_equal(s->server.strays, 0); /* what it would not know either */
}

static void a_lost_connection_comes_behind_the_parts(void **state)
{
    stage *s = *state;
    begin(s, 2); /* it is not sent again behind its first part */
    open_stream(s, "/break", "");
    expect(s, DORA_STREAM_PART, "i:0;");
    assert_int_equal(next(s), DORA_ECLOSED);
    assert_int_equal(s->error.code, DORA_CODE_RECEIVE);
    expect_end(s);
    assert_int_equal(s->server.requests, 1);
}

static void before_its_first_word_it_is_sent_again(void **state)
{
    stage *s = *state;
    begin(s, 1);
    open_stream(s, "/close", "");
    expect(s, DORA_STREAM_RESULT, "i:5;");
    assert_int_equal(s->server.requests, 2);
    assert_int_equal(s->server.attempt, 1);
    s->server.requests = 0;
    const dora_call_options never = {.size = sizeof never, .retry = -1};
    assert_int_equal(open_with(s, "/close", "", &never), DORA_OK);
    assert_int_equal(next(s), DORA_ECLOSED);
    assert_int_equal(s->server.requests, 1);
}

static void a_refusal_is_a_result(void **state)
{
    stage *s = *state;
    begin(s, 0);
    open_stream(s, "/busy", "");
    expect(s, DORA_STREAM_RESULT, "N;");
    assert_int_equal(s->event.code, DORA_CODE_OVERLOADED);
}

/* A server that has no room for a connection refuses all on it, and closes it a while later. */
static void a_connection_without_room_is_not_used_again(void **state)
{
    stage *s = *state;
    begin(s, 0);
    open_stream(s, "/full", "");
    assert_int_equal(next(s), DORA_EREPLY);
    assert_int_equal(s->error.code, DORA_CODE_OVERLOADED);
    expect_end(s);
    expect_call(s);
    assert_int_equal(s->server.conns, 2);
    open_stream(s, "/full", ""); /* here it is of the call alone */
    assert_int_equal(next(s), DORA_EREPLY);
    expect_call(s);
    assert_int_equal(s->server.conns, 2);
}

/* What is known of the node after each call, where three silences in a row are a failure. */
static void silence_behind_a_word_says_nothing_of_the_node(void **state)
{
    stage *s = *state;
    bool is_enough = false;
    const dora_call_options options = {
        .size = sizeof options, .is_interrupted = has_enough, .user = &is_enough};
    begin(s, 0);
    const dr_node *node = &s->client->nodes.items[0];
    s->client->nodes.items[0].silences = 1;
    assert_int_equal(open_with(s, "/quiet", "", &options), DORA_OK);
    expect(s, DORA_STREAM_PART, "i:0;");
    assert_int_equal(node->silences, 0); /* it is there */
    s->client->nodes.items[0].silences = 2;
    s->client->nodes.items[0].failures = 1;
    is_enough = true;
    assert_int_equal(next(s), DORA_EINTERRUPTED);
    assert_int_equal(node->silences, 2);
    assert_int_equal(node->failures, 1);
    const dora_call_options idle = {.size = sizeof idle, .idle_ms = 800};
    assert_int_equal(open_with(s, "/silent", "", &idle), DORA_OK);
    assert_int_equal(next(s), DORA_ETIMEDOUT);
    assert_int_equal(node->silences, 3);
    assert_int_equal(node->failures, 2);
}

static void parts_out_of_order_are_refused(void **state)
{
    stage *s = *state;
    begin(s, 0);
    open_stream(s, "/odd", "");
    expect(s, DORA_STREAM_PART, "i:0;");
    assert_int_equal(next(s), DORA_EPROTO);
    assert_string_equal(s->error.msg, "part 2 of the stream came where part 1 is next");
    expect_end(s);
}

/* What comes behind a result, or under a guid of nobody, is nobody's. */
static void words_of_nobody_are_skipped(void **state)
{
    stage *s = *state;
    const char *names[] = {"/after", "/stranger"};
    begin(s, 0);
    for (int i = 0; i < 4; i++) {
        open_stream(s, names[i % 2], "");
        expect(s, DORA_STREAM_PART, "i:0;");
        expect(s, DORA_STREAM_RESULT, "i:5;");
        expect_end(s);
    }
}

/* Takes what comes until an error does, which may be at once. Returns: how many parts came. */
static int expect_late(stage *s, const char *text)
{
    int parts = 0;
    dora_err err = next(s);
    while (err == DORA_OK) {
        assert_int_equal(s->event.what, DORA_STREAM_PART);
        parts++;
        err = next(s);
    }
    assert_int_equal(err, DORA_ETIMEDOUT);
    assert_string_equal(s->error.msg, text);
    assert_int_equal(s->error.code, DORA_CODE_RECEIVE);
    expect_end(s);
    return parts;
}

static void each_time_has_a_name(void **state)
{
    stage *s = *state;
    const dora_call_options idle = {.size = sizeof idle, .idle_ms = 700};
    const dora_call_options whole = {.size = sizeof whole, .idle_ms = 60000, .timeout_ms = 700};
    const char *names[] = {"/silent", "/quiet"};
    int parts = 0;
    begin(s, 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(open_with(s, names[i], "", &idle), DORA_OK);
        parts += expect_late(s, "the stream was silent for too long (idle)");
        assert_int_equal(open_with(s, names[i], "", &whole), DORA_OK);
        parts += expect_late(s, "the stream's time is over (timeout)");
        stream_server_wait(&s->server, &s->server.requests, i * 2 + 2);
        assert_in_range(s->server.timeout_ms, 1, 700);
    }
    stream_server_wait(&s->server, &s->server.cancels, parts);
    assert_int_equal(open_with(s, "/endless", "", &whole), DORA_OK); /* words put nothing off */
    expect_late(s, "the stream's time is over (timeout)");
}

/* Inside a handler it lasts no longer than its caller waits. */
static void a_callers_time_is_the_whole(void **state)
{
    stage *s = *state;
    begin(s, 0);
    dr_deadline_set(dr_clock_ns() + 1000 * (uint64_t)DR_NS_PER_MS);
    open_stream(s, "/quiet", "");
    assert_in_range(expect_late(s, "the stream's time is over (timeout)"), 0, 1);
}

static void who_leaves_says_so(void **state)
{
    stage *s = *state;
    begin(s, 0);
    open_stream(s, "/endless", "");
    expect(s, DORA_STREAM_PART, "i:0;");
    dora_stream_free(s->stream);
    s->stream = NULL;
    stream_server_wait(&s->server, &s->server.cancels, 1);
    expect_call(s); /* where the last word has not come, on another connection */
    assert_in_range(s->server.conns, 1, 2);
    /* Before the first word the end of the connection says it. */
    open_stream(s, "/silent", "");
    stream_server_wait(&s->server, &s->server.requests, 3);
    const int before = s->server.ends;
    dora_stream_free(s->stream);
    s->stream = NULL;
    stream_server_wait(&s->server, &s->server.ends, before + 1);
    assert_int_equal(s->server.cancels, 1);
}

/* A connection whose stream was left serves again once the last word has come, and only then. */
static void a_left_connection_is_used_when_it_has_ended(void **state)
{
    stage *s = *state;
    begin(s, 0);
    open_stream(s, "/endless", "");
    expect(s, DORA_STREAM_PART, "i:0;");
    dora_stream_cancel(s->stream);
    expect(s, DORA_STREAM_RESULT, "N;");
    assert_int_equal(s->event.code, DORA_CODE_CANCELLED);
    expect_end(s);
    expect_call(s);
    assert_int_equal(s->server.conns, 1);
    open_stream(s, "/quiet", "");
    expect(s, DORA_STREAM_PART, "i:0;");
    dora_stream_free(s->stream);
    s->stream = NULL;
    expect_call(s);
    assert_int_equal(s->server.conns, 2);
}

static void a_cancelled_stream_has_a_result(void **state)
{
    stage *s = *state;
    begin(s, 0);
    open_stream(s, "/silent", "");
    dora_stream_cancel(s->stream);
    dora_stream_cancel(s->stream);
    expect(s, DORA_STREAM_RESULT, "N;");
    assert_int_equal(s->event.code, DORA_CODE_CANCELLED);
    expect_end(s);
    open_stream(s, "/alone", "");
    expect(s, DORA_STREAM_RESULT, "i:5;");
    dora_stream_cancel(s->stream); /* it is over */
    expect_end(s);
}

static void an_interrupted_stream_ends(void **state)
{
    stage *s = *state;
    bool is_enough = false;
    const dora_call_options options = {
        .size = sizeof options, .is_interrupted = has_enough, .user = &is_enough};
    begin(s, 0);
    assert_int_equal(open_with(s, "/quiet", "", &options), DORA_OK);
    expect(s, DORA_STREAM_PART, "i:0;");
    is_enough = true;
    assert_int_equal(next(s), DORA_EINTERRUPTED);
    expect_end(s);
    stream_server_wait(&s->server, &s->server.cancels, 1);
}

static void a_client_that_is_freed_ends_its_streams(void **state)
{
    stage *s = *state;
    dora_stream *streams[3];
    dora_stream_event event;
    const dora_call call = {.name = text_slice("/silent")};
    begin(s, 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(dora_client_stream(s->client, &call, NULL, &streams[i], NULL), DORA_OK);
    }
    open_stream(s, "/endless", "");
    expect(s, DORA_STREAM_PART, "i:0;");
    dora_stream_free(streams[1]);
    dora_stream_cancel(streams[2]);
    stream_server_wait(&s->server, &s->server.ends, 2);
    dora_client_free(s->client);
    s->client = NULL;
    stream_server_wait(&s->server, &s->server.ends, 4);
    assert_int_equal(next(s), DORA_ECLOSED);
    assert_int_equal(s->error.code, DORA_CODE_RECEIVE);
    assert_non_null(strstr(s->error.msg, "the client was closed"));
    expect_end(s);
    dora_stream_cancel(s->stream); /* it is over */
    expect_end(s);
    assert_int_equal(dora_stream_next(streams[0], &event, NULL), DORA_ECLOSED);
    assert_int_equal(dora_stream_next(streams[2], &event, NULL), DORA_OK);
    assert_int_equal(event.code, DORA_CODE_CANCELLED); /* that was before */
    dora_stream_free(streams[0]);
    dora_stream_free(streams[2]);
}

static void streams_run_beside_each_other(void **state)
{
    stage *s = *state;
    dora_stream *streams[4];
    dora_stream_event event;
    const dora_call call = {.name = text_slice("/parts"), .param = text_slice("i:50;")};
    begin(s, 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(dora_client_stream(s->client, &call, NULL, &streams[i], NULL), DORA_OK);
    }
    for (int part = 0; part < 50; part++) {
        for (int i = 0; i < 4; i++) {
            assert_int_equal(dora_stream_next(streams[i], &event, NULL), DORA_OK);
            assert_int_equal(event.part, part);
        }
    }
    assert_int_equal(s->server.conns, 4);
    for (int i = 0; i < 4; i++) {
        dora_stream_free(streams[i]);
    }
}

static void bad_arguments_are_refused(void **state)
{
    stage *s = *state;
    begin(s, 0);
    const dora_call_options nowhere = {.size = sizeof nowhere, .group = "none"};
    assert_int_equal(open_with(s, "", "", NULL), DORA_EINVAL);
    assert_int_equal(open_with(s, "/parts", "x", NULL), DORA_EINVAL);
    assert_int_equal(open_with(s, "/parts", "", &nowhere), DORA_EINVAL);
    const dora_call_options bad = {.size = 1};
    assert_int_equal(open_with(s, "/parts", "", &bad), DORA_EINVAL);
    assert_null(s->stream);
    dora_stream_free(NULL);
}

/* A whole stream of a client of its own. */
static bool hear_all(void *address)
{
    const dora_client_options options = {.nodes = address, .timeout_ms = 10000};
    const dora_call call = {.name = text_slice("/parts"), .param = text_slice("i:2;")};
    dora_client *client = NULL;
    dora_stream *stream = NULL;
    dora_stream_event event = {.what = DORA_STREAM_PART};
    dora_err err = dora_client_new(&client, &options, NULL);
    if (err == DORA_OK) {
        err = dora_client_stream(client, &call, NULL, &stream, NULL);
    }
    while (err == DORA_OK && event.what != DORA_STREAM_END) {
        err = dora_stream_next(stream, &event, NULL);
    }
    dora_stream_free(stream);
    dora_client_free(client);
    return err == DORA_OK;
}

static void memory_may_run_out(void **state)
{
    stage *s = *state;
    char address[sizeof s->server.address];
    assert_int_equal(pipe(s->ready), 0);
    assert_int_equal(pipe(s->stop), 0);
    s->elsewhere = fork();
    if (s->elsewhere == 0) { /* a server whose allocations do not fail */
        char none;
        close(s->stop[1]);
        stream_server_start(&s->server);
        const bool is_told = write(s->ready[1], s->server.address, sizeof address) > 0;
        const bool is_over = read(s->stop[0], &none, 1) == 0;
        stream_server_stop(&s->server);
        _exit(is_told && is_over ? 0 : 1);
    }
    unit_close(&s->stop[0]);
    const ssize_t got = read(s->ready[0], address, sizeof address);
    assert_int_equal(got, sizeof address);
    assert_true(torture_run(hear_all, address) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(stage, parts_come_in_order_then_the_result),
        unit_in(stage, room_is_given_back_by_halves),
        unit_in(stage, more_than_the_most_is_the_most),
        unit_in(stage, progress_says_how_far_it_is),
        unit_in(stage, an_error_comes_behind_the_parts),
        unit_in(stage, an_older_server_is_named),
        unit_in(stage, a_lost_connection_comes_behind_the_parts),
        unit_in(stage, before_its_first_word_it_is_sent_again),
        unit_in(stage, a_refusal_is_a_result),
        unit_in(stage, a_connection_without_room_is_not_used_again),
        unit_in(stage, silence_behind_a_word_says_nothing_of_the_node),
        unit_in(stage, parts_out_of_order_are_refused),
        unit_in(stage, words_of_nobody_are_skipped),
        unit_in(stage, each_time_has_a_name),
        unit_in(stage, a_callers_time_is_the_whole),
        unit_in(stage, who_leaves_says_so),
        unit_in(stage, a_left_connection_is_used_when_it_has_ended),
        unit_in(stage, a_cancelled_stream_has_a_result),
        unit_in(stage, an_interrupted_stream_ends),
        unit_in(stage, a_client_that_is_freed_ends_its_streams),
        unit_in(stage, streams_run_beside_each_other),
        unit_in(stage, bad_arguments_are_refused),
        unit_in(stage, memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
