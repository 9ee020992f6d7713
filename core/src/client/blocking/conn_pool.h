/* conn_pool.h: the connections of a client: idle ones by node, and those in use. */
#ifndef DR_CLIENT_CONN_POOL_H
#define DR_CLIENT_CONN_POOL_H

#include "client/balance/nodes.h"
#include "client/shared/link.h"
#include "transport/transport_poll.h"

#define DR_IDLE_MAX 256              /* idle connections to one node; a thread uses one at a time */
#define DR_IDLE_TRUST_NS 1000000000u /* unused for longer: looked at before it is used again */

/* dr_pooled_conn is one connection to one node. Link and stream belong to whoever took or opened it
 * until it is given back or dropped; the rest is the pool's. */
typedef struct dr_pooled_conn {
    dr_link link;
    dr_stream stream;
    size_t node;
    size_t pending;         /* submissions whose results are still to come on it */
    bool is_ending;         /* takes no more requests: it is kept for those results only */
    bool is_idle;           /* nobody has it */
    bool is_left;           /* a stream on it was left by its caller, of which more may come: */
    char left[DR_GUID_LEN]; /* this one */
    uint64_t used_ns;       /* when it last served a call; 0: look at it before the next */
    struct dr_pooled_conn *idle_next;
    struct dr_pooled_conn *next; /* among all of the pool */
    struct dr_pooled_conn *before;
} dr_pooled_conn;

typedef struct dr_idle {
    dr_pooled_conn *top;
    size_t count;
} dr_idle;

/* dr_conn_pool owns all connections of a client. Thread: one at a time (the client's lock). */
typedef struct dr_conn_pool {
    dr_pooled_conn *all;
    dr_idle *idle; /* one for each node */
    size_t node_count;
} dr_conn_pool;

/* dr_conn_pool_grow makes room for the idle connections of `node_count` nodes. Errors: DORA_ENOMEM.
 * dr_conn_pool_fini closes and frees all; both are fine on zeroed memory. */
dora_err dr_conn_pool_grow(dr_conn_pool *pool, size_t node_count);
void dr_conn_pool_fini(dr_conn_pool *pool);

/* dr_conn_pool_take gives the node's connection that was used last and takes requests, or NULL when
 * none is idle. dr_conn_pool_take_pending gives any that has submissions outstanding, of any node;
 * dr_conn_pool_take_this this one, or NULL while somebody has it. */
dr_pooled_conn *dr_conn_pool_take(dr_conn_pool *pool, size_t node);
dr_pooled_conn *dr_conn_pool_take_this(dr_conn_pool *pool, dr_pooled_conn *peer);
dr_pooled_conn *dr_conn_pool_take_pending(dr_conn_pool *pool);

/* dr_conn_pool_open gives a new one that is not connected yet. Returns: NULL when out of memory. */
dr_pooled_conn *dr_conn_pool_open(dr_conn_pool *pool, size_t node, const dora_frame_options *frame);

/* dr_conn_pool_give makes a connection idle again, or drops it where nothing speaks for keeping it:
 * there are enough, or it takes no requests and nothing is outstanding. dr_conn_pool_drop closes
 * and frees it. */
void dr_conn_pool_give(dr_conn_pool *pool, dr_pooled_conn *peer, uint64_t now_ns);
void dr_conn_pool_drop(dr_conn_pool *pool, dr_pooled_conn *peer);

/* dr_conn_pool_distrust makes every idle connection of a node be looked at before it is used.
 * dr_conn_pool_clear drops them; those with submissions outstanding take no more requests. */
void dr_conn_pool_distrust(dr_conn_pool *pool, size_t node);
void dr_conn_pool_clear(dr_conn_pool *pool, size_t node);

/* dr_conn_pool_sweep drops idle connections that take no requests and have nothing outstanding. */
void dr_conn_pool_sweep(dr_conn_pool *pool);

/* dr_conn_pool_is_used says whether a call or a submission needs a connection to the node. */
bool dr_conn_pool_is_used(const dr_conn_pool *pool, size_t node);

/* dr_conn_pool_owner is the pool as the nodes see it. */
dr_nodes_owner dr_conn_pool_owner(dr_conn_pool *pool);

/* dr_conn_pool_forget is for the child after a fork: it drops the idle connections and closes the
 * others, which then belong to threads that are not there. */
void dr_conn_pool_forget(dr_conn_pool *pool);

/* dr_peer_is_usable says whether an idle connection may serve a call at `now_ns`. False is certain
 * only where nothing is outstanding: else what came may be results. */
bool dr_peer_is_usable(const dr_pooled_conn *peer, uint64_t now_ns);

#endif
