/* test_async.c: the client for libuv: every kind of call, many at a time, what is cancelled, late,
 * or closed. */
#include "async_scene.h"

#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

static void a_call_is_answered(void **state)
{
    async_scene *s = *state;
    heard h;
    async_begin(s, NULL);
    async_expect_echo(s);
    async_expect_echo(s);
    assert_int_equal(atomic_load(&s->server.conns), 1);
    async_call(s, &h, "/fail", "", NULL);
    async_wait(s, &h);
    assert_int_equal(h.err, DORA_OK);
    assert_int_equal(h.code, 7);
    async_call(s, &h, "/refuse", "", NULL);
    async_wait(s, &h);
    assert_int_equal(h.err, DORA_EREPLY);
    assert_int_equal(h.code, 100006);
    assert_string_equal(h.msg, "refused");
    async_call(s, &h, "/envelope", "", NULL);
    async_wait(s, &h);
    assert_int_equal(h.err, DORA_EPROTO);
    async_expect_echo(s);
}

static void bad_arguments_are_refused(void **state)
{
    async_scene *s = *state;
    dora_call call = {.name = text_slice("/echo"), .param = text_slice("x")};
    const dora_call_options options = {.group = "none"};
    dora_async *other = NULL;
    async_begin(s, NULL);
    assert_int_equal(dora_async_call(s->async, &call, NULL, async_on_done, NULL, NULL, &s->error),
                     DORA_EINVAL);
    call.param = text_slice("i:1;");
    assert_int_equal(dora_async_call(s->async, &call, &options, async_on_done, NULL, NULL, NULL),
                     DORA_EINVAL);
    assert_int_equal(
        dora_async_call_many(s->async, &call, 0, NULL, async_on_done, NULL, NULL, NULL),
        DORA_EINVAL);
    const dora_client_options many = {.nodes = "127.0.0.1:1", .connections = 65};
    assert_int_equal(dora_async_new(&other, &s->loop, &many, &s->error), DORA_EINVAL);
    assert_non_null(strstr(s->error.msg, "65"));
    assert_int_equal(dora_async_new(&other, &s->loop, NULL, &s->error), DORA_EINVAL);
    assert_null(other);
    assert_int_equal(dora_async_outstanding(s->async), 0);
}

static void every_mode(void **state)
{
    async_scene *s = *state;
    heard h[6];
    const dora_call calls[] = {
        {.key = text_slice("a"), .name = text_slice("/echo"), .param = text_slice("i:1;")},
        {.key = text_slice("7"), .name = text_slice("/fail"), .param = text_slice("i:2;")},
    };
    async_begin(s, NULL);
    for (size_t i = 0; i < 6; i++) {
        h[i] = (heard){.scene = s};
    }
    dora_async_call_many(s->async, calls, 2, NULL, async_on_done, &h[0], NULL, NULL);
    dora_async_send(s->async, calls, NULL, async_on_done, &h[1], NULL, NULL);
    dora_async_send_many(s->async, calls, 2, NULL, async_on_done, &h[2], NULL, NULL);
    dora_async_submit(s->async, calls, NULL, async_on_accepted, async_on_done, &h[3], NULL, NULL);
    dora_async_submit_many(s->async, calls, 2, NULL, NULL, async_on_done, &h[4], NULL, NULL);
    dora_async_control(s->async, "getStat", NULL, async_on_done, &h[5], NULL, NULL);
    assert_int_equal(dora_async_outstanding(s->async), 6);
    async_run(s, 6);
    static const size_t results[] = {2, 0, 0, 1, 2, 0};
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(h[i].done, 1);
        assert_int_equal(h[i].err, DORA_OK);
        assert_int_equal(h[i].results, results[i]);
        assert_int_equal(h[i].accepted, i == 3);
        assert_string_equal(h[i].data, results[i] > 0 ? "i:1;" : "");
    }
    assert_int_equal(dora_async_outstanding(s->async), 0);
    dora_async_control(s->async, "reloadTask", NULL, async_on_done, &h[5], NULL, NULL);
    async_run(s, 7);
    assert_int_equal(h[5].err, DORA_EREPLY);
    assert_int_equal(h[5].code, 100205);
}

static void many_calls(async_scene *s, const dora_frame_options *frame, const char *unix_path,
                       size_t count)
{
    s->server.frame = *frame;
    s->server.unix_path = unix_path;
    heard *h = calloc(count, sizeof *h);
    char param[64];
    assert_non_null(h);
    async_begin(s, NULL);
    for (size_t i = 0; i < count; i++) {
        snprintf(param, sizeof param, "a:1:{i:0;i:%zu;}", i);
        async_call(s, &h[i], "/echo", param, NULL);
    }
    assert_int_equal(dora_async_outstanding(s->async), count);
    async_run(s, (int)count);
    for (size_t i = 0; i < count; i++) {
        snprintf(param, sizeof param, "a:1:{i:0;i:%zu;}", i);
        assert_int_equal(h[i].done, 1);
        assert_int_equal(h[i].err, DORA_OK);
        assert_string_equal(h[i].data, param);
    }
    assert_int_equal(dora_async_outstanding(s->async), 0);
    assert_in_range(atomic_load(&s->server.conns), 1, 4);
    async_end(s);
    free(h);
}

static void ten_thousand(void **state)
{
    async_scene *s = *state;
    const dora_frame_options plain = {.sign = false};
    many_calls(s, &plain, NULL, 10000);
}

static void signed_packed_local(void **state)
{
    async_scene *s = *state;
    const dora_frame_options both = {.sign = true, .gzip = true};
    const dora_frame_options plain = {.sign = false};
    many_calls(s, &both, NULL, 200);
    unit_folder_make(&s->folder);
    many_calls(s, &plain, unit_folder_path(&s->folder, "socket"), 200);
}

static void a_timeout_ends_the_call(void **state)
{
    async_scene *s = *state;
    heard late;
    heard h;
    const dora_call_options quick = {.timeout_ms = 30};
    const dora_call_options patient = {.timeout_ms = 60000};
    const dora_client_options one = {.connections = 1};
    async_begin(s, &one);
    async_expect_echo(s); /* it is connected then */
    async_call(s, &late, "/late", "i:1;", &quick);
    async_call(s, &h, "/timeout", "", &patient);
    uint64_t before = dr_clock_ms();
    async_wait(s, &late);
    assert_in_range(dr_clock_ms() - before, 25, 20000);
    async_wait(s, &h);
    assert_int_equal(late.err, DORA_ETIMEDOUT);
    assert_int_equal(late.code, 100009);
    assert_int_equal(h.err, DORA_OK);
    assert_memory_equal(h.data, "i:", 2);
    assert_in_range(strtol(h.data + 2, NULL, 10), 40000, 60000);
    assert_int_equal(dora_async_outstanding(s->async), 0);
    async_call(s, &h, "/flush", "i:3;", NULL); /* its late reply comes before this one */
    async_wait(s, &h);
    assert_string_equal(h.data, "i:3;");
    assert_int_equal(late.done, 1);
    assert_int_equal(atomic_load(&s->server.conns), 1);
}

static void silent_connection_is_given_up(void **state)
{
    async_scene *s = *state;
    heard h;
    const dora_call_options quick = {.timeout_ms = 200}; /* it is sent in that time */
    const dora_client_options one = {.connections = 1};
    async_begin(s, &one);
    async_expect_echo(s); /* it is connected then */
    for (int i = 0; i < 3; i++) {
        async_call(s, &h, "/silent", "", &quick);
        async_wait(s, &h);
        assert_int_equal(h.err, DORA_ETIMEDOUT);
    }
    async_expect_echo(s);
    assert_int_equal(atomic_load(&s->server.conns), 2);
}

static void a_cancelled_call_says_nothing(void **state)
{
    async_scene *s = *state;
    heard cancelled[100];
    heard h;
    const dora_client_options one = {.connections = 1};
    async_begin(s, &one);
    for (int i = 0; i < 100; i++) {
        async_call(s, &cancelled[i], i < 50 ? "/late" : "/silent", "i:1;", NULL);
        if (i >= 90) { /* before a byte of it was sent */
            assert_true(dora_async_cancel(s->async, cancelled[i].id));
        }
    }
    async_expect_echo(s);
    for (int i = 0; i < 90; i++) {
        assert_true(dora_async_cancel(s->async, cancelled[i].id));
        assert_false(dora_async_cancel(s->async, cancelled[i].id));
    }
    assert_int_equal(dora_async_outstanding(s->async), 0);
    async_call(s, &h, "/flush", "i:2;", NULL);
    async_wait(s, &h);
    async_expect_echo(s);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(cancelled[i].done, 0);
    }
    assert_int_equal(atomic_load(&s->server.calls), 93);
    assert_int_equal(atomic_load(&s->server.cancels), 90);
    assert_int_equal(atomic_load(&s->server.conns), 1);
}

static void close_ends_calls_once(void **state)
{
    async_scene *s = *state;
    heard h[20];
    async_begin(s, NULL);
    async_expect_echo(s);
    for (int i = 0; i < 20; i++) {
        async_call(s, &h[i], "/silent", "", NULL);
    }
    async_submit(s, &h[0], "/never", "", NULL);
    async_run_until(s, &h[0].accepted, 1);
    async_call(s, &h[1], "/silent", "", NULL);
    s->done = 0;
    async_close(s);
    assert_int_equal(s->done, 22);
    assert_int_equal(h[0].err, DORA_ECLOSED);
    assert_int_equal(h[2].err, DORA_ECLOSED);
    async_remake(s, NULL);
    async_call(s, &h[0], "/echo", "", NULL); /* closed before it connects */
    async_close(s);
    assert_int_equal(h[0].done, 1);
    assert_int_equal(h[0].err, DORA_ECONNECT);
}

/* A callback that begins the next call, and in the end closes. */
static void chain(dora_err err, const dora_error *error, const dora_answer *answer, void *user)
{
    heard *h = user;
    const dora_call one = {.name = text_slice("/echo"), .param = text_slice("i:1;")};
    async_on_done(err, error, answer, user);
    if (h->scene->done < 50) {
        assert_int_equal(
            dora_async_call(h->scene->async, &one, NULL, chain, h, &h->id, &h->scene->error),
            DORA_OK);
    } else {
        dora_async_close(h->scene->async, NULL, NULL);
        h->scene->async = NULL;
    }
}

static void calls_from_callbacks(void **state)
{
    async_scene *s = *state;
    heard h = {.scene = s};
    const dora_call one = {.name = text_slice("/echo"), .param = text_slice("i:1;")};
    async_begin(s, NULL);
    dora_async_call(s->async, &one, NULL, chain, &h, &h.id, NULL);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    assert_int_equal(s->done, 50);
}

static void submissions_are_answered_later(void **state)
{
    async_scene *s = *state;
    heard late;
    heard lost;
    heard h;
    async_begin(s, NULL);
    async_submit(s, &late, "/late", "i:9;", NULL);
    async_run_until(s, &late.accepted, 1);
    assert_int_equal(dora_async_outstanding(s->async), 1);
    async_call(s, &h, "/flush", "", NULL);
    async_run(s, 2);
    assert_int_equal(late.err, DORA_OK);
    assert_string_equal(late.data, "i:9;");
    async_submit(s, &lost, "/lose", "i:9;", NULL);
    async_wait(s, &lost);
    assert_int_equal(lost.accepted, 1);
    assert_int_equal(lost.err, DORA_ECLOSED);
    assert_int_equal(lost.code, 100012);
    async_submit(s, &h, "/zero", "", NULL);
    async_wait(s, &h);
    assert_int_equal(h.accepted, 0);
    assert_int_equal(h.err, DORA_EPROTO);
    async_submit(s, &h, "/never", "", NULL);
    async_run_until(s, &h.accepted, 1);
    assert_true(dora_async_cancel(s->async, h.id));
    assert_int_equal(dora_async_outstanding(s->async), 0);
}

/* A request that is larger than what sockets take at once, to a server that reads slowly. */
static void large_values_pass(void **state)
{
    async_scene *s = *state;
    static char param[1500000];
    heard h[4];
    memset(param, 'x', sizeof param);
    memcpy(param, "s:1499980:\"", 11);
    memcpy(param + 11 + 1499980, "\";", 3);
    const dora_client_options one = {.connections = 1};
    async_begin(s, &one);
    for (int i = 0; i < 4; i++) {
        async_call(s, &h[i], "/echo", param, NULL);
    }
    async_run(s, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(h[i].err, DORA_OK);
        assert_memory_equal(h[i].data, param, 200);
    }
}

static void too_large(void **state)
{
    async_scene *s = *state;
    const dora_client_options small = {.frame_bytes_max = 300};
    char param[400] = "s:380:\"";
    heard h;
    memset(param + 7, 'x', 380);
    memcpy(param + 387, "\";", 3);
    async_begin(s, &small);
    async_call(s, &h, "/echo", param, NULL);
    async_wait(s, &h);
    assert_int_equal(h.err, DORA_ETOOBIG);
    assert_int_equal(h.code, 100206);
    async_expect_echo(s);
}

static void a_forked_child_may_not_use_it(void **state)
{
    async_scene *s = *state;
    async_begin(s, NULL);
    async_expect_echo(s);
    pid_t child = fork();
    if (child == 0) {
        const dora_call one = {.name = text_slice("/echo"), .param = text_slice("i:1;")};
        dora_err err = dora_async_call(s->async, &one, NULL, async_on_done, NULL, NULL, &s->error);
        _exit(err == DORA_EINVAL && strstr(s->error.msg, "fork") != NULL ? 0 : 1);
    }
    assert_int_equal(unit_wait(child), 0);
    async_expect_echo(s);
    assert_int_equal(atomic_load(&s->server.conns), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(async_scene, a_call_is_answered),
        unit_in(async_scene, bad_arguments_are_refused),
        unit_in(async_scene, every_mode),
        unit_in(async_scene, ten_thousand),
        unit_in(async_scene, signed_packed_local),
        unit_in(async_scene, a_timeout_ends_the_call),
        unit_in(async_scene, silent_connection_is_given_up),
        unit_in(async_scene, a_cancelled_call_says_nothing),
        unit_in(async_scene, close_ends_calls_once),
        unit_in(async_scene, calls_from_callbacks),
        unit_in(async_scene, submissions_are_answered_later),
        unit_in(async_scene, large_values_pass),
        unit_in(async_scene, too_large),
        unit_in(async_scene, a_forked_child_may_not_use_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
