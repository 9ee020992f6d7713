/* test_async_registry.c: the client for libuv finds its servers by a Redis on the same loop. */
#include "async_scene.h"
#include "fake_redis.h"

#include "base/clock.h"

#define CONNS_MAX 8

typedef struct redis_conn {
    uv_tcp_t tcp;
    fake_redis_conn fake;
    char room[4096];
} redis_conn;

/* A Redis on the scene's loop, which does not keep it running. */
typedef struct redis_server {
    fake_redis fake;
    uv_tcp_t listener;
    redis_conn conns[CONNS_MAX];
    int count;
    char url[64];
} redis_server;

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    redis_conn *conn = handle->data;
    (void)suggested;
    *buf = uv_buf_init(conn->room, sizeof conn->room);
}

static void say(redis_conn *conn, fake_redis_bytes *bytes)
{
    uv_buf_t buf = uv_buf_init(bytes->data, (unsigned)bytes->len);
    if (bytes->len > 0) {
        assert_int_equal(uv_try_write((uv_stream_t *)&conn->tcp, &buf, 1), bytes->len);
    }
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    redis_conn *conn = stream->data;
    fake_redis_bytes out = {.len = 0};
    if (got > 0) {
        fake_redis_take(&conn->fake, (dora_slice){buf->base, (size_t)got}, &out);
        say(conn, &out);
    } else if (got < 0) {
        uv_close((uv_handle_t *)stream, NULL);
    }
}

static void on_connection(uv_stream_t *stream, int status)
{
    redis_server *server = stream->data;
    assert_int_equal(status, 0);
    assert_true(server->count < CONNS_MAX);
    redis_conn *conn = &server->conns[server->count++];
    conn->fake.redis = &server->fake;
    assert_int_equal(uv_tcp_init(stream->loop, &conn->tcp), 0);
    conn->tcp.data = conn;
    assert_int_equal(uv_accept(stream, (uv_stream_t *)&conn->tcp), 0);
    assert_int_equal(uv_tcp_nodelay(&conn->tcp, 1), 0); /* as Redis does */
    assert_int_equal(uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read), 0);
    uv_unref((uv_handle_t *)&conn->tcp);
}

static void redis_begin(redis_server *server, uv_loop_t *loop)
{
    struct sockaddr_in address;
    int len = sizeof address;
    memset(server, 0, sizeof *server);
    assert_int_equal(uv_tcp_init(loop, &server->listener), 0);
    uv_unref((uv_handle_t *)&server->listener);
    server->listener.data = server;
    assert_int_equal(uv_ip4_addr("127.0.0.1", 0, &address), 0);
    assert_int_equal(uv_tcp_bind(&server->listener, (struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_tcp_getsockname(&server->listener, (struct sockaddr *)&address, &len), 0);
    snprintf(server->url, sizeof server->url, "redis://127.0.0.1:%u", ntohs(address.sin_port));
    assert_int_equal(uv_listen((uv_stream_t *)&server->listener, 16, on_connection), 0);
}

static void redis_publish(redis_server *server)
{
    for (int i = 0; i < server->count; i++) {
        fake_redis_bytes out = {.len = 0};
        if (!uv_is_closing((uv_handle_t *)&server->conns[i].tcp)) {
            fake_redis_publish(&server->conns[i].fake, &out);
            say(&server->conns[i], &out);
        }
    }
}

static void scene_begin(async_scene *s, redis_server *server)
{
    async_begin(s, NULL);
    redis_begin(server, &s->loop);
    const dora_client_options options = {.nodes = server->url};
    async_remake(s, &options);
}

static void calls_wait_for_the_first_nodes(void **state)
{
    async_scene *s = *state;
    static redis_server redis;
    heard h[20];
    scene_begin(s, &redis);
    fake_redis_join(&redis.fake, "127.0.0.1", s->server.port, "\"a\"");
    for (int i = 0; i < 20; i++) {
        async_call(s, &h[i], "/echo", "i:7;", NULL);
    }
    async_run(s, 20);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(h[i].err, DORA_OK);
        assert_string_equal(h[i].data, "i:7;");
    }
    assert_int_equal(redis.count, 2); /* one reads, one listens */
}

/* One server leaves and another comes. Gives the time in us from the message on the channel to the
   first call there. */
static uint64_t move(async_scene *s, redis_server *redis, bad_server *from, bad_server *to)
{
    heard h;
    fake_redis_join(&redis->fake, "127.0.0.1", to->port, "\"a\"");
    fake_redis_leave(&redis->fake, "127.0.0.1", from->port);
    atomic_store(&to->calls, 0);
    const uint64_t begun_ns = dr_clock_ns();
    redis_publish(redis);
    while (atomic_load(&to->calls) == 0) {
        async_call(s, &h, "/echo", "i:7;", NULL);
        async_wait(s, &h);
        assert_int_equal(h.err, DORA_OK);
        s->done = 0;
    }
    return (dr_clock_ns() - begun_ns) / 1000;
}

static void join_and_leave(void **state)
{
    async_scene *s = *state;
    static redis_server redis;
    heard h;
    scene_begin(s, &redis);
    bad_server *other = bad_server_add(&s->others, NULL);
    fake_redis_join(&redis.fake, "127.0.0.1", s->server.port, "\"a\"");
    async_expect_echo(s);
    bad_server *from = &s->server;
    bad_server *to = other;
    uint64_t took_us = UINT64_MAX;
    for (int i = 0; i < 5 && took_us >= 900000; i++) { /* a busy machine may be late sometimes */
        took_us = move(s, &redis, from, to);
        bad_server *next = from;
        from = to;
        to = next;
    }
    assert_true(took_us < 900000); /* else each was seen by the reading of each second */
    int calls = atomic_load(&to->calls);
    for (int i = 0; i < 20; i++) {
        async_call(s, &h, "/echo", "i:7;", NULL);
        async_wait(s, &h);
        assert_int_equal(h.err, DORA_OK);
    }
    assert_int_equal(atomic_load(&to->calls), calls);
}

/* Connections to Redis keep the loop running, as those to nodes do: until the client is closed. */
static void the_loop(void **state)
{
    async_scene *s = *state;
    static redis_server redis;
    heard h;
    scene_begin(s, &redis);
    uv_run(&s->loop, UV_RUN_DEFAULT); /* which ends: nothing begins before the first call */
    assert_int_equal(redis.count, 0);
    async_call(s, &h, "/echo", "i:7;", NULL);
    async_wait(s, &h);
    assert_int_equal(h.err, DORA_ECONNECT); /* nobody is registered */
    assert_int_equal(redis.count, 2);
    assert_true(uv_loop_alive(&s->loop));
    async_close(s);
    assert_false(uv_loop_alive(&s->loop));
}

static void no_redis(void **state)
{
    async_scene *s = *state;
    const dora_client_options options = {.nodes = "redis://127.0.0.1:1,redis://127.0.0.1:2"};
    heard h;
    async_begin(s, NULL);
    async_remake(s, &options);
    uint64_t begun_ns = dr_clock_ns();
    async_call(s, &h, "/echo", "i:7;", NULL);
    async_wait(s, &h);
    assert_int_equal(h.err, DORA_ECONNECT);
    assert_int_equal(h.code, 100010);
    assert_non_null(strstr(h.msg, "no server is known: "));
    assert_true(dr_clock_ns() - begun_ns < 8000000000u); /* of the ten seconds that it had */
    /* It ends while it waits before it connects again. */
}

static void closed_while_waiting(void **state)
{
    async_scene *s = *state;
    static redis_server redis;
    heard h;
    scene_begin(s, &redis);
    async_call(s, &h, "/echo", "i:7;", NULL);
    async_close(s);
    assert_int_equal(h.done, 1);
    assert_int_equal(h.err, DORA_ECONNECT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(async_scene, calls_wait_for_the_first_nodes),
        unit_in(async_scene, join_and_leave),
        unit_in(async_scene, the_loop),
        unit_in(async_scene, no_redis),
        unit_in(async_scene, closed_while_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
