/* membership_scene.c: a Redis that answers what a membership asks, in fake time. */
#include "membership_scene.h"

#include <stdio.h>

/* Answers are put together in a stream: tests that make allocations fail do not mean those. */
static void put(FILE *out, const char *text)
{
    assert_true(fputs(text, out) >= 0);
}

static void put_text(FILE *out, const char *text)
{
    assert_true(fprintf(out, "$%zu\r\n%s\r\n", strlen(text), text) > 0);
}

static void put_count(FILE *out, size_t count)
{
    assert_true(fprintf(out, "*%zu\r\n", count) > 0);
}

static const char *value_of(const scene_redis *redis, const char *key)
{
    const size_t len = strlen(key);
    for (size_t i = 0; redis->times[i] != NULL; i++) {
        if (strncmp(redis->times[i], key, len) == 0 && redis->times[i][len] == '=') {
            return redis->times[i] + len + 1;
        }
    }
    for (size_t i = 0; redis->nodes[i] != NULL; i++) {
        if (strcmp(redis->nodes[i], key) == 0) {
            return "here";
        }
    }
    return NULL;
}

/* Answers the command that begins at words[0]. Returns: how many words it has. */
static size_t answer(scene_redis *redis, char *const *words, size_t count, FILE *out)
{
    char number[32];
    size_t used = 1;
    while (used < count && strncmp(words[used], "dora.", 5) == 0) {
        used++;
    }
    if (redis->refuses != NULL && strcmp(words[0], redis->refuses) == 0) {
        put(out, "-NOPERM not for\x1byou\r\n");
    } else if (strcmp(words[0], "PING") == 0) {
        put(out, "+PONG\r\n");
    } else if (strcmp(words[0], "TIME") == 0) {
        snprintf(number, sizeof number, "%lld", (long long)redis->time_s);
        put_count(out, 2);
        put_text(out, number);
        put_text(out, "5");
    } else if (strcmp(words[0], "SMEMBERS") == 0) {
        redis->readings++;
        put_count(out, redis->count);
        for (size_t i = 0; i < redis->count; i++) {
            put_text(out, redis->members[i]);
        }
    } else if (strcmp(words[0], "MGET") == 0) {
        put_count(out, used - 1);
        for (size_t i = 1; i < used; i++) {
            const char *value = value_of(redis, words[i]);
            value != NULL ? put_text(out, value) : put(out, "$-1\r\n");
        }
    } else {
        assert_string_equal(words[0], "SUBSCRIBE");
        put(out, "*3\r\n$9\r\nsubscribe\r\n$10\r\ndora.nodes\r\n:1\r\n");
    }
    return used;
}

/* Cuts what was written into words; none of them has a line's end or begins with * or $. */
static size_t words_of(char *text, char **words)
{
    size_t count = 0;
    char *rest = text;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        if (line[0] != '\0' && line[0] != '*' && line[0] != '$') {
            line[strlen(line) - 1] = '\0';
            words[count++] = line;
        }
    }
    return count;
}

static bool answer_all(scene_redis *redis, dr_redis *session, uint64_t now_ns)
{
    const dora_slice bytes = dr_redis_output(session);
    if (bytes.len == 0) {
        return false;
    }
    char *said = NULL;
    size_t said_len = 0;
    FILE *out = open_memstream(&said, &said_len);
    char *text = strndup(bytes.data, bytes.len);
    char **words = calloc(bytes.len, sizeof *words);
    assert_non_null(text);
    assert_non_null(words);
    dr_redis_sent(session, bytes.len);
    const size_t count = words_of(text, words);
    for (size_t i = 0; i < count && !redis->is_silent;) {
        i += answer(redis, words + i, count - i, out);
    }
    fclose(out);
    dr_redis_received(session, (dora_slice){said, said_len}, now_ns);
    free(said);
    free(words);
    free(text);
    return true;
}

void scene_move(scene_redis *redis, dr_redis *session, uint64_t now_ns)
{
    dr_redis_wish wish;
    dr_redis_tick(session, now_ns);
    do {
        wish = dr_redis_next(session);
        if (wish == DR_REDIS_CONNECT && redis->is_dead) {
            dr_redis_lost(session, "Connection refused", now_ns);
        } else if (wish == DR_REDIS_CONNECT) {
            dr_redis_connected(session, now_ns);
        }
    } while (wish != DR_REDIS_NOTHING || answer_all(redis, session, now_ns));
}

void scene_lose(dr_redis *session, uint64_t now_ns)
{
    dr_redis_lost(session, "the connection was closed", now_ns);
}

void scene_publish(dr_redis *session, uint64_t now_ns)
{
    dr_redis_received(
        session, text_slice("*3\r\n$7\r\nmessage\r\n$10\r\ndora.nodes\r\n$2\r\n{}\r\n"), now_ns);
}
