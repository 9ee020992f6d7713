/* fuzz_redis.c: any bytes as what Redis says. The first byte chooses the cuts, the second how many
 * commands wait; the talk must take them whole as it takes them in pieces. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "discovery/redis_reply.h"
#include "discovery/redis_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct owner {
    dr_redis *redis;
    size_t commands;
    dr_buf told;
} owner;

static void check(bool is_right)
{
    if (!is_right) {
        abort();
    }
}

static void tell(owner *at, const char *data, size_t len)
{
    check(dr_buf_append(&at->told, data, len) == DORA_OK);
}

static void tell_reply(owner *at, const dr_redis_reply *reply)
{
    const char kind = (char)('0' + dr_redis_reply_kind(reply));
    const int64_t number = dr_redis_reply_integer(reply);
    const dora_slice text = dr_redis_reply_text(reply);
    tell(at, &kind, 1);
    tell(at, (const char *)&number, sizeof number);
    tell(at, text.data, text.len);
    for (size_t i = 0; i < dr_redis_reply_count(reply); i++) {
        tell_reply(at, dr_redis_reply_at(reply, i));
    }
}

static void on_reply(void *user, const dr_redis_reply *reply, uint64_t now_ns)
{
    (void)now_ns;
    tell_reply(user, reply);
}

static void on_open(void *user, uint64_t now_ns)
{
    owner *at = user;
    const dora_slice words[] = {{"SUBSCRIBE", 9}, {"c", 1}};
    for (size_t i = 0; i < at->commands; i++) {
        check(dr_redis_command(at->redis, words, 2, on_reply, at, now_ns) == DORA_OK);
    }
    tell(at, "open", 4);
}

static void on_down(void *user, const char *why, uint64_t now_ns)
{
    (void)now_ns;
    check(strlen(why) > 0 && strstr(why, "hunter2") == NULL);
    tell(user, why, strlen(why));
}

static void on_message(void *user, uint64_t now_ns)
{
    (void)now_ns;
    tell(user, "message", 7);
}

/* Returns: what was told. Ownership: gives. */
static dr_buf run(const uint8_t *data, size_t size, size_t piece, size_t commands)
{
    owner at = {.commands = commands};
    dr_redis_url url = {.address = {.host = "redis", .port = 1}, .password = "hunter2"};
    const dr_redis_events events = {
        .on_open = on_open, .on_down = on_down, .on_message = on_message, .user = &at};
    url.database = commands % 2;
    check(dr_redis_new(&at.redis, &url, &events) == DORA_OK);
    dr_redis_start(at.redis, 1);
    check(dr_redis_next(at.redis) == DR_REDIS_CONNECT);
    dr_redis_connected(at.redis, 1);
    for (size_t used = 0; used < size; used += piece) {
        size_t len = size - used < piece ? size - used : piece;
        char *copy = malloc(len);
        check(copy != NULL);
        memcpy(copy, data + used, len);
        dr_redis_received(at.redis, (dora_slice){copy, len}, 1);
        dr_redis_sent(at.redis, dr_redis_output(at.redis).len);
        free(copy);
    }
    if (dr_redis_state_of(at.redis) == DR_REDIS_PAUSED) {
        check(dr_redis_next(at.redis) == DR_REDIS_CLOSE);
    }
    check(dr_redis_next(at.redis) == DR_REDIS_NOTHING);
    dr_redis_free(at.redis);
    return at.told;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    size_t piece = (size_t)(data[0] % 16) + 1;
    size_t commands = data[1] % 8;
    dr_buf whole = run(data + 2, size - 2, size, commands);
    dr_buf pieces = run(data + 2, size - 2, piece, commands);
    check(whole.len == pieces.len);
    check(whole.len == 0 || memcmp(whole.data, pieces.data, whole.len) == 0);
    dr_buf_fini(&whole);
    dr_buf_fini(&pieces);
    return 0;
}
