/* redis_session.h: the session with one Redis, as bytes: commands in order, replies in order,
 * messages of channels, timeouts, and when to connect again. Pure: no descriptor, no clock; a
 * driver (redis_uv.h, redis_wait.h, the asynchronous clients) moves the bytes.
 *
 * The driver's part: after each function here and at dr_redis_deadline_ns (then dr_redis_tick), ask
 * dr_redis_next what to do, and write dr_redis_output. */
#ifndef DR_DISCOVERY_REDIS_SESSION_H
#define DR_DISCOVERY_REDIS_SESSION_H

#include "discovery/redis_url.h"
#include "transport/secure.h"

#define DR_REDIS_CONNECT_MS 1000u   /* a connection that takes longer is given up */
#define DR_REDIS_REPLY_MS 2000u     /* so is a Redis that is silent for so long */
#define DR_REDIS_PAUSE_MS 100u      /* before connecting again after the first failure, */
#define DR_REDIS_PAUSE_MS_MAX 5000u /* doubled at each up to this */
#define DR_REDIS_COMMANDS_MAX 256u  /* without a reply yet */
#define DR_REDIS_REPLY_BYTES_MAX (8u * 1024 * 1024) /* of one reply; a longer one is nonsense */

typedef struct dr_redis dr_redis;
typedef struct dr_redis_reply dr_redis_reply;

typedef enum dr_redis_state {
    DR_REDIS_STOPPED,    /* wants no connection */
    DR_REDIS_PAUSED,     /* will connect again later */
    DR_REDIS_CONNECTING, /* the driver opens a connection */
    DR_REDIS_GREETING,   /* AUTH and SELECT, or PING, are under way */
    DR_REDIS_OPEN        /* takes commands */
} dr_redis_state;

/* What the owner hears. Each may give commands, stop, and set the alarm; none may free. */
typedef struct dr_redis_events {
    void (*on_open)(void *user, uint64_t now_ns); /* greeted: it takes commands */
    /* on_down: the connection is lost, or none could be made; `why` is for people, and names no
     * password. Commands without a reply get none. It connects again by itself. May be NULL. */
    void (*on_down)(void *user, const char *why, uint64_t now_ns);
    /* on_message: something came on a channel. NULL: such a thing is nonsense. */
    void (*on_message)(void *user, uint64_t now_ns);
    void (*on_alarm)(void *user, uint64_t now_ns); /* the time of dr_redis_alarm has come */
    void *user;
} dr_redis_events;

/* dr_redis_new makes a session that is STOPPED. Ownership: copies url and events; gives, and
 * dr_redis_free frees (NULL is fine). Errors: DORA_ENOMEM. */
dora_err dr_redis_new(dr_redis **redis, const dr_redis_url *url, const dr_redis_events *events);
void dr_redis_free(dr_redis *redis);

/* dr_redis_use_tls has its next connections use `tls` where its url is one of TLS. `name` is what
 * Redis' certificate is to name; NULL: the url's host. Without it such a session says nothing to
 * whom it is connected, and fails. Ownership: holds the context, copies the name. */
void dr_redis_use_tls(dr_redis *redis, dr_tls_context *tls, const char *name);

/* dr_redis_tls_of is with whom the connection that dr_redis_next has wished for is to speak TLS,
 * without a context for one that does not. Borrowed until the next such wish. */
dr_tls_peer dr_redis_tls_of(const dr_redis *redis);

const dr_redis_url *dr_redis_url_of(const dr_redis *redis);
dr_redis_state dr_redis_state_of(const dr_redis *redis);

/* dr_redis_start makes it want a connection. dr_redis_stop wants none any more: what was commanded
 * is still written and answered, but for no longer than `grace_ms`, then the connection is closed:
 * on_down is called where something stays unanswered then, and never by dr_redis_stop itself.
 * Both do nothing where it is so already. */
void dr_redis_start(dr_redis *redis, uint64_t now_ns);
void dr_redis_stop(dr_redis *redis, uint32_t grace_ms, uint64_t now_ns);

/* dr_redis_alarm has on_alarm called at `at_ns`, once; 0: never. It holds over connections. */
void dr_redis_alarm(dr_redis *redis, uint64_t at_ns);

/* dr_redis_reply_fn hears the reply to one command. Ownership: borrows the reply. */
typedef void (*dr_redis_reply_fn)(void *user, const dr_redis_reply *reply, uint64_t now_ns);

/* dr_redis_command adds one command; only while OPEN. `on_reply` is called exactly once, unless the
 * connection is lost first (then on_down is). For SUBSCRIBE, which is of one channel here, it hears
 * the confirmation.
 * Errors: DORA_ENOMEM, DORA_EFULL, DORA_ECLOSED when it is not OPEN: then it is not called. */
dora_err dr_redis_command(dr_redis *redis, const dora_slice *words, size_t count,
                          dr_redis_reply_fn on_reply, void *user, uint64_t now_ns);

/* dr_redis_fail gives the connection up, as after nonsense: on_down is called with `why`, and it
 * connects again after a pause. */
void dr_redis_fail(dr_redis *redis, const char *why, uint64_t now_ns);

/* ---- replies ---- */

typedef enum dr_redis_kind {
    DR_REDIS_NIL,
    DR_REDIS_TEXT, /* status or bulk */
    DR_REDIS_INTEGER,
    DR_REDIS_ARRAY,
    DR_REDIS_ERROR /* its text begins with Redis' own word: "WRONGTYPE ..." */
} dr_redis_kind;

/* ---- for drivers ---- */

typedef enum dr_redis_wish {
    DR_REDIS_NOTHING,
    DR_REDIS_CONNECT, /* open a connection to dr_redis_url_of(redis)->address */
    DR_REDIS_CLOSE    /* close the connection, or stop opening it; say nothing back */
} dr_redis_wish;

/* dr_redis_next gives what the driver is to do, each wish once. */
dr_redis_wish dr_redis_next(dr_redis *redis);

/* What has happened. dr_redis_connected: the connection is open. dr_redis_lost: it could not be
 * opened, or has ended, by the peer or by an error; `why` is for people. */
void dr_redis_connected(dr_redis *redis, uint64_t now_ns);
void dr_redis_lost(dr_redis *redis, const char *why, uint64_t now_ns);
void dr_redis_received(dr_redis *redis, dora_slice bytes, uint64_t now_ns);

/* dr_redis_output is what is to be written, empty when there is nothing; borrowed until the next
 * function. dr_redis_sent says how much of it was. */
dora_slice dr_redis_output(const dr_redis *redis);
void dr_redis_sent(dr_redis *redis, size_t len);

/* dr_redis_deadline_ns is when dr_redis_tick has something to do, 0: nothing waits. dr_redis_tick
 * ends what has waited too long, rings the alarm, and connects again when the pause is over;
 * calling it early does nothing. */
uint64_t dr_redis_deadline_ns(const dr_redis *redis);
void dr_redis_tick(dr_redis *redis, uint64_t now_ns);

#endif
