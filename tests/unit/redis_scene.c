/* redis_scene.c: a session with Redis and its owner, for unit tests. */
#include "redis_scene.h"
#include "discovery/redis_reply.h"

__attribute__((format(printf, 2, 3))) static void tell(redis_scene *at, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(at->told + at->told_len, sizeof at->told - at->told_len, format, arguments);
    va_end(arguments);
    assert_true(len >= 0 && at->told_len + (size_t)len < sizeof at->told);
    at->told_len += (size_t)len;
}

/* The session hands on the time that it was given. */
static void see_time(redis_scene *at, uint64_t now_ns)
{
    if (at->has_clock) {
        at->now_ns = now_ns;
    }
    assert_int_equal(now_ns, at->now_ns);
}

static void tell_reply(redis_scene *at, const dr_redis_reply *reply)
{
    dora_slice text = dr_redis_reply_text(reply);
    switch (dr_redis_reply_kind(reply)) {
    case DR_REDIS_NIL:
        tell(at, "nil");
        break;
    case DR_REDIS_TEXT:
        tell(at, "'%.*s'", (int)text.len, text.data);
        break;
    case DR_REDIS_ERROR:
        tell(at, "!%.*s!", (int)text.len, text.data);
        break;
    case DR_REDIS_INTEGER:
        tell(at, "%lld", (long long)dr_redis_reply_integer(reply));
        break;
    case DR_REDIS_ARRAY:
        tell(at, "[");
        for (size_t i = 0; i < dr_redis_reply_count(reply); i++) {
            tell(at, "%s", i > 0 ? "," : "");
            tell_reply(at, dr_redis_reply_at(reply, i));
        }
        tell(at, "]");
        break;
    }
}

void redis_scene_on_reply(void *user, const dr_redis_reply *reply, uint64_t now_ns)
{
    redis_scene *at = user;
    see_time(at, now_ns);
    tell_reply(at, reply);
    tell(at, " ");
    if (at->fails_on_reply) {
        dr_redis_fail(at->redis, "owner", now_ns);
    }
    if (at->stops_on_reply) {
        dr_redis_stop(at->redis, 0, now_ns);
    }
}

dora_err redis_scene_say(redis_scene *at, const char *text)
{
    dora_slice words[16];
    size_t count = 0;
    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        assert_true(count < 16);
        words[count++] = (dora_slice){text, len};
        text += len + (text[len] == ' ');
    }
    return dr_redis_command(at->redis, words, count, redis_scene_on_reply, at, at->now_ns);
}

void redis_scene_on_open(void *user, uint64_t now_ns)
{
    redis_scene *at = user;
    see_time(at, now_ns);
    assert_int_equal(dr_redis_state_of(at->redis), DR_REDIS_OPEN);
    tell(at, "open ");
    if (at->on_open_say != NULL) {
        assert_int_equal(redis_scene_say(at, at->on_open_say), DORA_OK);
    }
}

void redis_scene_on_down(void *user, const char *why, uint64_t now_ns)
{
    redis_scene *at = user;
    see_time(at, now_ns);
    assert_int_equal(redis_scene_say(at, "PING"), DORA_ECLOSED);
    tell(at, "down(%s) ", why);
}

static void on_message(void *user, uint64_t now_ns)
{
    see_time(user, now_ns);
    tell(user, "message ");
}

static void on_alarm(void *user, uint64_t now_ns)
{
    redis_scene *at = user;
    see_time(at, now_ns);
    tell(at, "alarm ");
    if (at->on_alarm_say != NULL) {
        assert_int_equal(redis_scene_say(at, at->on_alarm_say), DORA_OK);
    }
}

void redis_scene_begin(redis_scene *at, const char *where)
{
    dr_redis_url url;
    dr_redis_events events = {.on_open = redis_scene_on_open,
                              .on_down = redis_scene_on_down,
                              .on_message = on_message,
                              .on_alarm = on_alarm,
                              .user = at};
    memset(at, 0, sizeof *at);
    at->now_ns = 1000 * MS;
    assert_int_equal(dr_redis_url_read(text_slice(where), &url, NULL), DORA_OK);
    assert_int_equal(dr_redis_new(&at->redis, &url, &events), DORA_OK);
}

void redis_scene_end(redis_scene *at)
{
    dr_redis_free(at->redis);
    at->redis = NULL;
}

void redis_scene_told_is(redis_scene *at, const char *text)
{
    assert_string_equal(at->told, text);
    at->told_len = 0;
    at->told[0] = '\0';
}

void redis_scene_output_is(redis_scene *at, const char *text)
{
    assert_slice(dr_redis_output(at->redis), text);
    dr_redis_sent(at->redis, strlen(text));
}

void redis_scene_hear(redis_scene *at, const char *text)
{
    dr_redis_received(at->redis, text_slice(text), at->now_ns);
}

void redis_scene_connect_it(redis_scene *at)
{
    assert_int_equal(dr_redis_next(at->redis), DR_REDIS_CONNECT);
    assert_int_equal(dr_redis_next(at->redis), DR_REDIS_NOTHING);
    dr_redis_connected(at->redis, at->now_ns);
}

void redis_scene_begin_open(redis_scene *at)
{
    redis_scene_begin(at, "redis");
    dr_redis_start(at->redis, at->now_ns);
    redis_scene_connect_it(at);
    redis_scene_output_is(at, PING);
    redis_scene_hear(at, "+PONG\r\n");
    redis_scene_told_is(at, "open ");
}
