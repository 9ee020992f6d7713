/* scene.c: a bad server, a client of it, and an answer: the stage of the client's tests. */
#include "scene.h"

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
    dora_client_free(s->client);
    dora_answer_free(s->answer);
    bad_server_stop(&s->server);
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
