/* fake_redis.h: a Redis that knows what Dora's readers ask for, as bytes: its sockets are the
 * test's. */
#ifndef DORA_TEST_FAKE_REDIS_H
#define DORA_TEST_FAKE_REDIS_H

#include "unit.h"

#define FAKE_REDIS_MEMBERS_MAX 8
#define FAKE_REDIS_BYTES 8192

typedef struct fake_redis {
    char members[FAKE_REDIS_MEMBERS_MAX][256]; /* of dora.serverlist; "": none */
    char nodes[FAKE_REDIS_MEMBERS_MAX][64];    /* their keys dora.node.IP.PORT */
    int readings;                              /* how often the set was read */
} fake_redis;

/* fake_redis_bytes is not on the heap: the memory that runs out in a test is Dora's. */
typedef struct fake_redis_bytes {
    char data[FAKE_REDIS_BYTES];
    size_t len;
} fake_redis_bytes;

/* fake_redis_conn is one connection to it. */
typedef struct fake_redis_conn {
    fake_redis *redis;
    bool is_subscribed;
    fake_redis_bytes in; /* a command that has not come whole */
} fake_redis_conn;

/* fake_redis_join registers a server, `groups` as in JSON: "\"a\",\"b\"". fake_redis_leave
 * withdraws it. Neither says so on the channel. */
void fake_redis_join(fake_redis *redis, const char *ip, int port, const char *groups);
void fake_redis_leave(fake_redis *redis, const char *ip, int port);

/* fake_redis_take takes bytes of a connection, and appends what it answers to `out`. */
void fake_redis_take(fake_redis_conn *conn, dora_slice bytes, fake_redis_bytes *out);

/* fake_redis_publish appends a message of the channel, where the connection has subscribed. */
void fake_redis_publish(const fake_redis_conn *conn, fake_redis_bytes *out);

#endif
