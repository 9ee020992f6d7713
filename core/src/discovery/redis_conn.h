/* redis_conn.h: a session with Redis and the transport that moves its bytes: what the drivers of
 * sessions have in common. */
#ifndef DR_DISCOVERY_REDIS_CONN_H
#define DR_DISCOVERY_REDIS_CONN_H

#include "discovery/redis_session.h"
#include "transport/transport.h"

#define DR_REDIS_READ_BYTES 16384u

typedef struct dr_redis_conn {
    dr_redis *redis; /* NULL: it has nothing to do any more */
    dr_transport *transport;
    void (*on_settled)(void *user); /* all is done that can be at present. May be NULL */
    void *user;
    bool is_settling;
    char room[DR_REDIS_READ_BYTES];
} dr_redis_conn;

/* dr_redis_conn_uses is the transport's user, with the dr_redis_conn as its `user`. */
extern const dr_transport_user dr_redis_conn_uses;

/* dr_redis_conn_settle does what the session wishes, and writes what it has to say. The transport's
 * events end in it; whoever has used the session outside of them calls it. An owner who hears of an
 * event may set `redis` to NULL and close the transport. */
void dr_redis_conn_settle(dr_redis_conn *conn);

#endif
