/* test_redis_tls.c: TLS of a session with Redis: what it is opened with, and what is said of one
 * that wants it, or has none. */
#include "redis_scene.h"

static dr_tls_context *context_new(void)
{
    const dr_tls_settings settings = {.ca = NULL};
    dr_tls_context *tls = NULL;
    assert_int_equal(dr_tls_context_client(&settings, &tls, NULL), DORA_OK);
    return tls;
}

static void begin_connected(redis_scene *at, const char *where)
{
    redis_scene_begin(at, where);
    dr_redis_start(at->redis, at->now_ns);
    redis_scene_connect_it(at);
}

static void no_password_is_said_without_it(void **state)
{
    redis_scene *at = *state;
    begin_connected(at, "rediss://:secret@redis");
    assert_int_equal(dr_redis_output(at->redis).len, 0);
    redis_scene_told_is(at, "down(there is no TLS to speak with it) ");
    assert_int_equal(dr_redis_next(at->redis), DR_REDIS_CLOSE);
}

static void a_name_is_the_hosts_or_the_given_one(void **state)
{
    redis_scene *at = *state;
    dr_tls_context *tls = context_new();
    redis_scene_begin(at, "rediss://redis.example");
    dr_redis_use_tls(at->redis, tls, NULL);
    assert_string_equal(dr_redis_tls_of(at->redis).name, "redis.example");
    dr_redis_use_tls(at->redis, tls, "other.example");
    assert_string_equal(dr_redis_tls_of(at->redis).name, "other.example");
    dr_tls_context_free(tls);
}

static void a_new_context_is_for_the_next_connection(void **state)
{
    redis_scene *at = *state;
    dr_tls_context *first = context_new();
    dr_tls_context *second = context_new();
    redis_scene_begin(at, "rediss://:secret@redis");
    dr_redis_use_tls(at->redis, first, NULL);
    dr_redis_start(at->redis, at->now_ns);
    redis_scene_connect_it(at);
    dr_redis_use_tls(at->redis, second, NULL);
    assert_ptr_equal(dr_redis_tls_of(at->redis).context, first);
    redis_scene_output_is(at, "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n");
    dr_redis_lost(at->redis, "gone", at->now_ns);
    redis_scene_told_is(at, "down(gone) ");
    at->now_ns = dr_redis_deadline_ns(at->redis);
    dr_redis_tick(at->redis, at->now_ns);
    redis_scene_connect_it(at);
    assert_ptr_equal(dr_redis_tls_of(at->redis).context, second);
    dr_tls_context_free(first);
    dr_tls_context_free(second);
}

static void a_plain_url_takes_no_context(void **state)
{
    redis_scene *at = *state;
    dr_tls_context *tls = context_new();
    redis_scene_begin(at, "redis://redis");
    dr_redis_use_tls(at->redis, tls, NULL);
    dr_redis_start(at->redis, at->now_ns);
    redis_scene_connect_it(at);
    assert_null(dr_redis_tls_of(at->redis).context);
    redis_scene_output_is(at, PING);
    dr_tls_context_free(tls);
}

static void one_that_hangs_up_at_once_may_want_it(void **state)
{
    redis_scene *at = *state;
    begin_connected(at, "redis://redis");
    dr_redis_lost(at->redis, "closed the connection", at->now_ns);
    redis_scene_told_is(at, "down(closed the connection: does it want TLS (rediss://)?) ");
}

static void one_that_has_spoken_does_not_want_it(void **state)
{
    redis_scene *at = *state;
    begin_connected(at, "redis://redis/3");
    redis_scene_hear(at, "+");
    dr_redis_lost(at->redis, "closed the connection", at->now_ns);
    redis_scene_told_is(at, "down(closed the connection) ");
}

static void an_alert_of_tls_is_known(void **state)
{
    redis_scene *at = *state;
    begin_connected(at, "redis://redis");
    redis_scene_hear(at, "\x15\x03\x01");
    redis_scene_told_is(at, "down(it wants TLS: write rediss://) ");
}

static void one_without_it_is_silent(void **state)
{
    redis_scene *at = *state;
    redis_scene_begin(at, "rediss://redis");
    dr_redis_start(at->redis, at->now_ns);
    assert_int_equal(dr_redis_next(at->redis), DR_REDIS_CONNECT);
    at->now_ns = dr_redis_deadline_ns(at->redis);
    dr_redis_tick(at->redis, at->now_ns);
    redis_scene_told_is(at, "down(no connection within 1 s: does it speak TLS there?) ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(redis_scene, no_password_is_said_without_it),
        unit_in(redis_scene, a_name_is_the_hosts_or_the_given_one),
        unit_in(redis_scene, a_new_context_is_for_the_next_connection),
        unit_in(redis_scene, a_plain_url_takes_no_context),
        unit_in(redis_scene, one_that_hangs_up_at_once_may_want_it),
        unit_in(redis_scene, one_that_has_spoken_does_not_want_it),
        unit_in(redis_scene, an_alert_of_tls_is_known),
        unit_in(redis_scene, one_without_it_is_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
