/* fake_redis.c: a Redis that knows what Dora's readers ask for, as bytes. */
#include "fake_redis.h"

#include <strings.h>

#define WORDS_MAX 64
#define NOW "1482239138"

void fake_redis_join(fake_redis *redis, const char *ip, int port, const char *groups)
{
    int i = 0;
    while (redis->members[i][0] != '\0') {
        i++;
        assert_true(i < FAKE_REDIS_MEMBERS_MAX);
    }
    snprintf(redis->members[i], sizeof redis->members[i],
             "{\"node\":{\"ip\":\"%s\",\"port\":%d},\"group\":[%s]}", ip, port, groups);
    snprintf(redis->nodes[i], sizeof redis->nodes[i], "dora.node.%s.%d", ip, port);
}

void fake_redis_leave(fake_redis *redis, const char *ip, int port)
{
    char key[64];
    snprintf(key, sizeof key, "dora.node.%s.%d", ip, port);
    for (int i = 0; i < FAKE_REDIS_MEMBERS_MAX; i++) {
        if (strcmp(redis->nodes[i], key) == 0) {
            redis->members[i][0] = '\0';
            redis->nodes[i][0] = '\0';
        }
    }
}

static void put(fake_redis_bytes *to, dora_slice bytes)
{
    assert_true(bytes.len <= sizeof to->data - to->len);
    memcpy(to->data + to->len, bytes.data, bytes.len);
    to->len += bytes.len;
}

static void say(fake_redis_bytes *out, const char *text)
{
    put(out, text_slice(text));
}

static void say_bulk(fake_redis_bytes *out, const char *text)
{
    char head[32];
    snprintf(head, sizeof head, "$%zu\r\n", strlen(text));
    say(out, head);
    say(out, text);
    say(out, "\r\n");
}

static void say_count(fake_redis_bytes *out, size_t count)
{
    char head[32];
    snprintf(head, sizeof head, "*%zu\r\n", count);
    say(out, head);
}

static void say_members(const fake_redis *redis, fake_redis_bytes *out)
{
    size_t count = 0;
    for (int i = 0; i < FAKE_REDIS_MEMBERS_MAX; i++) {
        count += redis->members[i][0] != '\0' ? 1 : 0;
    }
    say_count(out, count);
    for (int i = 0; i < FAKE_REDIS_MEMBERS_MAX; i++) {
        if (redis->members[i][0] != '\0') {
            say_bulk(out, redis->members[i]);
        }
    }
}

static void say_value(const fake_redis *redis, dora_slice key, fake_redis_bytes *out)
{
    for (int i = 0; i < FAKE_REDIS_MEMBERS_MAX; i++) {
        size_t len = strlen(redis->nodes[i]);
        if (len > 0 && key.len == len && memcmp(key.data, redis->nodes[i], len) == 0) {
            say_bulk(out, redis->members[i]);
            return;
        }
    }
    if (key.len > 16 && memcmp(key.data, "dora.servertime.", 16) == 0) {
        say_bulk(out, NOW);
    } else {
        say(out, "$-1\r\n");
    }
}

static bool is_word(dora_slice word, const char *text)
{
    return word.len == strlen(text) && strncasecmp(word.data, text, word.len) == 0;
}

static void answer(fake_redis_conn *conn, const dora_slice *words, size_t count,
                   fake_redis_bytes *out)
{
    if (is_word(words[0], "PING")) {
        say(out, conn->is_subscribed ? "*2\r\n$4\r\npong\r\n$0\r\n\r\n" : "+PONG\r\n");
    } else if (is_word(words[0], "TIME")) {
        say_count(out, 2);
        say_bulk(out, NOW);
        say_bulk(out, "0");
    } else if (is_word(words[0], "SMEMBERS")) {
        conn->redis->readings++;
        say_members(conn->redis, out);
    } else if (is_word(words[0], "MGET")) {
        say_count(out, count - 1);
        for (size_t i = 1; i < count; i++) {
            say_value(conn->redis, words[i], out);
        }
    } else if (is_word(words[0], "SUBSCRIBE")) {
        conn->is_subscribed = true;
        say_count(out, 3);
        say_bulk(out, "subscribe");
        say_bulk(out, "dora.nodes");
        say(out, ":1\r\n");
    } else {
        say(out, "-ERR unknown command\r\n");
    }
}

/* Reads "*COUNT\r\n" or "$LEN\r\n". Returns: whether it was there whole. */
static bool take_head(dora_slice *bytes, size_t *number)
{
    const char *end = bytes->len > 0 ? memchr(bytes->data, '\n', bytes->len) : NULL;
    if (end == NULL) {
        return false;
    }
    *number = strtoul(bytes->data + 1, NULL, 10);
    bytes->len -= (size_t)(end + 1 - bytes->data);
    bytes->data = end + 1;
    return true;
}

/* Takes one command. Returns: how many bytes it had, 0 while some are missing. */
static size_t take_command(dora_slice bytes, dora_slice words[WORDS_MAX], size_t *count)
{
    const char *begin = bytes.data;
    if (!take_head(&bytes, count)) {
        return 0;
    }
    assert_true(*count > 0 && *count <= WORDS_MAX);
    for (size_t i = 0; i < *count; i++) {
        size_t len = 0;
        if (!take_head(&bytes, &len) || bytes.len < len + 2) {
            return 0;
        }
        words[i] = (dora_slice){bytes.data, len};
        bytes.data += len + 2;
        bytes.len -= len + 2;
    }
    return (size_t)(bytes.data - begin);
}

void fake_redis_take(fake_redis_conn *conn, dora_slice bytes, fake_redis_bytes *out)
{
    dora_slice words[WORDS_MAX];
    size_t count = 0;
    fake_redis_bytes *in = &conn->in;
    put(in, bytes);
    size_t used = take_command((dora_slice){in->data, in->len}, words, &count);
    while (used > 0) {
        answer(conn, words, count, out);
        in->len -= used;
        memmove(in->data, in->data + used, in->len);
        used = take_command((dora_slice){in->data, in->len}, words, &count);
    }
}

void fake_redis_publish(const fake_redis_conn *conn, fake_redis_bytes *out)
{
    if (conn->is_subscribed) {
        say_count(out, 3);
        say_bulk(out, "message");
        say_bulk(out, "dora.nodes");
        say_bulk(out, "{}");
    }
}
