/* test_redis.c: what Redis says, fed by hand: whole, byte by byte, cut everywhere; and limits. */
#include "redis_scene.h"

#include "discovery/redis_reply.h"
#include "torture.h"

/* ---- one verdict for all cuts ---- */

typedef struct script {
    const char *commands; /* parted by ';' */
    const char *bytes;
    const char *told;
} script;

static const script scripts[] = {
    {"GET a", "$3\r\none\r\n", "'one' "},
    {"GET a", "$-1\r\n", "nil "},
    {"GET a", "$0\r\n\r\n", "'' "},
    {"GET a", "$4\r\n\r\n\r\n\r\n", "'\r\n\r\n' "},
    {"SET a b;TIME;DEL a", "+OK\r\n*2\r\n$1\r\n1\r\n$2\r\n22\r\n:1\r\n", "'OK' ['1','22'] 1 "},
    {"DEL a", ":-9223372036854775808\r\n", "-9223372036854775808 "},
    {"DEL a", ":9223372036854775807\r\n", "9223372036854775807 "},
    {"SMEMBERS s", "*0\r\n", "[] "},
    {"SMEMBERS s", "*-1\r\n", "nil "},
    {"EXEC", "*3\r\n*2\r\n:1\r\n*0\r\n$-1\r\n-ERR no\r\n", "[[1,[]],nil,!ERR no!] "},
    {"GET a;GET b", "-WRONGTYPE of key\r\n-LOADING data\r\n", "!WRONGTYPE of key! !LOADING data! "},
    {"GET a", "+\r\n", "'' "},
    /* Messages stand between replies, and only where something was subscribed. */
    {"SUBSCRIBE c;PING",
     "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n"
     "*2\r\n$4\r\npong\r\n$0\r\n\r\n*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\ny\r\n",
     "['subscribe','c',1] message ['pong',''] message "},
    {"SMEMBERS s;LRANGE l 0 1", "*1\r\n$9\r\nsubscribe\r\n*2\r\n$7\r\nmessage\r\n$1\r\nc\r\n",
     "['subscribe'] ['message','c'] "},
    {"subscribe c;PING", "-NOPERM\r\n*1\r\n$7\r\nmessage\r\n", "!NOPERM! ['message'] "},
    /* Nonsense: what came before it counts. */
    {"GET a", "+OK\r\n+OK\r\n", "'OK' down(said something that was not asked for: OK) "},
    {"GET a", "+OK\r\n-ERR\x1b[1m\r\n",
     "'OK' down(said something that was not asked for: ERR?[1m) "},
    {"GET a", "+OK\r\n:1\r\n:2\r\n", "'OK' down(said something that was not asked for) "},
    {"GET a;GET b", "+OK\r\nHTTP/1.1 400\r\n",
     "'OK' down(Protocol error, got \"H\" as reply type byte) "},
    {"GET a", "\xff", "down(Protocol error, got \"\\xff\" as reply type byte) "},
    {"GET a", "$x\r\n", "down(Bad bulk string length) "},
    {"GET a", "$-2\r\n", "down(Bulk string length out of range) "},
    {"GET a", "$18446744073709551617\r\n", "down(Bad bulk string length) "},
    {"GET a", ":12a\r\n", "down(Bad integer value) "},
    {"GET a", "*-2\r\n", "down(Multi-bulk length out of range) "},
    {"GET a", "*262145\r\n", "down(sent a reply of too many items) "},
    {"GET a", "*2147483647\r\n", "down(sent a reply of too many items) "},
    {"GET a", "*2\r\n*131072\r\n", NULL},
    {"GET a", "*2\r\n*262143\r\n", "down(sent a reply of too many items) "},
    {"GET a", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "[[[[[[[1]]]]]]] "},
    {"GET a", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*0\r\n",
     "down(sent a reply of arrays nested too deep) "},
    /* The end comes later: nothing is told yet. */
    {"GET a", "$9223372036854775807\r\n", NULL},
    {"GET a", "*2\r\n$1\r\n1\r\n$2\r\n2", NULL},
    {"GET a", "+OK\r", NULL},
};

static void commands_say(redis_scene *at, const char *commands)
{
    char text[256];
    snprintf(text, sizeof text, "%s", commands);
    char *rest = text;
    while (rest != NULL) {
        char *one = strsep(&rest, ";");
        assert_int_equal(redis_scene_say(at, one), DORA_OK);
    }
}

/* Feeds up to `first` bytes, then pieces of `size`, each from memory of its own size. */
static void feed(redis_scene *at, const char *bytes, size_t first, size_t size)
{
    size_t len = strlen(bytes);
    size_t used = 0;
    while (used < len) {
        size_t piece = used == 0 && first > 0 ? first : size;
        piece = piece < len - used ? piece : len - used;
        char *copy = malloc(piece);
        memcpy(copy, bytes + used, piece);
        dr_redis_received(at->redis, (dora_slice){copy, piece}, at->now_ns);
        free(copy);
        used += piece;
    }
}

static void script_run(const script *one, size_t first, size_t size)
{
    redis_scene at;
    redis_scene_begin_open(&at);
    commands_say(&at, one->commands);
    feed(&at, one->bytes, first, size);
    redis_scene_told_is(&at, one->told != NULL ? one->told : "");
    redis_scene_end(&at);
}

static void every_cut_gives_the_same_verdict(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        size_t len = strlen(scripts[i].bytes);
        script_run(&scripts[i], 0, len);
        script_run(&scripts[i], 0, 1);
        for (size_t cut = 1; cut < len; cut++) {
            script_run(&scripts[i], cut, len);
        }
    }
}

/* ---- limits ---- */

static void on_long_reply(void *user, const dr_redis_reply *reply, uint64_t now_ns)
{
    (void)now_ns;
    *(size_t *)user = dr_redis_reply_text(reply).len + dr_redis_reply_count(reply);
}

/* Feeds a command's reply, made of `head`, `count` times `body`, and `tail`. Returns: its size as
 * the owner sees it, 0 where the session failed with `why`. */
static size_t feed_long(const char *head, const char *body, size_t count, const char *tail,
                        size_t piece, const char *why)
{
    redis_scene at;
    size_t got = 0;
    size_t body_len = strlen(body);
    size_t len = strlen(head) + count * body_len + strlen(tail);
    char *bytes = malloc(len + 1);
    char *end_of = stpcpy(bytes, head);
    for (size_t i = 0; i < count; i++) {
        memcpy(end_of, body, body_len);
        end_of += body_len;
    }
    stpcpy(end_of, tail);
    redis_scene_begin_open(&at);
    const dora_slice words[] = {{"GET", 3}};
    assert_int_equal(dr_redis_command(at.redis, words, 1, on_long_reply, &got, at.now_ns), DORA_OK);
    for (size_t used = 0; used < len; used += piece) {
        const dora_slice part = {bytes + used, len - used < piece ? len - used : piece};
        dr_redis_received(at.redis, part, at.now_ns);
    }
    if (got == 0) {
        char told[128];
        snprintf(told, sizeof told, "down(%s) ", why);
        redis_scene_told_is(&at, told);
    }
    redis_scene_end(&at);
    free(bytes);
    return got;
}

#define BULK_TAIL "\r\n"
#define ENDLESS "sent a reply that does not end"
#define LINE "sent a line that does not end"

static void a_reply_has_its_limits(void **state)
{
    static const size_t pieces[] = {SIZE_MAX, 65536, 1000};
    char head[32];
    (void)state;
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        /* "$8388596" and two ends of line are 12 bytes. */
        const size_t text = DR_REDIS_REPLY_BYTES_MAX - 12;
        snprintf(head, sizeof head, "$%zu\r\n", text);
        assert_int_equal(feed_long(head, "x", text, BULK_TAIL, pieces[i], ""), text);
        snprintf(head, sizeof head, "$%zu\r\n", text + 1);
        assert_int_equal(feed_long(head, "x", text + 1, BULK_TAIL, pieces[i], ENDLESS), 0);
        assert_int_equal(
            feed_long("$99999999999\r\n", "xxxx", text / 4 + 4, "", pieces[i], ENDLESS), 0);

        const size_t line = DR_REDIS_LINE_BYTES_MAX;
        assert_int_equal(feed_long("+", "x", line, "\r\n", pieces[i], ""), line);
        assert_int_equal(feed_long("+", "x", line + 1, "\r\n", pieces[i], LINE), 0);
        assert_int_equal(feed_long("-", "x", line + 2, "", pieces[i], LINE), 0);
        assert_int_equal(feed_long("*", "1", line + 2, "", pieces[i], LINE), 0);

        const size_t items = DR_REDIS_REPLY_ITEMS_MAX;
        assert_int_equal(feed_long("*262144\r\n", ":1\r\n", items, "", pieces[i], ""), items);
    }
    assert_int_equal(feed_long("+", "x", DR_REDIS_LINE_BYTES_MAX + 1, "\r\n", 1, LINE), 0);
}

static void commands_wait_up_to_a_limit(void **state)
{
    redis_scene *at = *state;
    redis_scene_begin_open(at);
    for (size_t i = 0; i < DR_REDIS_COMMANDS_MAX; i++) {
        assert_int_equal(redis_scene_say(at, "PING"), DORA_OK);
    }
    size_t len = dr_redis_output(at->redis).len;
    assert_int_equal(redis_scene_say(at, "PING"), DORA_EFULL);
    assert_int_equal(dr_redis_output(at->redis).len, len);
    redis_scene_hear(at, ":1\r\n:2\r\n");
    assert_int_equal(redis_scene_say(at, "PING"), DORA_OK);
    redis_scene_told_is(at, "1 2 ");
}

static void what_is_not_there_reads_as_nil(void **state)
{
    dr_redis_reader *reader = dr_redis_reader_new();
    dr_redis_reply *reply = NULL;
    const char *why = NULL;
    (void)state;
    assert_int_equal(dr_redis_reader_feed(reader, text_slice("*1\r\n:5\r\n")), DORA_OK);
    assert_int_equal(dr_redis_reader_take(reader, &reply, &why), DORA_OK);
    assert_int_equal(dr_redis_reply_kind(dr_redis_reply_at(reply, 1)), DR_REDIS_NIL);
    const dr_redis_reply *number = dr_redis_reply_at(reply, 0);
    assert_int_equal(dr_redis_reply_count(number), 0);
    assert_int_equal(dr_redis_reply_text(number).len, 0);
    assert_int_equal(dr_redis_reply_text(reply).len, 0);
    assert_int_equal(dr_redis_reply_integer(reply), 0);
    assert_int_equal(dr_redis_reply_kind(dr_redis_reply_at(number, 0)), DR_REDIS_NIL);
    dr_redis_reply_free(reply);
    dr_redis_reader_free(reader);
}

/* ---- out of memory ---- */

static bool whole_talk(void *user)
{
    const dora_slice words[] = {{"GET", 3}, {"a", 1}};
    dr_redis_url url;
    redis_scene at = {0};
    const dr_redis_events events = {
        .on_open = redis_scene_on_open, .on_down = redis_scene_on_down, .user = &at};
    (void)user;
    dr_redis_url_read(text_slice("redis://:pw@redis/1"), &url, NULL);
    if (dr_redis_new(&at.redis, &url, &events) != DORA_OK) {
        return false;
    }
    dr_redis_start(at.redis, 0);
    dr_redis_next(at.redis);
    dr_redis_connected(at.redis, 0);
    redis_scene_hear(&at, "+OK\r\n+OK\r\n");
    dora_err err = dr_redis_command(at.redis, words, 2, redis_scene_on_reply, &at, 0);
    redis_scene_hear(&at, "*2\r\n$1\r\na\r\n*2\r\n:1\r\n$-1\r\n");
    bool is_done = strcmp(at.told, "open ['a',[1,nil]] ") == 0;
    dr_redis_free(at.redis);
    assert_true(is_done || err != DORA_OK || strstr(at.told, "down(out of memory)") != NULL);
    return is_done;
}

static void memory_may_be_refused(void **state)
{
    (void)state;
    assert_true(torture_run(whole_talk, NULL) >= 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut_gives_the_same_verdict),
        cmocka_unit_test(a_reply_has_its_limits),
        unit_in(redis_scene, commands_wait_up_to_a_limit),
        cmocka_unit_test(what_is_not_there_reads_as_nil),
        cmocka_unit_test(memory_may_be_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
