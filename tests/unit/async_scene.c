/* async_scene.c: a bad server, an asynchronous client of it on a loop, and what its calls said. */
#include "async_scene.h"

/* Calls that end with the scene: what they would tell may be gone with the test. */
static bool is_over;

static void on_closed(void *user)
{
    async_scene *s = user;
    assert_false(s->closed);
    s->closed = true;
}

void async_close(async_scene *s)
{
    s->closed = false;
    dora_async_close(s->async, on_closed, s);
    while (!s->closed) {
        uv_run(&s->loop, UV_RUN_ONCE);
    }
    s->async = NULL;
}

void async_remake(async_scene *s, const dora_client_options *options)
{
    dora_client_options made = options != NULL ? *options : (dora_client_options){.nodes = NULL};
    if (made.nodes == NULL) {
        made.nodes = s->server.address;
    }
    made.timeout_ms = made.timeout_ms != 0 ? made.timeout_ms : 10000;
    made.sign = s->server.frame.sign;
    made.gzip = s->server.frame.gzip;
    if (s->async != NULL) {
        async_close(s);
    }
    assert_int_equal(dora_async_new(&s->async, &s->loop, &made, &s->error), DORA_OK);
}

void async_begin(async_scene *s, const dora_client_options *options)
{
    bad_server_start(&s->server);
    s->has_loop = uv_loop_init(&s->loop) == 0;
    assert_true(s->has_loop);
    async_remake(s, options);
}

static void close_it(uv_handle_t *handle, void *count)
{
    if (!uv_is_closing(handle)) {
        *(int *)count += uv_has_ref(handle);
        uv_close(handle, NULL);
    }
}

void async_end(async_scene *s)
{
    int left_open = 0;
    int closed = 0;
    is_over = true;
    if (s->async != NULL) {
        async_close(s);
    }
    is_over = false;
    if (s->has_loop) {
        uv_walk(&s->loop, close_it, &left_open);
        uv_run(&s->loop, UV_RUN_DEFAULT);
        closed = uv_loop_close(&s->loop);
    }
    bad_server_stop_all(&s->others);
    bad_server_stop(&s->server);
    unit_folder_remove(&s->folder);
    memset(s, 0, sizeof *s);
    assert_int_equal(left_open, 0);
    assert_int_equal(closed, 0);
}

bad_server *async_begin_pair(async_scene *s, uint32_t retry, uint32_t timeout_ms)
{
    char nodes[512];
    bad_server *other = bad_server_add(&s->others, NULL);
    async_begin(s, NULL);
    snprintf(nodes, sizeof nodes, "%s,%s", s->server.address, other->address);
    const dora_client_options options = {.nodes = nodes, .retry = retry, .timeout_ms = timeout_ms};
    async_remake(s, &options);
    return other;
}

void async_on_accepted(dora_err err, const dora_error *error, const dora_answer *answer, void *user)
{
    heard *h = user;
    if (is_over) {
        return;
    }
    assert_int_equal(err, DORA_OK);
    assert_null(error);
    assert_int_equal(h->done, 0);
    assert_int_equal(strlen(dora_answer_guid(answer)), 32);
    h->accepted++;
}

void async_on_done(dora_err err, const dora_error *error, const dora_answer *answer, void *user)
{
    heard *h = user;
    if (is_over) {
        return;
    }
    h->done++;
    h->scene->done++;
    h->err = err;
    assert_int_equal(err == DORA_OK, error == NULL);
    snprintf(h->guid, sizeof h->guid, "%s", dora_answer_guid(answer));
    for (h->results = 0; dora_answer_result(answer, h->results) != NULL;) {
        h->results++;
    }
    const dora_result *first = dora_answer_result(answer, 0);
    if (error != NULL) {
        assert_int_equal(error->err, err);
        assert_int_equal(h->results, 0);
        h->code = error->code;
        h->os_error = error->os_error;
        snprintf(h->msg, sizeof h->msg, "%.255s", error->msg);
    } else if (first != NULL) {
        h->code = first->code;
        snprintf(h->data, sizeof h->data, "%.*s",
                 (int)(first->data.len < 255 ? first->data.len : 255), first->data.data);
    }
}

void async_call(async_scene *s, heard *h, const char *name, const char *param,
                const dora_call_options *options)
{
    const dora_call one = {.name = text_slice(name), .param = text_slice(param)};
    *h = (heard){.scene = s};
    assert_int_equal(dora_async_call(s->async, &one, options, async_on_done, h, &h->id, &s->error),
                     DORA_OK);
    assert_int_equal(h->done, 0);
}

void async_submit(async_scene *s, heard *h, const char *name, const char *param,
                  const dora_call_options *options)
{
    const dora_call one = {.name = text_slice(name), .param = text_slice(param)};
    *h = (heard){.scene = s};
    assert_int_equal(dora_async_submit(s->async, &one, options, async_on_accepted, async_on_done, h,
                                       &h->id, &s->error),
                     DORA_OK);
}

void async_run_until(async_scene *s, const int *value, int least)
{
    while (*value < least) {
        assert_true(uv_run(&s->loop, UV_RUN_ONCE) != 0 || *value >= least);
    }
}

void async_run(async_scene *s, int done)
{
    async_run_until(s, &s->done, done);
    assert_int_equal(s->done, done);
}

void async_wait(async_scene *s, const heard *h)
{
    async_run_until(s, &h->done, 1);
    assert_int_equal(h->done, 1);
}

void async_expect_echo(async_scene *s)
{
    heard h;
    async_call(s, &h, "/echo", "s:5:\"hello\";", NULL);
    async_wait(s, &h);
    assert_int_equal(h.err, DORA_OK);
    assert_int_equal(h.results, 1);
    assert_int_equal(h.code, 0);
    assert_string_equal(h.data, "s:5:\"hello\";");
    assert_int_equal(strlen(h.guid), 32);
}
