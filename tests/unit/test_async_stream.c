/* test_async_stream.c: streams of the client for libuv: words, room by what is taken, cancel. */
#include "unit.h"

#include <uv.h>

#include <dora/client_uv.h>

#include "stream_server.h"

typedef struct stage {
    stream_server server;
    uv_loop_t loop;
    bool has_loop;
    dora_async *async;
} stage;

/* One stream, which takes its parts by itself or leaves them. */
typedef struct heard {
    dora_async *async;
    uint64_t id;
    bool is_lazy;
    int cancel_at; /* the part at which it is cancelled; 0: never */
    int parts;
    int progress;
    int done;
    dora_err err;
    int64_t code;
    char msg[96]; /* of an error */
} heard;

static void stage_end(stage *s)
{
    if (s->async != NULL) {
        dora_async_close(s->async, NULL, NULL);
        uv_run(&s->loop, UV_RUN_DEFAULT);
    }
    const int status = s->has_loop ? uv_loop_close(&s->loop) : 0;
    stream_server_stop(&s->server);
    assert_int_equal(status, 0);
}
UNIT_SCENE(stage, stage_end)

static void begin(stage *s)
{
    stream_server_start(&s->server);
    const dora_client_options options = {
        .nodes = s->server.address, .timeout_ms = 10000, .connections = 1};
    s->has_loop = uv_loop_init(&s->loop) == 0;
    assert_true(s->has_loop);
    assert_int_equal(dora_async_new(&s->async, &s->loop, &options, NULL), DORA_OK);
}

static void on_word(const dora_stream_event *word, void *user)
{
    heard *h = user;
    if (word->what == DORA_STREAM_PROGRESS) {
        h->progress++;
        return;
    }
    assert_int_equal(word->part, h->parts);
    h->parts++;
    if (h->parts == h->cancel_at) {
        assert_true(dora_async_cancel(h->async, h->id));
    } else if (!h->is_lazy) {
        dora_async_take(h->async, h->id, 1);
    }
}

static void on_done(dora_err err, const dora_error *error, const dora_answer *answer, void *user)
{
    heard *h = user;
    const dora_result *result = dora_answer_result(answer, 0);
    h->done++;
    h->err = err;
    h->code = err == DORA_OK ? result->code : error->code;
    snprintf(h->msg, sizeof h->msg, "%.90s", err == DORA_OK ? "" : error->msg);
}

static void open_with(stage *s, heard *h, const char *name, const char *param,
                      const dora_call_options *options)
{
    const dora_call call = {.name = text_slice(name), .param = text_slice(param)};
    h->async = s->async;
    assert_int_equal(dora_async_stream(s->async, &call, options, on_word, on_done, h, &h->id, NULL),
                     DORA_OK);
}

static void open_stream(stage *s, heard *h, const char *name, const char *param, uint32_t window)
{
    const dora_call_options options = {.size = sizeof options, .window = window};
    open_with(s, h, name, param, &options);
}

static void run_until(stage *s, const int *counted, int count)
{
    while (*counted < count) {
        uv_run(&s->loop, UV_RUN_ONCE);
    }
}

static void many_share_a_connection_and_one_that_stands_still(void **state)
{
    stage *s = *state;
    heard lazy = {.is_lazy = true};
    heard many[50] = {{.parts = 0}};
    begin(s);
    open_stream(s, &lazy, "/parts", "i:9;", 2);
    for (int i = 0; i < 50; i++) {
        open_stream(s, &many[i], "/parts", "i:40;", 4);
    }
    for (int i = 0; i < 50; i++) {
        run_until(s, &many[i].done, 1);
        assert_int_equal(many[i].parts, 40);
        assert_int_equal(many[i].err, DORA_OK);
    }
    run_until(s, &lazy.parts, 2);
    assert_int_equal(lazy.done, 0);
    lazy.is_lazy = false;
    dora_async_take(s->async, lazy.id, 2);
    run_until(s, &lazy.done, 1);
    assert_int_equal(lazy.parts, 9);
    assert_int_equal(s->server.conns, 1);
    dora_async_take(s->async, lazy.id, 1); /* it is over */
}

static void progress_and_errors_are_told(void **state)
{
    stage *s = *state;
    heard good = {.parts = 0};
    heard bad = {.parts = 0};
    begin(s);
    open_stream(s, &good, "/progress", "", 0);
    open_stream(s, &bad, "/fail", "", 0);
    run_until(s, &good.done, 1);
    run_until(s, &bad.done, 1);
    assert_int_equal(good.progress, 2);
    assert_int_equal(good.parts, 1);
    assert_int_equal(good.code, 0);
    assert_int_equal(bad.parts, 1);
    assert_int_equal(bad.err, DORA_OK);
    assert_int_equal(bad.code, 7);
}

static void each_time_has_a_name(void **state)
{
    stage *s = *state;
    const dora_call_options idle = {.size = sizeof idle, .idle_ms = 50};
    const dora_call_options whole = {.size = sizeof whole, .timeout_ms = 50};
    const struct {
        const char *name;
        const dora_call_options *options;
        const char *msg;
    } cases[] = {{"/silent", &idle, "the stream was silent for too long (idle)"},
                 {"/quiet", &idle, "the stream was silent for too long (idle)"},
                 {"/silent", &whole, "the stream's time is over (timeout)"},
                 {"/quiet", &whole, "the stream's time is over (timeout)"},
                 {"/endless", &whole, "the stream's time is over (timeout)"}};
    heard before = {.parts = 0};
    begin(s);
    open_stream(s, &before, "/alone", "", 0); /* it is connected then */
    run_until(s, &before.done, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        heard h = {.parts = 0};
        open_with(s, &h, cases[i].name, "", cases[i].options);
        run_until(s, &h.done, 1);
        assert_int_equal(h.err, DORA_ETIMEDOUT);
        assert_int_equal(h.code, DORA_CODE_RECEIVE);
        assert_string_equal(h.msg, cases[i].msg);
    }
}

static void an_older_server_is_named(void **state)
{
    stage *s = *state;
    heard old = {.parts = 0};
    heard after = {.parts = 0};
    begin(s);
    open_stream(s, &old, "/old", "", 0);
    run_until(s, &old.done, 1);
    assert_int_equal(old.err, DORA_EREPLY);
    assert_int_equal(old.code, DORA_CODE_BAD_TYPE);
    assert_false(dora_async_cancel(s->async, old.id));
    open_stream(s, &after, "/alone", "", 0);
    run_until(s, &after.done, 1);
    assert_int_equal(after.err, DORA_OK);
    assert_int_equal(s->server.conns, 1);
    assert_int_equal(s->server.strays, 0); /* what it would not know either */
}

static void one_may_be_cancelled_from_its_own_word(void **state)
{
    stage *s = *state;
    heard left = {.cancel_at = 3};
    heard after = {.parts = 0};
    begin(s);
    open_stream(s, &left, "/endless", "", 0);
    run_until(s, &left.parts, 3);
    open_stream(s, &after, "/parts", "i:5;", 0);
    run_until(s, &after.done, 1);
    assert_int_equal(left.parts, 3);
    assert_int_equal(left.done, 0);
    stream_server_wait(&s->server, &s->server.cancels, 1);
    assert_int_equal(dora_async_outstanding(s->async), 0);
}

static void a_client_that_is_closed_ends_its_streams(void **state)
{
    stage *s = *state;
    heard both[2] = {{.is_lazy = true}, {.is_lazy = true}};
    begin(s);
    open_stream(s, &both[0], "/endless", "", 0);
    open_stream(s, &both[1], "/silent", "", 0);
    run_until(s, &both[0].parts, 1);
    dora_async_close(s->async, NULL, NULL);
    s->async = NULL;
    uv_run(&s->loop, UV_RUN_DEFAULT);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(both[i].done, 1);
        assert_int_equal(both[i].err, DORA_ECLOSED);
        assert_int_equal(both[i].code, DORA_CODE_RECEIVE);
    }
    stream_server_wait(&s->server, &s->server.ends, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(stage, many_share_a_connection_and_one_that_stands_still),
        unit_in(stage, progress_and_errors_are_told),
        unit_in(stage, each_time_has_a_name),
        unit_in(stage, an_older_server_is_named),
        unit_in(stage, one_may_be_cancelled_from_its_own_word),
        unit_in(stage, a_client_that_is_closed_ends_its_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
