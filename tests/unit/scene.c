/* scene.c: a bad server, a client of it, and an answer: the stage of the client's tests. */
#include "scene.h"

#include "base/deadline.h"

void scene_remake(scene *s, const dora_client_options *options)
{
    dora_client_free(s->client);
    s->client = NULL;
    assert_int_equal(dora_client_new(&s->client, options, &s->error), DORA_OK);
}

void scene_begin(scene *s, const char *nodes)
{
    bad_server_start(&s->server);
    const dora_client_options options = {
        .nodes = nodes != NULL ? nodes : s->server.address,
        .timeout_ms = 10000,
        .sign = s->server.frame.sign,
        .gzip = s->server.frame.gzip,
    };
    scene_remake(s, &options);
    s->answer = dora_answer_new();
    assert_non_null(s->answer);
}

void scene_end(scene *s)
{
    (void)unit_threads_join(&s->threads);
    dora_client_free(s->client);
    dora_answer_free(s->answer);
    for (int i = 0; i < 4; i++) {
        unit_close(&s->fds[i]); /* the process elsewhere ends by that */
    }
    const int status = s->elsewhere_pid > 0 ? unit_wait(s->elsewhere_pid) : 0;
    dr_deadline_set(0);
    bad_server_stop_all(&s->others);
    bad_server_stop(&s->server);
    unit_folder_remove(&s->folder);
    memset(s, 0, sizeof *s);
    assert_int_equal(status, 0);
}

static void serve_until_closed(int ready_fd, int stop_fd)
{
    bad_server server = {.port = 0};
    char none;
    bad_server_start(&server);
    bool is_told = write(ready_fd, server.address, 128) == 128;
    is_told = is_told && read(stop_fd, &none, 1) == 0;
    bad_server_stop(&server);
    _exit(is_told ? 0 : 1);
}

void scene_begin_elsewhere(scene *s)
{
    int *ready = &s->fds[0];
    int *stop = &s->fds[2];
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(stop), 0);
    s->elsewhere_pid = fork();
    if (s->elsewhere_pid == 0) {
        close(stop[1]);
        serve_until_closed(ready[1], stop[0]);
    }
    unit_close(&ready[1]);
    unit_close(&stop[0]);
    assert_int_equal(read(ready[0], s->elsewhere, 128), 128);
    scene_begin(s, s->elsewhere);
}

bad_server *scene_begin_pair(scene *s, uint32_t retry, uint32_t timeout_ms)
{
    char nodes[512];
    bad_server *other = bad_server_add(&s->others, NULL);
    scene_begin(s, NULL);
    snprintf(nodes, sizeof nodes, "%s,%s", s->server.address, other->address);
    const dora_client_options options = {.nodes = nodes, .retry = retry, .timeout_ms = timeout_ms};
    scene_remake(s, &options);
    return other;
}

static void forget_error(scene *s)
{
    s->error.code = 0;
    s->error.msg[0] = '\0';
}

dora_err scene_call(scene *s, const char *name, const char *param, uint32_t timeout_ms)
{
    const dora_call one = {.name = text_slice(name), .param = text_slice(param)};
    const dora_call_options options = {.timeout_ms = timeout_ms};
    forget_error(s);
    return dora_client_call(s->client, &one, &options, s->answer, &s->error);
}

dora_err scene_submit(scene *s, const char *name, const char *param)
{
    const dora_call one = {.name = text_slice(name), .param = text_slice(param)};
    forget_error(s);
    return dora_client_submit(s->client, &one, NULL, s->answer, &s->error);
}

dora_err scene_send(scene *s, const char *name, const char *param)
{
    const dora_call one = {.name = text_slice(name), .param = text_slice(param)};
    forget_error(s);
    return dora_client_send(s->client, &one, NULL, s->answer, &s->error);
}

dora_collection *scene_collect(scene *s, uint32_t timeout_ms)
{
    const dora_call_options options = {.timeout_ms = timeout_ms};
    dora_collection *collection = NULL;
    assert_int_equal(dora_client_collect(&s->client, 1, &options, &collection, &s->error), DORA_OK);
    assert_non_null(collection);
    return collection;
}

void scene_expect_data(const dora_answer *answer, size_t index, const char *data)
{
    const dora_result *result = dora_answer_result(answer, index);
    assert_non_null(result);
    assert_int_equal(result->code, 0);
    assert_slice(result->data, data);
}

void scene_expect_echo(scene *s)
{
    assert_int_equal(scene_call(s, "/echo", "s:5:\"hello\";", 0), DORA_OK);
    scene_expect_data(s->answer, 0, "s:5:\"hello\";");
    assert_null(dora_answer_result(s->answer, 1));
}

void scene_expect_one(scene *s, const char *data, bool came_early)
{
    dora_collection *got = scene_collect(s, 0);
    assert_int_equal(dora_collection_count(got), 1);
    const dora_collected *item = dora_collection_at(got, 0);
    assert_int_equal(item->err, DORA_OK);
    assert_int_equal(item->came_early, came_early);
    scene_expect_data(item->answer, 0, data);
    dora_collection_free(got);
}

void scene_param(char param[32], int number)
{
    snprintf(param, 32, "i:%d;", number);
}

int scene_number(const dora_collected *item)
{
    const dora_result *result = dora_answer_result(item->answer, 0);
    assert_non_null(result);
    return (int)strtol(result->data.data + 2, NULL, 10);
}
