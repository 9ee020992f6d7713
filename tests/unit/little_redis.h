/* little_redis.h: a server in a thread that behaves like Redis, or badly, for unit tests. */
#ifndef LITTLE_REDIS_H
#define LITTLE_REDIS_H

#include <pthread.h>
#include <stdatomic.h>

#include "unit_folder.h"

/* What a connection meets. */
typedef enum little_manner {
    LITTLE_ANSWERS,  /* PING, ECHO text, BIG (1 MiB), SUBSCRIBE channel (and a message at once) */
    LITTLE_CLOSES,   /* in the middle of its first answer */
    LITTLE_SILENT,   /* reads, and says nothing */
    LITTLE_NONSENSE, /* speaks HTTP */
    LITTLE_WAITS     /* as LITTLE_ANSWERS, but reads only while `may_read` is set */
} little_manner;

typedef struct little_redis {
    int listener;
    uint16_t port;
    char path[108];               /* of its Unix socket; "": it listens on 127.0.0.1 */
    const little_manner *manners; /* of its first connections; the last of all others */
    size_t manners_count;
    pthread_t thread;
    bool has_thread;
    unit_folder folder;
    atomic_bool is_ending;
    atomic_bool may_read;
    atomic_uint connections;
    atomic_uint ended; /* connections that are over */
    atomic_uint answers;
} little_redis;

/* little_redis_begin starts it, on a port of its own or, with `is_local`, on a Unix socket.
 * Ownership: borrows the manners. little_redis_end ends it, where it was begun, and waits for its
 * thread. */
void little_redis_begin(little_redis *server, bool is_local, const little_manner *manners,
                        size_t count);
void little_redis_end(little_redis *server);

/* little_redis_url gives where it is: "127.0.0.1:port" or "unix:/path". */
void little_redis_url(const little_redis *server, char text[128]);

/* little_redis_wait waits until a count has come to `value`, for 5 s at most. */
void little_redis_wait(const atomic_uint *count, unsigned value);

#endif
