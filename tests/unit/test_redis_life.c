/* test_redis_life.c: the life of a session with Redis: greeting, silence, pauses, stopping. */
#include "redis_scene.h"

/* ---- the greeting ---- */

static void greeting_is(const char *where, const char *bytes)
{
    redis_scene at;
    redis_scene_begin(&at, where);
    dr_redis_start(at.redis, at.now_ns);
    assert_int_equal(dr_redis_output(at.redis).len, 0);
    redis_scene_connect_it(&at);
    assert_int_equal(dr_redis_state_of(at.redis), DR_REDIS_GREETING);
    assert_int_equal(redis_scene_say(&at, "GET a"), DORA_ECLOSED);
    redis_scene_output_is(&at, bytes);
    redis_scene_end(&at);
}

static void greeting_answered(const char *where, const char *bytes, const char *told)
{
    redis_scene at;
    redis_scene_begin(&at, where);
    dr_redis_start(at.redis, at.now_ns);
    redis_scene_connect_it(&at);
    redis_scene_hear(&at, bytes);
    redis_scene_told_is(&at, told);
    assert_int_equal(dr_redis_state_of(at.redis),
                     strcmp(told, "open ") == 0 ? DR_REDIS_OPEN : DR_REDIS_PAUSED);
    redis_scene_end(&at);
}

static void a_greeting_is_what_the_url_needs(void **state)
{
    (void)state;
    greeting_is("redis", PING);
    greeting_is("redis://redis/3", "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n");
    greeting_is("redis://:pw@redis", "*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n");
    greeting_is("redis://me:pw@redis/12", "*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$2\r\npw\r\n"
                                          "*2\r\n$6\r\nSELECT\r\n$2\r\n12\r\n");
    greeting_answered("redis://me:pw@redis/12", "+OK\r\n+OK\r\n", "open ");
    greeting_answered("redis://:pw@redis", "+OK\r\n", "open ");
    greeting_answered("redis", "$4\r\nPONG\r\n", "open ");
}

static void a_refused_greeting_is_told_without_the_password(void **state)
{
    (void)state;
    greeting_answered("redis", "-NOAUTH Authentication required.\r\n",
                      "down(PING: NOAUTH Authentication required.) ");
    greeting_answered("redis", "-LOADING data\r\n", "down(PING: LOADING data) ");
    greeting_answered("redis", ":1\r\n", "down(said something that was not asked for) ");
    greeting_answered("redis://:pw@redis/99", "+OK\r\n-ERR DB index is out of range\r\n",
                      "down(SELECT: ERR DB index is out of range) ");
    greeting_answered("redis://:hunter2@redis/99",
                      "-WRONGPASS invalid username-password pair\r\n-NOAUTH first\r\n",
                      "down(AUTH: WRONGPASS invalid username-password pair) ");
    greeting_answered("redis://:hunter2@redis", "-ERR unknown `AUTH`, with: `hunter2`\r\n",
                      "down(AUTH: ERR) ");
    greeting_answered("redis://:hunter2@redis", "-ERR unknown `AUTH`, with: `hunter\r\n",
                      "down(AUTH: ERR) ");
    greeting_answered("redis://:hunter2@redis", "-hunter2\r\n", "down(AUTH: refused) ");
    greeting_answered("redis://:hunter2@redis/1", "+OK\r\n-ERR\tno\x1b.\xe4\r\n",
                      "down(SELECT: ERR?no?.?) ");
}

/* ---- time ---- */

static void ms_pass(redis_scene *at, uint64_t ms)
{
    at->now_ns += ms * MS;
    dr_redis_tick(at->redis, at->now_ns);
}

static void silence_ends_a_connection(void **state)
{
    redis_scene *at = *state;
    redis_scene_begin_open(at);
    assert_int_equal(dr_redis_deadline_ns(at->redis), 0);
    ms_pass(at, 3600000);
    assert_int_equal(redis_scene_say(at, "GET a"), DORA_OK);
    assert_int_equal(dr_redis_deadline_ns(at->redis), at->now_ns + DR_REDIS_REPLY_MS * MS);
    ms_pass(at, DR_REDIS_REPLY_MS - 1);
    assert_int_equal(redis_scene_say(at, "GET b"), DORA_OK); /* no sign of life */
    redis_scene_hear(at, "$");
    ms_pass(at, DR_REDIS_REPLY_MS - 1);
    redis_scene_told_is(at, "");
    ms_pass(at, 1);
    redis_scene_told_is(at, "down(no answer within 2 s) ");
    assert_int_equal(dr_redis_next(at->redis), DR_REDIS_CLOSE);
    assert_int_equal(dr_redis_next(at->redis), DR_REDIS_NOTHING);
    assert_int_equal(dr_redis_output(at->redis).len, 0);
}

static void silence_after_connecting_is_noticed(void **state)
{
    redis_scene *at = *state;
    redis_scene_begin(at, "redis");
    dr_redis_start(at->redis, at->now_ns);
    redis_scene_connect_it(at);
    ms_pass(at, DR_REDIS_REPLY_MS);
    redis_scene_told_is(at, "down(no answer within 2 s) ");
}

static void a_subscriber_may_wait_and_ask_for_a_sign_of_life(void **state)
{
    redis_scene *at = *state;
    redis_scene_begin_open(at);
    assert_int_equal(redis_scene_say(at, "SUBSCRIBE c"), DORA_OK);
    redis_scene_hear(at, "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
    assert_int_equal(dr_redis_deadline_ns(at->redis), 0);
    at->on_alarm_say = "PING";
    dr_redis_alarm(at->redis, at->now_ns + 5000 * MS);
    assert_int_equal(dr_redis_deadline_ns(at->redis), at->now_ns + 5000 * MS);
    ms_pass(at, 4999);
    redis_scene_told_is(at, "['subscribe','c',1] ");
    ms_pass(at, 1);
    ms_pass(at, 1);
    redis_scene_told_is(at, "alarm ");
    ms_pass(at, DR_REDIS_REPLY_MS - 1);
    redis_scene_told_is(at, "down(no answer within 2 s) ");
}

/* Checks that the pause is `ms`, less a quarter at most, and ends it. */
static void pause_is(redis_scene *at, uint64_t ms)
{
    assert_int_equal(dr_redis_state_of(at->redis), DR_REDIS_PAUSED);
    uint64_t left_ns = dr_redis_deadline_ns(at->redis) - at->now_ns;
    assert_in_range(left_ns, ms * 3 / 4 * MS, ms * MS);
    at->now_ns += left_ns - 1;
    dr_redis_tick(at->redis, at->now_ns);
    assert_int_equal(dr_redis_next(at->redis), DR_REDIS_NOTHING);
    at->now_ns++;
    dr_redis_tick(at->redis, at->now_ns);
    assert_int_equal(dr_redis_state_of(at->redis), DR_REDIS_CONNECTING);
    assert_int_equal(dr_redis_next(at->redis), DR_REDIS_CONNECT);
}

static void pauses_grow_until_a_command_is_answered(void **state)
{
    static const uint64_t pauses_ms[] = {100, 200, 400, 800, 1600, 3200, 5000, 5000};
    redis_scene *at = *state;
    redis_scene_begin(at, "redis");
    dr_redis_start(at->redis, at->now_ns);
    assert_int_equal(dr_redis_next(at->redis), DR_REDIS_CONNECT);
    for (size_t i = 0; i < sizeof pauses_ms / sizeof pauses_ms[0]; i++) {
        dr_redis_lost(at->redis, "connection refused", at->now_ns);
        redis_scene_told_is(at, "down(connection refused) ");
        assert_int_equal(dr_redis_next(at->redis), DR_REDIS_NOTHING);
        pause_is(at, pauses_ms[i]);
    }
    /* Neither a greeting nor an error is such an answer. */
    dr_redis_connected(at->redis, at->now_ns);
    redis_scene_hear(at, "+PONG\r\n");
    assert_int_equal(redis_scene_say(at, "GET a"), DORA_OK);
    redis_scene_hear(at, "-LOADING\r\n");
    dr_redis_fail(at->redis, "loading", at->now_ns);
    assert_int_equal(dr_redis_next(at->redis), DR_REDIS_CLOSE);
    pause_is(at, 5000);
    dr_redis_connected(at->redis, at->now_ns);
    redis_scene_hear(at, "+PONG\r\n");
    assert_int_equal(redis_scene_say(at, "GET a"), DORA_OK);
    redis_scene_hear(at, "$-1\r\n");
    redis_scene_told_is(at, "open !LOADING! down(loading) open nil ");
    dr_redis_lost(at->redis, "closed", at->now_ns);
    pause_is(at, 100);
    ms_pass(at, DR_REDIS_CONNECT_MS);
    redis_scene_told_is(at, "down(closed) down(no connection within 1 s) ");
    assert_int_equal(dr_redis_next(at->redis), DR_REDIS_CLOSE);
    pause_is(at, 200);
}

static void pauses_differ_between_clients_and_hosts(void **state)
{
    static const char *const hosts[] = {"a", "b", "b:7"};
    uint64_t seen[6];
    size_t count = 0;
    redis_scene *at = *state;
    for (uint64_t shift = 0; shift < 2; shift++) {
        for (size_t i = 0; i < 3; i++) {
            redis_scene_begin(at, hosts[i]);
            at->now_ns += shift;
            dr_redis_start(at->redis, at->now_ns);
            redis_scene_connect_it(at);
            dr_redis_lost(at->redis, "closed", at->now_ns);
            seen[count++] = dr_redis_deadline_ns(at->redis) - at->now_ns;
            redis_scene_end(at);
        }
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < i; k++) {
            assert_int_not_equal(seen[i], seen[k]);
        }
    }
}

static void an_alarm_rings_once_in_any_state(void **state)
{
    redis_scene *at = *state;
    redis_scene_begin(at, "redis");
    dr_redis_alarm(at->redis, at->now_ns + 10 * MS);
    ms_pass(at, 10);
    ms_pass(at, 10);
    redis_scene_told_is(at, "alarm ");
    dr_redis_alarm(at->redis, at->now_ns + 10 * MS);
    dr_redis_alarm(at->redis, 0);
    assert_int_equal(dr_redis_deadline_ns(at->redis), 0);
    ms_pass(at, 10);
    redis_scene_told_is(at, "");
}

/* ---- stopping ---- */

static void what_was_commanded_is_answered_before_the_stop(void **state)
{
    redis_scene *at = *state;
    redis_scene_begin_open(at);
    assert_int_equal(redis_scene_say(at, "DEL a"), DORA_OK);
    dr_redis_stop(at->redis, 500, at->now_ns);
    dr_redis_stop(at->redis, 0, at->now_ns); /* it is stopping already */
    assert_int_equal(dr_redis_deadline_ns(at->redis), at->now_ns + 500 * MS);
    assert_int_equal(dr_redis_next(at->redis), DR_REDIS_NOTHING);
    redis_scene_output_is(at, "*2\r\n$3\r\nDEL\r\n$1\r\na\r\n");
    redis_scene_hear(at, ":1\r\n");
    redis_scene_told_is(at, "1 ");
    assert_int_equal(dr_redis_state_of(at->redis), DR_REDIS_STOPPED);
    assert_int_equal(dr_redis_next(at->redis), DR_REDIS_CLOSE);
    assert_int_equal(dr_redis_deadline_ns(at->redis), 0);
}

static void a_stop_ends_in_time(void **state)
{
    redis_scene *at = *state;
    redis_scene_begin_open(at);
    assert_int_equal(redis_scene_say(at, "DEL a"), DORA_OK);
    dr_redis_stop(at->redis, 500, at->now_ns);
    ms_pass(at, 499);
    redis_scene_told_is(at, "");
    ms_pass(at, 1);
    redis_scene_told_is(at, "down(not all was answered before the end) ");
    assert_int_equal(dr_redis_state_of(at->redis), DR_REDIS_STOPPED);
    assert_int_equal(dr_redis_next(at->redis), DR_REDIS_CLOSE);

    dr_redis_start(at->redis, at->now_ns);
    redis_scene_connect_it(at);
    redis_scene_hear(at, "+PONG\r\n");
    assert_int_equal(redis_scene_say(at, "DEL a"), DORA_OK);
    dr_redis_stop(at->redis, 5000, at->now_ns);
    dr_redis_lost(at->redis, "closed", at->now_ns);
    redis_scene_told_is(at, "open down(closed) ");
    assert_int_equal(dr_redis_state_of(at->redis), DR_REDIS_STOPPED);
    assert_int_equal(dr_redis_next(at->redis), DR_REDIS_NOTHING);
}

static void a_start_takes_the_stop_back(void **state)
{
    redis_scene *at = *state;
    redis_scene_begin_open(at);
    assert_int_equal(redis_scene_say(at, "GET a"), DORA_OK);
    dr_redis_stop(at->redis, 500, at->now_ns);
    dr_redis_start(at->redis, at->now_ns);
    redis_scene_hear(at, "+OK\r\n");
    ms_pass(at, 500);
    redis_scene_told_is(at, "'OK' ");
    assert_int_equal(dr_redis_state_of(at->redis), DR_REDIS_OPEN);
}

static void each_wish_comes_once_and_in_order(void **state)
{
    redis_scene *at = *state;
    redis_scene_begin(at, "redis");
    assert_int_equal(dr_redis_next(at->redis), DR_REDIS_NOTHING);
    dr_redis_start(at->redis, at->now_ns);
    dr_redis_stop(at->redis, 500, at->now_ns); /* before the driver knew: nothing is to be done */
    assert_int_equal(dr_redis_next(at->redis), DR_REDIS_NOTHING);
    dr_redis_start(at->redis, at->now_ns);
    dr_redis_start(at->redis, at->now_ns);
    assert_int_equal(dr_redis_next(at->redis), DR_REDIS_CONNECT);
    dr_redis_stop(at->redis, 500, at->now_ns); /* while it is being opened */
    dr_redis_start(at->redis, at->now_ns);
    dr_redis_connected(at->redis, at->now_ns); /* the first one, which is not wanted any more */
    assert_int_equal(dr_redis_state_of(at->redis), DR_REDIS_CONNECTING);
    assert_int_equal(dr_redis_next(at->redis), DR_REDIS_CLOSE);
    redis_scene_connect_it(at);
    dr_redis_stop(at->redis, 500, at->now_ns); /* while greeting: nothing was commanded */
    assert_int_equal(dr_redis_state_of(at->redis), DR_REDIS_STOPPED);
    dr_redis_lost(at->redis, "closed", at->now_ns); /* the driver was quicker */
    assert_int_equal(dr_redis_next(at->redis), DR_REDIS_NOTHING);
    dr_redis_fail(at->redis, "nothing", at->now_ns);
    redis_scene_hear(at, "+OK\r\n");
    redis_scene_told_is(at, "");

    dr_redis_start(at->redis, at->now_ns);
    redis_scene_connect_it(at);
    dr_redis_fail(at->redis, "owner", at->now_ns);
    dr_redis_stop(at->redis, 500, at->now_ns); /* in the pause */
    assert_int_equal(dr_redis_state_of(at->redis), DR_REDIS_STOPPED);
    assert_int_equal(dr_redis_next(at->redis), DR_REDIS_CLOSE);
    assert_int_equal(dr_redis_next(at->redis), DR_REDIS_NOTHING);
    assert_int_equal(dr_redis_deadline_ns(at->redis), 0);
    redis_scene_told_is(at, "down(owner) ");
}

static void an_owner_may_end_it_while_replies_come(void **state)
{
    redis_scene *at = *state;
    redis_scene_begin_open(at);
    at->fails_on_reply = true;
    assert_int_equal(redis_scene_say(at, "GET a"), DORA_OK);
    assert_int_equal(redis_scene_say(at, "GET b"), DORA_OK);
    redis_scene_hear(at, "+OK\r\n+OK\r\n+OK\r\n");
    redis_scene_told_is(at, "'OK' down(owner) ");
    assert_int_equal(dr_redis_next(at->redis), DR_REDIS_CLOSE);
    pause_is(at, 100);
    redis_scene_end(at);
    redis_scene_begin_open(at);
    at->stops_on_reply = true;
    assert_int_equal(redis_scene_say(at, "GET a"), DORA_OK);
    assert_int_equal(redis_scene_say(at, "GET b"), DORA_OK);
    redis_scene_hear(at, "+OK\r\n+OK\r\n");
    redis_scene_told_is(at, "'OK' ");
    assert_int_equal(dr_redis_state_of(at->redis), DR_REDIS_STOPPED);
}

static void a_message_that_nobody_wants_is_nonsense(void **state)
{
    redis_scene *at = *state;
    dr_redis_url url;
    const dr_redis_events events = {.on_down = redis_scene_on_down, .user = at};
    assert_int_equal(dr_redis_url_read(text_slice("redis"), &url, NULL), DORA_OK);
    assert_int_equal(dr_redis_new(&at->redis, &url, &events), DORA_OK);
    dr_redis_start(at->redis, 0);
    redis_scene_connect_it(at);
    redis_scene_hear(at, "+PONG\r\n");
    assert_int_equal(redis_scene_say(at, "SUBSCRIBE c"), DORA_OK);
    redis_scene_hear(at, "*1\r\n$9\r\nsubscribe\r\n*1\r\n$7\r\nmessage\r\n");
    redis_scene_told_is(at, "['subscribe'] down(said something that was not asked for) ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_greeting_is_what_the_url_needs),
        cmocka_unit_test(a_refused_greeting_is_told_without_the_password),
        unit_in(redis_scene, silence_ends_a_connection),
        unit_in(redis_scene, silence_after_connecting_is_noticed),
        unit_in(redis_scene, a_subscriber_may_wait_and_ask_for_a_sign_of_life),
        unit_in(redis_scene, pauses_grow_until_a_command_is_answered),
        unit_in(redis_scene, pauses_differ_between_clients_and_hosts),
        unit_in(redis_scene, an_alarm_rings_once_in_any_state),
        unit_in(redis_scene, what_was_commanded_is_answered_before_the_stop),
        unit_in(redis_scene, a_stop_ends_in_time),
        unit_in(redis_scene, a_start_takes_the_stop_back),
        unit_in(redis_scene, each_wish_comes_once_and_in_order),
        unit_in(redis_scene, an_owner_may_end_it_while_replies_come),
        unit_in(redis_scene, a_message_that_nobody_wants_is_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
