/* test_registration.c: what a server says to a Redis, with scripted answers. */
#include "unit.h"

#include "base/buf.h"
#include "base/mem.h"
#include "discovery/registration.h"

#define MS UINT64_C(1000000)
#define MEMBER "{\"node\":{\"ip\":\"10.0.0.5\",\"port\":9567},\"group\":[\"g1\",\"g2\"]}"
#define JOIN "PUBLISH dora.nodes {\"event\":\"join\"," PUBLISHED
#define LEAVE "PUBLISH dora.nodes {\"event\":\"leave\"," PUBLISHED
#define PUBLISHED "\"node\":{\"ip\":\"10.0.0.5\",\"port\":9567},\"group\":[\"g1\",\"g2\"]}\n"
#define BEAT                                                                                       \
    "SADD dora.serverlist " MEMBER "\nSET dora.servertime.10.0.0.5.9567.time 1482239138\n"         \
    "SET dora.node.10.0.0.5.9567 " MEMBER " EX 20\n"
#define WITHDRAWAL                                                                                 \
    "SREM dora.serverlist " MEMBER "\n"                                                            \
    "DEL dora.servertime.10.0.0.5.9567.time dora.node.10.0.0.5.9567\n" LEAVE
#define TIME_REPLY "*2\r\n$10\r\n1482239138\r\n$6\r\n123456\r\n"

typedef struct scene {
    dr_registration *registration;
    dr_redis *redis;
    uint64_t now_ns;
    unsigned changes;
    char said[4096];
} scene;

static void on_change(void *user)
{
    ((scene *)user)->changes++;
}

/* said gives what is to be written, a line for each command, and has it sent. */
static const char *said(scene *self)
{
    const dora_slice out = dr_redis_output(self->redis);
    size_t at = 0;
    size_t len = 0;
    while (at < out.len) {
        size_t words = 0;
        assert_int_equal(sscanf(out.data + at, "*%zu\r\n", &words), 1);
        at = (size_t)((const char *)memchr(out.data + at, '\n', out.len - at) - out.data) + 1;
        for (size_t i = 0; i < words; i++) {
            size_t size = 0;
            assert_int_equal(sscanf(out.data + at, "$%zu\r\n", &size), 1);
            at = (size_t)((const char *)memchr(out.data + at, '\n', out.len - at) - out.data) + 1;
            len += (size_t)snprintf(self->said + len, sizeof self->said - len, "%s%.*s",
                                    i > 0 ? " " : "", (int)size, out.data + at);
            at += size + 2;
        }
        len += (size_t)snprintf(self->said + len, sizeof self->said - len, "\n");
    }
    self->said[len] = '\0';
    dr_redis_sent(self->redis, out.len);
    return self->said;
}

static void answer(scene *self, const char *bytes)
{
    dr_redis_received(self->redis, (dora_slice){bytes, strlen(bytes)}, self->now_ns);
}

static void pass(scene *self, uint64_t ms)
{
    self->now_ns += ms * MS;
    dr_redis_tick(self->redis, self->now_ns);
}

static void expect(scene *self, dr_registration_state state, const char *why)
{
    const dr_registration_status status = dr_registration_status_of(self->registration);
    assert_int_equal(status.state, state);
    assert_string_equal(status.why, why);
}

/* connect does the driver's part, up to the first beat. */
static void connect(scene *self)
{
    assert_int_equal(dr_redis_next(self->redis), DR_REDIS_CONNECT);
    dr_redis_connected(self->redis, self->now_ns);
    assert_string_equal(said(self), "PING\n");
    answer(self, "+PONG\r\n");
}

static void set_up(scene *self)
{
    static char *groups[] = {"g1", "g2"};
    const dr_entry entry = {.address = {"10.0.0.5", 9567}, .groups = groups, .count = 2};
    dr_redis_url url;
    self->now_ns = 1000 * MS;
    assert_int_equal(dr_redis_url_read((dora_slice){"127.0.0.1", 9}, &url, NULL), DORA_OK);
    assert_int_equal(dr_registration_new(&self->registration, &url, &entry, on_change, self),
                     DORA_OK);
    self->redis = dr_registration_redis(self->registration);
}

static void tear_down(scene *self)
{
    dr_registration_free(self->registration);
}
UNIT_SCENE(scene, tear_down)

/* joined brings the scene to a server that is listed. */
static void joined(scene *self)
{
    dr_registration_join(self->registration, self->now_ns);
    connect(self);
    assert_string_equal(said(self), "SMEMBERS dora.serverlist\nTIME\n");
    answer(self, "*0\r\n" TIME_REPLY);
    assert_string_equal(said(self), BEAT);
    answer(self, ":1\r\n+OK\r\n+OK\r\n");
    assert_string_equal(said(self), JOIN);
    answer(self, ":0\r\n");
    expect(self, DR_REGISTRATION_JOINED, "");
}

static void a_registration_lives_and_leaves(void **state)
{
    scene *self = *state;
    set_up(self);
    expect(self, DR_REGISTRATION_LEFT, "");
    assert_int_equal(dr_redis_next(self->redis), DR_REDIS_NOTHING);
    joined(self);
    assert_int_equal(self->changes, 2);
    pass(self, DR_ENTRY_BEAT_MS - 1);
    assert_string_equal(said(self), "");
    pass(self, 1);
    assert_string_equal(said(self), "TIME\n");
    answer(self, TIME_REPLY);
    assert_string_equal(said(self), BEAT);
    answer(self, ":0\r\n+OK\r\n+OK\r\n");
    assert_string_equal(said(self), ""); /* no news */
    assert_int_equal(dr_registration_status_of(self->registration).beats, 2);
    dr_registration_leave(self->registration, 1000, self->now_ns);
    assert_string_equal(said(self), WITHDRAWAL);
    expect(self, DR_REGISTRATION_LEAVING, "");
    answer(self, ":1\r\n:2\r\n:0\r\n");
    expect(self, DR_REGISTRATION_LEFT, "");
    assert_int_equal(dr_redis_state_of(self->redis), DR_REDIS_STOPPED);
    assert_int_equal(dr_registration_status_of(self->registration).failures, 0);
    assert_int_equal(dr_redis_deadline_ns(self->redis), 0);
}

/* answer_list answers with a list of texts. */
static void answer_list(scene *self, const char *const *texts, size_t count)
{
    char bytes[8192];
    size_t len = (size_t)snprintf(bytes, sizeof bytes, "*%zu\r\n", count);
    for (size_t i = 0; i < count; i++) {
        len += (size_t)snprintf(bytes + len, sizeof bytes - len, "$%zu\r\n%s\r\n", strlen(texts[i]),
                                texts[i]);
    }
    answer(self, bytes);
}

#define NODE(ip, port, group)                                                                      \
    "{\"node\":{\"ip\":\"" ip "\",\"port\":" port "},\"group\":[\"" group "\"]}"

static void older_members(void **state)
{
    static const char *const members[] = {NODE("10.0.0.5", "9567", "old"),
                                          " " MEMBER, /* the same, written in another way */
                                          MEMBER,
                                          NODE("10.0.0.6", "9567", "g1"),
                                          NODE("10.0.0.5", "9568", "g1"),
                                          "garbage",
                                          "",
                                          NODE("10.0.0.5", "\"9567\"", "a")};
    scene *self = *state;
    set_up(self);
    dr_registration_join(self->registration, self->now_ns);
    connect(self);
    (void)said(self);
    answer_list(self, members, sizeof members / sizeof members[0]);
    assert_string_equal(
        said(self), "SREM dora.serverlist " NODE("10.0.0.5", "9567", "old") "  " MEMBER " " NODE(
                        "10.0.0.5", "\"9567\"", "a") "\n");
}

static void many_older_members(void **state)
{
    scene *self = *state;
    set_up(self);
    char texts[65][80];
    const char *members[65];
    for (unsigned i = 0; i < 65; i++) {
        (void)snprintf(texts[i], sizeof texts[i], NODE("10.0.0.5", "9567", "%02u"), i);
        members[i] = texts[i];
    }
    dr_registration_join(self->registration, self->now_ns);
    connect(self);
    (void)said(self);
    answer_list(self, members, 65);
    dr_redis_sent(self->redis, dr_redis_output(self->redis).len); /* SREM of 64 */
    answer(self, TIME_REPLY ":64\r\n");
    (void)said(self);
    answer(self, ":1\r\n+OK\r\n+OK\r\n");
    (void)said(self);
    answer(self, ":0\r\n");
    expect(self, DR_REGISTRATION_JOINED, "");
    pass(self, DR_ENTRY_BEAT_MS);
    assert_string_equal(said(self), "SMEMBERS dora.serverlist\nTIME\n"); /* there is one more */
}

static void error_replies(void **state)
{
    scene *self = *state;
    set_up(self);
    static const char wrong[] =
        "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
    dr_registration_join(self->registration, self->now_ns);
    connect(self);
    (void)said(self);
    answer(self, wrong);
    answer(self, TIME_REPLY);
    assert_string_equal(said(self), BEAT);
    answer(self, wrong);
    answer(self, "+OK\r\n+OK\r\n");
    assert_string_equal(said(self), "");
    expect(self, DR_REGISTRATION_JOINING,
           "SMEMBERS dora.serverlist: WRONGTYPE Operation against a key holding the wrong kind of "
           "value");
    assert_int_equal(dr_registration_status_of(self->registration).failures, 2);
    assert_int_equal(dr_registration_status_of(self->registration).beats, 0);
    pass(self, DR_ENTRY_BEAT_MS); /* it goes on beating, and is listed when it may be */
    assert_string_equal(said(self), "SMEMBERS dora.serverlist\nTIME\n");
    answer(self, "*0\r\n" TIME_REPLY);
    (void)said(self);
    answer(self, ":1\r\n+OK\r\n+OK\r\n");
    assert_string_equal(said(self), JOIN);
    expect(self, DR_REGISTRATION_JOINED, "");
}

static void errors_of_each_command(void **state)
{
    static const char *const cases[][2] = {
        {"-NOPERM no TIME\r\n", "TIME: NOPERM no TIME"},
        {TIME_REPLY "-READONLY You can't write\r\n+OK\r\n+OK\r\n",
         "SADD dora.serverlist: READONLY You can't write"},
        {TIME_REPLY ":0\r\n-OOM command not allowed\r\n+OK\r\n",
         "SET dora.servertime.10.0.0.5.9567.time: OOM command not allowed"},
        {TIME_REPLY ":0\r\n+OK\r\n-LOADING Redis is l\toading\r\n",
         "SET dora.node.10.0.0.5.9567: LOADING Redis is l?oading"},
        {"$2\r\nhi\r\n", "TIME: an answer that Redis does not give"},
        {"*1\r\n$2\r\nhi\r\n", "TIME: an answer that is no time"},
        {"*2\r\n$2\r\nhi\r\n$1\r\n0\r\n", "TIME: an answer that is no time"},
        {"*2\r\n:12\r\n:0\r\n", "TIME: an answer that is no time"},
    };
    scene *self = *state;
    set_up(self);
    joined(self);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pass(self, DR_ENTRY_BEAT_MS);
        assert_string_equal(said(self), "TIME\n");
        const char *rest = cases[i][0];
        if (strncmp(rest, TIME_REPLY, strlen(TIME_REPLY)) == 0) {
            answer(self, TIME_REPLY);
            assert_string_equal(said(self), BEAT);
            rest += strlen(TIME_REPLY);
        }
        answer(self, rest);
        expect(self, DR_REGISTRATION_JOINING, cases[i][1]);
        assert_int_equal(dr_registration_status_of(self->registration).failures, i + 1);
        assert_int_equal(dr_redis_state_of(self->redis), DR_REDIS_OPEN);
    }
    /* Joined again: that is news. */
    pass(self, DR_ENTRY_BEAT_MS);
    (void)said(self);
    answer(self, TIME_REPLY);
    (void)said(self);
    answer(self, ":0\r\n+OK\r\n+OK\r\n");
    assert_string_equal(said(self), JOIN);
    expect(self, DR_REGISTRATION_JOINED, "");
}

static void a_forgotten_one_is_written_again(void **state)
{
    scene *self = *state;
    set_up(self);
    joined(self);
    pass(self, DR_ENTRY_BEAT_MS);
    (void)said(self);
    answer(self, TIME_REPLY);
    (void)said(self);
    answer(self, ":1\r\n+OK\r\n+OK\r\n"); /* somebody has emptied it */
    assert_string_equal(said(self), JOIN);
}

static void down_and_back(void **state)
{
    scene *self = *state;
    set_up(self);
    joined(self);
    dr_redis_lost(self->redis, "closed by Redis", self->now_ns);
    expect(self, DR_REGISTRATION_JOINING, "closed by Redis");
    const unsigned changes = self->changes;
    pass(self, DR_REDIS_PAUSE_MS);
    assert_int_equal(dr_redis_next(self->redis), DR_REDIS_CONNECT);
    dr_redis_lost(self->redis, "Connection refused", self->now_ns);
    expect(self, DR_REGISTRATION_JOINING, "Connection refused");
    pass(self, 2 * DR_REDIS_PAUSE_MS);
    assert_int_equal(dr_redis_next(self->redis), DR_REDIS_CONNECT);
    dr_redis_lost(self->redis, "Connection refused", self->now_ns);
    assert_int_equal(self->changes, changes + 1); /* the same again is no change */
    assert_int_equal(dr_registration_status_of(self->registration).failures, 3);
    pass(self, 4 * DR_REDIS_PAUSE_MS);
    connect(self);
    assert_string_equal(said(self), "SMEMBERS dora.serverlist\nTIME\n");
    answer(self, "*0\r\n" TIME_REPLY);
    (void)said(self);
    answer(self, ":1\r\n+OK\r\n+OK\r\n");
    assert_string_equal(said(self), JOIN);
    expect(self, DR_REGISTRATION_JOINED, "");
}

static void a_silent_redis_is_left(void **state)
{
    scene *self = *state;
    set_up(self);
    joined(self);
    pass(self, DR_ENTRY_BEAT_MS);
    (void)said(self);
    pass(self, DR_REDIS_REPLY_MS);
    assert_int_equal(dr_registration_status_of(self->registration).state, DR_REGISTRATION_JOINING);
    assert_int_equal(dr_redis_next(self->redis), DR_REDIS_CLOSE);
}

static void leave_without_answer(void **state)
{
    scene *self = *state;
    set_up(self);
    joined(self);
    dr_registration_leave(self->registration, 1000, self->now_ns);
    assert_string_equal(said(self), WITHDRAWAL);
    pass(self, 999);
    expect(self, DR_REGISTRATION_LEAVING, "");
    pass(self, 1);
    expect(self, DR_REGISTRATION_LEFT, "no answer to the withdrawal");
    assert_int_equal(dr_redis_next(self->redis), DR_REDIS_CLOSE);
    assert_int_equal(dr_redis_deadline_ns(self->redis), 0);
}

static void leave_while_down(void **state)
{
    scene *self = *state;
    set_up(self);
    dr_registration_join(self->registration, self->now_ns);
    dr_registration_leave(self->registration, 1000, self->now_ns); /* not open yet */
    expect(self, DR_REGISTRATION_LEFT, "");
    assert_int_equal(dr_redis_next(self->redis), DR_REDIS_NOTHING);
    joined(self);
    dr_registration_leave(self->registration, 1000, self->now_ns);
    dr_redis_lost(self->redis, "closed by Redis", self->now_ns);
    expect(self, DR_REGISTRATION_LEFT, "closed by Redis");
    assert_int_equal(dr_redis_state_of(self->redis), DR_REDIS_STOPPED);
}

static void refused_withdrawal(void **state)
{
    scene *self = *state;
    set_up(self);
    joined(self);
    dr_registration_leave(self->registration, 1000, self->now_ns);
    (void)said(self);
    answer(self, "-READONLY no\r\n-READONLY no\r\n:0\r\n");
    expect(self, DR_REGISTRATION_LEFT, "SREM or DEL: READONLY no");
}

/* Leaving during a beat, and coming back before the answers to either. */
static void back_at_once(void **state)
{
    scene *self = *state;
    set_up(self);
    joined(self);
    pass(self, DR_ENTRY_BEAT_MS);
    assert_string_equal(said(self), "TIME\n");
    dr_registration_leave(self->registration, 1000, self->now_ns);
    assert_string_equal(said(self), WITHDRAWAL);
    answer(self, TIME_REPLY);
    assert_string_equal(said(self), ""); /* it is not put back */
    dr_registration_join(self->registration, self->now_ns);
    assert_string_equal(said(self), "TIME\n");
    answer(self, ":1\r\n:2\r\n:0\r\n" TIME_REPLY);
    assert_string_equal(said(self), BEAT);
    answer(self, ":1\r\n+OK\r\n+OK\r\n");
    assert_string_equal(said(self), JOIN);
    expect(self, DR_REGISTRATION_JOINED, "");
    answer(self, ":0\r\n");
    pass(self, DR_ENTRY_BEAT_MS);
    assert_string_equal(said(self), "TIME\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_in(scene, a_registration_lives_and_leaves),
        unit_in(scene, older_members),
        unit_in(scene, many_older_members),
        unit_in(scene, error_replies),
        unit_in(scene, errors_of_each_command),
        unit_in(scene, a_forgotten_one_is_written_again),
        unit_in(scene, down_and_back),
        unit_in(scene, a_silent_redis_is_left),
        unit_in(scene, leave_without_answer),
        unit_in(scene, leave_while_down),
        unit_in(scene, refused_withdrawal),
        unit_in(scene, back_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
