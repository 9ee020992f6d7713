/* redis_session.c: the session with one Redis: bytes to replies, commands to bytes, and when to do
 * what. Pure.
 *
 * A session is a row of connections. Each is opened, greeted (AUTH, SELECT; where neither is needed
 * PING, so that one that accepts and says nothing is never OPEN), used, and ends by drop(). */
#include "discovery/redis_session.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/mem.h"
#include "discovery/redis_reply.h"

#define NS_PER_MS UINT64_C(1000000)
#define WHY_BYTES 256
#define TLS_ALERT 0x15 /* the first byte of a TLS record that says no (RFC 8446, 5.1) */

/* A command whose reply has not come. */
typedef struct waiter {
    dr_redis_reply_fn on_reply;
    void *user;
    const char *greeting; /* the word of a command of ours; NULL: the owner's command */
    bool is_subscribe;
} waiter;

struct dr_redis {
    dr_redis_url url;
    dr_tls_context *tls;     /* of the next connection; NULL: none was given, or none is wanted */
    dr_tls_context *tls_now; /* of this one, as long as its driver may use it */
    char tls_name[DR_HOST_BYTES];
    dr_redis_events events;
    dr_redis_state state;
    bool is_stopping;   /* OPEN, but only until all is answered, or stop_ns */
    bool wants_connect; /* wishes that the driver has not taken yet */
    bool wants_close;
    bool is_subscribed;
    bool has_heard; /* something came on this connection */
    uint32_t pause_ms;
    uint64_t deadline_ns; /* of connecting, of the pause, of a sign of life */
    uint64_t stop_ns;
    uint64_t alarm_ns;
    dr_buf out;
    waiter waiting[DR_REDIS_COMMANDS_MAX]; /* a ring, in the order of the commands */
    size_t first;
    size_t count;
    dr_redis_reader *reader; /* while there is a connection */
    char why[WHY_BYTES];
};

/* ---- commands ---- */

static dora_err out_append(dr_redis *redis, const dora_slice *words, size_t count)
{
    char head[32];
    size_t mark = redis->out.len;
    int len = snprintf(head, sizeof head, "*%zu\r\n", count);
    dora_err err = dr_buf_append(&redis->out, head, (size_t)len);
    for (size_t i = 0; err == DORA_OK && i < count; i++) {
        len = snprintf(head, sizeof head, "$%zu\r\n", words[i].len);
        err = dr_buf_reserve(&redis->out, (size_t)len + words[i].len + 2);
        if (err == DORA_OK) {
            dr_buf_append(&redis->out, head, (size_t)len);
            dr_buf_append_slice(&redis->out, words[i]);
            dr_buf_append(&redis->out, "\r\n", 2);
        }
    }
    if (err != DORA_OK) {
        redis->out.len = mark;
    }
    return err;
}

static dora_err command_add(dr_redis *redis, const dora_slice *words, size_t count,
                            const waiter *waiting, uint64_t now_ns)
{
    if (redis->count == DR_REDIS_COMMANDS_MAX) {
        return DORA_EFULL;
    }
    dora_err err = out_append(redis, words, count);
    if (err != DORA_OK) {
        return err;
    }
    if (redis->count == 0) {
        redis->deadline_ns = now_ns + DR_REDIS_REPLY_MS * NS_PER_MS;
    }
    redis->waiting[(redis->first + redis->count) % DR_REDIS_COMMANDS_MAX] = *waiting;
    redis->count++;
    return DORA_OK;
}

static bool is_word(dora_slice text, const char *word)
{
    return text.len == strlen(word) && strncasecmp(text.data, word, text.len) == 0;
}

dora_err dr_redis_command(dr_redis *redis, const dora_slice *words, size_t count,
                          dr_redis_reply_fn on_reply, void *user, uint64_t now_ns)
{
    if (redis->state != DR_REDIS_OPEN) {
        return DORA_ECLOSED;
    }
    const waiter waiting = {
        .on_reply = on_reply,
        .user = user,
        .is_subscribe = count > 0 && is_word(words[0], "SUBSCRIBE"),
    };
    return command_add(redis, words, count, &waiting, now_ns);
}

/* ---- connections ---- */

/* Clients that lose one Redis at the same moment do not all come back at the same moment: up to a
 * quarter of the pause is taken off, by the nanosecond of the failure and by the address. */
static uint64_t pause_ns(const dr_redis *redis, uint64_t now_ns)
{
    uint64_t mix = now_ns ^ ((uint64_t)redis->url.address.port << 32);
    for (const char *byte = redis->url.address.host; *byte != '\0'; byte++) {
        mix = (mix ^ (unsigned char)*byte) * UINT64_C(0x100000001b3);
    }
    mix = (mix ^ mix >> 31) * UINT64_C(0x94d049bb133111eb);
    uint64_t whole_ns = redis->pause_ms * NS_PER_MS;
    return whole_ns - (mix >> 32) % (whole_ns / 4);
}

/* Forgets the connection, and asks the driver to close it where the driver does not know. */
static void drop(dr_redis *redis, dr_redis_state state, bool is_lost)
{
    if (redis->wants_connect) {
        redis->wants_connect = false;
    } else if (!is_lost && redis->state >= DR_REDIS_CONNECTING) {
        redis->wants_close = true;
    }
    dr_redis_reader_free(redis->reader);
    redis->reader = NULL;
    dr_buf_fini(&redis->out);
    redis->first = 0;
    redis->count = 0;
    redis->is_stopping = false;
    redis->is_subscribed = false;
    redis->state = state;
}

static void connect_begin(dr_redis *redis, uint64_t now_ns)
{
    redis->state = DR_REDIS_CONNECTING;
    redis->wants_connect = true;
    redis->has_heard = false;
    redis->deadline_ns = now_ns + DR_REDIS_CONNECT_MS * NS_PER_MS;
}

/* The connection is over, and not because it was stopped. `why` may point into the session. */
static void go_down(dr_redis *redis, const char *why, bool is_lost, uint64_t now_ns)
{
    char said[WHY_BYTES];
    snprintf(said, sizeof said, "%s", why);
    if (redis->is_stopping) {
        drop(redis, DR_REDIS_STOPPED, is_lost);
    } else {
        drop(redis, DR_REDIS_PAUSED, is_lost);
        redis->deadline_ns = now_ns + pause_ns(redis, now_ns);
        redis->pause_ms = redis->pause_ms < DR_REDIS_PAUSE_MS_MAX / 2 ? redis->pause_ms * 2
                                                                      : DR_REDIS_PAUSE_MS_MAX;
    }
    if (redis->events.on_down != NULL) {
        redis->events.on_down(redis->events.user, said, now_ns);
    }
}

void dr_redis_fail(dr_redis *redis, const char *why, uint64_t now_ns)
{
    if (redis->state >= DR_REDIS_CONNECTING) {
        go_down(redis, why, false, now_ns);
    }
}

/* Redis takes plain bytes on a port for TLS as no handshake, and hangs up without a word. */
static const char *with_hint(dr_redis *redis, const char *why)
{
    if (redis->state != DR_REDIS_GREETING || redis->has_heard || redis->url.is_tls) {
        return why;
    }
    snprintf(redis->why, sizeof redis->why, "%.200s: does it want TLS (rediss://)?", why);
    return redis->why;
}

void dr_redis_lost(dr_redis *redis, const char *why, uint64_t now_ns)
{
    if (redis->wants_close) {
        redis->wants_close = false; /* it is closed already */
    } else if (redis->state >= DR_REDIS_CONNECTING && !redis->wants_connect) {
        go_down(redis, with_hint(redis, why), true, now_ns);
    }
}

void dr_redis_start(dr_redis *redis, uint64_t now_ns)
{
    redis->is_stopping = false;
    if (redis->state == DR_REDIS_STOPPED) {
        redis->pause_ms = DR_REDIS_PAUSE_MS;
        connect_begin(redis, now_ns);
    }
}

static bool is_all_said(const dr_redis *redis)
{
    return redis->state != DR_REDIS_OPEN || (redis->count == 0 && redis->out.len == 0);
}

void dr_redis_stop(dr_redis *redis, uint32_t grace_ms, uint64_t now_ns)
{
    if (redis->state == DR_REDIS_STOPPED || redis->is_stopping) {
        return;
    }
    if (grace_ms == 0 || is_all_said(redis)) {
        drop(redis, DR_REDIS_STOPPED, false);
        return;
    }
    redis->is_stopping = true;
    redis->stop_ns = now_ns + grace_ms * NS_PER_MS;
}

static void stop_if_all_said(dr_redis *redis)
{
    if (redis->is_stopping && is_all_said(redis)) {
        drop(redis, DR_REDIS_STOPPED, false);
    }
}

/* ---- the greeting ---- */

static dora_err greet_with(dr_redis *redis, const char *const *words, size_t count, uint64_t now_ns)
{
    dora_slice slices[3];
    const waiter waiting = {.greeting = words[0]};
    for (size_t i = 0; i < count; i++) {
        slices[i] = (dora_slice){words[i], strlen(words[i])};
    }
    return command_add(redis, slices, count, &waiting, now_ns);
}

static dora_err greet(dr_redis *redis, uint64_t now_ns)
{
    char number[16];
    const dr_redis_url *url = &redis->url;
    const char *const login[] = {"AUTH", url->user, url->password};
    const char *const password[] = {"AUTH", url->password};
    const char *const select[] = {"SELECT", number};
    const char *const ping[] = {"PING"};
    dora_err err = DORA_OK;
    snprintf(number, sizeof number, "%u", (unsigned)url->database);
    if (url->password[0] != '\0') {
        err = url->user[0] != '\0' ? greet_with(redis, login, 3, now_ns)
                                   : greet_with(redis, password, 2, now_ns);
    }
    if (err == DORA_OK && url->database != 0) {
        err = greet_with(redis, select, 2, now_ns);
    }
    if (err == DORA_OK && redis->count == 0) {
        err = greet_with(redis, ping, 1, now_ns);
    }
    return err;
}

/* Some errors repeat what was sent: of a text that may hold the password only the first word, the
 * kind of the error, is told. A part of the password that short counts as the whole. */
#define SECRET_PART 6u

static bool has_secret(const dr_redis_url *url, dora_slice text)
{
    size_t len = strnlen(url->password, SECRET_PART);
    return len > 0 && text.len > 0 && memmem(text.data, text.len, url->password, len) != NULL;
}

/* Writes "DOING: TEXT" for people: one line of printable ASCII. */
static const char *tell(dr_redis *redis, const char *doing, dora_slice text)
{
    if (has_secret(&redis->url, text)) {
        const char *blank = memchr(text.data, ' ', text.len);
        text.len = blank != NULL ? (size_t)(blank - text.data) : text.len;
    }
    if (has_secret(&redis->url, text)) {
        text = (dora_slice){"refused", strlen("refused")};
    }
    int len = snprintf(redis->why, sizeof redis->why, "%s: ", doing);
    size_t at = (size_t)len;
    for (size_t i = 0; i < text.len && at + 1 < sizeof redis->why; i++) {
        redis->why[at++] = text.data[i] >= ' ' && text.data[i] <= '~' ? text.data[i] : '?';
    }
    redis->why[at] = '\0';
    return redis->why;
}

static void greeted(dr_redis *redis, const char *doing, const dr_redis_reply *reply,
                    uint64_t now_ns)
{
    if (dr_redis_reply_kind(reply) == DR_REDIS_ERROR) {
        dr_redis_fail(redis, tell(redis, doing, dr_redis_reply_text(reply)), now_ns);
    } else if (dr_redis_reply_kind(reply) != DR_REDIS_TEXT) {
        dr_redis_fail(redis, "said something that was not asked for", now_ns);
    } else if (redis->count == 0) {
        redis->state = DR_REDIS_OPEN;
        if (redis->events.on_open != NULL) {
            redis->events.on_open(redis->events.user, now_ns);
        }
    }
}

void dr_redis_connected(dr_redis *redis, uint64_t now_ns)
{
    if (redis->state != DR_REDIS_CONNECTING || redis->wants_connect) {
        return;
    }
    if (redis->url.is_tls && redis->tls_now == NULL) { /* nothing is said in plain */
        dr_redis_fail(redis, "there is no TLS to speak with it", now_ns);
        return;
    }
    redis->state = DR_REDIS_GREETING;
    redis->reader = dr_redis_reader_new();
    if (redis->reader == NULL || greet(redis, now_ns) != DORA_OK) {
        dr_redis_fail(redis, dora_err_text(DORA_ENOMEM), now_ns);
    }
}

/* ---- bytes in ---- */

/* A message of a channel comes between replies; only a connection that has subscribed gets any. */
static bool is_message(const dr_redis *redis, const dr_redis_reply *reply)
{
    return redis->is_subscribed &&
           is_word(dr_redis_reply_text(dr_redis_reply_at(reply, 0)), "message");
}

static void deliver(dr_redis *redis, const dr_redis_reply *reply, uint64_t now_ns)
{
    if (is_message(redis, reply) && redis->events.on_message != NULL) {
        redis->events.on_message(redis->events.user, now_ns);
        return;
    }
    if (redis->count == 0 || is_message(redis, reply)) {
        const char *doing = "said something that was not asked for";
        dora_slice text = dr_redis_reply_text(reply);
        dr_redis_fail(redis, text.len > 0 ? tell(redis, doing, text) : doing, now_ns);
        return;
    }
    waiter waiting = redis->waiting[redis->first];
    redis->first = (redis->first + 1) % DR_REDIS_COMMANDS_MAX;
    redis->count--;
    if (waiting.greeting != NULL) {
        greeted(redis, waiting.greeting, reply, now_ns);
        return;
    }
    if (dr_redis_reply_kind(reply) != DR_REDIS_ERROR) {
        redis->pause_ms = DR_REDIS_PAUSE_MS;
        redis->is_subscribed = redis->is_subscribed || waiting.is_subscribe;
    }
    waiting.on_reply(waiting.user, reply, now_ns);
}

/* Takes one reply out of what has come. Returns: whether there may be more. */
static bool take_reply(dr_redis *redis, uint64_t now_ns)
{
    dr_redis_reply *reply = NULL;
    const char *why = NULL;
    dora_err err = dr_redis_reader_take(redis->reader, &reply, &why);
    if (err == DORA_OK) {
        deliver(redis, reply, now_ns);
        dr_redis_reply_free(reply);
    } else if (err != DORA_EAGAIN) {
        dr_redis_fail(redis, why, now_ns);
    }
    return err == DORA_OK;
}

void dr_redis_received(dr_redis *redis, dora_slice bytes, uint64_t now_ns)
{
    if (redis->reader == NULL || bytes.len == 0) {
        return;
    }
    redis->deadline_ns = now_ns + DR_REDIS_REPLY_MS * NS_PER_MS;
    if (!redis->has_heard && bytes.data[0] == TLS_ALERT) {
        dr_redis_fail(redis, "it wants TLS: write rediss://", now_ns);
        return;
    }
    redis->has_heard = true;
    if (dr_redis_reader_feed(redis->reader, bytes) != DORA_OK) {
        dr_redis_fail(redis, dora_err_text(DORA_ENOMEM), now_ns);
        return;
    }
    /* What hears a reply may end the connection, and with it the reader. */
    while (redis->reader != NULL && take_reply(redis, now_ns)) {
    }
    stop_if_all_said(redis);
}

/* ---- for drivers ---- */

dr_redis_wish dr_redis_next(dr_redis *redis)
{
    if (redis->wants_close) {
        redis->wants_close = false;
        return DR_REDIS_CLOSE;
    }
    if (redis->wants_connect) {
        redis->wants_connect = false;
        dr_tls_context_free(redis->tls_now);
        redis->tls_now = redis->tls != NULL ? dr_tls_context_hold(redis->tls) : NULL;
        return DR_REDIS_CONNECT;
    }
    return DR_REDIS_NOTHING;
}

dora_slice dr_redis_output(const dr_redis *redis)
{
    return dr_buf_slice(&redis->out);
}

void dr_redis_sent(dr_redis *redis, size_t len)
{
    dr_buf_consume(&redis->out, len);
    stop_if_all_said(redis);
}

static uint64_t earlier(uint64_t one_ns, uint64_t other_ns)
{
    return one_ns == 0 || (other_ns != 0 && other_ns < one_ns) ? other_ns : one_ns;
}

/* When the connection, or the pause, has lasted too long; 0: never. */
static uint64_t own_deadline_ns(const dr_redis *redis)
{
    bool is_idle = redis->state == DR_REDIS_OPEN && redis->count == 0;
    return redis->state == DR_REDIS_STOPPED || is_idle ? 0 : redis->deadline_ns;
}

uint64_t dr_redis_deadline_ns(const dr_redis *redis)
{
    uint64_t own_ns = own_deadline_ns(redis);
    if (redis->is_stopping) {
        own_ns = earlier(own_ns, redis->stop_ns);
    }
    return earlier(own_ns, redis->alarm_ns);
}

/* What did not come in time. A Redis without TLS takes a handshake for a command without an end. */
static const char *late(dr_redis *redis)
{
    if (redis->state == DR_REDIS_CONNECTING) {
        snprintf(redis->why, sizeof redis->why, "no connection within %u s%s",
                 DR_REDIS_CONNECT_MS / 1000, redis->url.is_tls ? ": does it speak TLS there?" : "");
    } else {
        snprintf(redis->why, sizeof redis->why, "no answer within %u s", DR_REDIS_REPLY_MS / 1000);
    }
    return redis->why;
}

static void end_what_is_late(dr_redis *redis, uint64_t now_ns)
{
    uint64_t own_ns = own_deadline_ns(redis);
    if (own_ns != 0 && now_ns >= own_ns) {
        if (redis->state == DR_REDIS_PAUSED) {
            connect_begin(redis, now_ns);
            return;
        }
        dr_redis_fail(redis, late(redis), now_ns);
    } else if (redis->is_stopping && now_ns >= redis->stop_ns) {
        dr_redis_fail(redis, "not all was answered before the end", now_ns);
    }
}

void dr_redis_tick(dr_redis *redis, uint64_t now_ns)
{
    end_what_is_late(redis, now_ns);
    if (redis->alarm_ns != 0 && now_ns >= redis->alarm_ns) {
        redis->alarm_ns = 0;
        redis->events.on_alarm(redis->events.user, now_ns);
    }
}

void dr_redis_alarm(dr_redis *redis, uint64_t at_ns)
{
    redis->alarm_ns = at_ns;
}

/* ---- life ---- */

dora_err dr_redis_new(dr_redis **redis, const dr_redis_url *url, const dr_redis_events *events)
{
    *redis = dr_calloc(1, sizeof **redis);
    if (*redis == NULL) {
        return DORA_ENOMEM;
    }
    (*redis)->url = *url;
    (*redis)->events = *events;
    (*redis)->pause_ms = DR_REDIS_PAUSE_MS;
    return DORA_OK;
}

void dr_redis_free(dr_redis *redis)
{
    if (redis != NULL) {
        drop(redis, DR_REDIS_STOPPED, true);
        dr_tls_context_free(redis->tls);
        dr_tls_context_free(redis->tls_now);
        dr_free(redis);
    }
}

const dr_redis_url *dr_redis_url_of(const dr_redis *redis)
{
    return &redis->url;
}

dr_redis_state dr_redis_state_of(const dr_redis *redis)
{
    return redis->state;
}

void dr_redis_use_tls(dr_redis *redis, dr_tls_context *tls, const char *name)
{
    dr_tls_context *held = tls != NULL && redis->url.is_tls ? dr_tls_context_hold(tls) : NULL;
    dr_tls_context_free(redis->tls);
    redis->tls = held;
    snprintf(redis->tls_name, sizeof redis->tls_name, "%s",
             name != NULL ? name : redis->url.address.host);
}

dr_tls_peer dr_redis_tls_of(const dr_redis *redis)
{
    return (dr_tls_peer){redis->tls_now, redis->tls_name};
}
