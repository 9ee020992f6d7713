/* conn_pool.h: the connections of a client: idle ones by node, and those in use. */
#ifndef DR_CLIENT_CONN_POOL_H
#define DR_CLIENT_CONN_POOL_H

#include "client/balance/nodes.h"
#include "client/blocking/socket.h"
#include "client/shared/link.h"

#define DR_IDLE_MAX 256              /* idle connections to one node; a thread uses one at a time */
#define DR_IDLE_TRUST_NS 1000000000u /* unused for longer: looked at before it is used again */

/* dr_peer is one connection to one node. Link and socket belong to whoever took or opened it until
 * it is given back or dropped; the rest is the keep's. */
typedef struct dr_peer {
    dr_link link;
    dr_socket socket;
    size_t node;
    size_t pending;   /* submissions whose results are still to come on it */
    bool is_ending;   /* takes no more requests: it is kept for those results only */
    bool is_idle;     /* nobody has it */
    uint64_t used_ns; /* when it last served a call; 0: look at it before the next */
    struct dr_peer *idle_next;
    struct dr_peer *next; /* among all of the keep */
    struct dr_peer *before;
} dr_peer;

typedef struct dr_idle {
    dr_peer *top;
    size_t count;
} dr_idle;

/* dr_keep owns all connections of a client. Thread: one at a time (the client's lock). */
typedef struct dr_keep {
    dr_peer *all;
    dr_idle *idle; /* one for each node */
    size_t node_count;
} dr_keep;

/* dr_keep_grow makes room for the idle connections of `node_count` nodes. Errors: DORA_ENOMEM.
 * dr_keep_fini closes and frees all; both are fine on zeroed memory. */
dora_err dr_keep_grow(dr_keep *keep, size_t node_count);
void dr_keep_fini(dr_keep *keep);

/* dr_keep_take gives the node's connection that was used last and takes requests, or NULL when none
 * is idle. dr_keep_take_pending gives any that has submissions outstanding, of any node;
 * dr_keep_take_this this one, or NULL while somebody has it. */
dr_peer *dr_keep_take(dr_keep *keep, size_t node);
dr_peer *dr_keep_take_this(dr_keep *keep, dr_peer *peer);
dr_peer *dr_keep_take_pending(dr_keep *keep);

/* dr_keep_open gives a new one that is not connected yet. Returns: NULL when out of memory. */
dr_peer *dr_keep_open(dr_keep *keep, size_t node, const dora_frame_options *frame);

/* dr_keep_give makes a connection idle again, or drops it where nothing speaks for keeping it:
 * there are enough, or it takes no requests and nothing is outstanding. dr_keep_drop closes and
 * frees it. */
void dr_keep_give(dr_keep *keep, dr_peer *peer, uint64_t now_ns);
void dr_keep_drop(dr_keep *keep, dr_peer *peer);

/* dr_keep_doubt makes every idle connection of a node be looked at before it is used. dr_keep_clear
 * drops them; those with submissions outstanding take no more requests. */
void dr_keep_doubt(dr_keep *keep, size_t node);
void dr_keep_clear(dr_keep *keep, size_t node);

/* dr_keep_sweep drops idle connections that take no requests and have nothing outstanding. */
void dr_keep_sweep(dr_keep *keep);

/* dr_keep_is_used says whether a call or a submission needs a connection to the node. */
bool dr_keep_is_used(const dr_keep *keep, size_t node);

/* dr_keep_owner is the keep as the nodes see it. */
dr_nodes_owner dr_keep_owner(dr_keep *keep);

/* dr_keep_forget is for the child after a fork: it drops the idle connections and closes the
 * others, which then belong to threads that are not there. */
void dr_keep_forget(dr_keep *keep);

/* dr_peer_is_usable says whether an idle connection may serve a call at `now_ns`. False is certain
 * only where nothing is outstanding: else what came may be results. */
bool dr_peer_is_usable(const dr_peer *peer, uint64_t now_ns);

#endif
