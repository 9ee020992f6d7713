/* nodes.h: the servers a client knows, their groups, and which of them to ask next. */
#ifndef DR_CLIENT_NODES_H
#define DR_CLIENT_NODES_H

#include <dora/client.h>

#include "discovery/roster.h"

#define DR_NODES_MAX 256               /* in the groups of one client */
#define DR_NODES_OTHER_MAX 64          /* in no group, that calls named themselves */
#define DR_NODES_GROUPS_MAX 1024       /* names of groups, of a registry all that it ever had */
#define DR_NODE_PAUSE_MS 100u          /* a node that failed once is left alone for so long, */
#define DR_NODE_PAUSE_MS_MAX 10000u    /* doubled at each failure up to this */
#define DR_NODE_SILENCES_MAX 3u        /* calls in a row without any reply: as a failure */
#define DR_LATENCY_FORGOTTEN_MS 10000u /* a latency that was not measured again for so long is */
#define DR_LATENCY_SAMPLES 8u          /* replies of which the quickest counts */
#define DR_LATENCY_NOISE_NS 500000u    /* less between two nodes is the scheduler's, not theirs */
#define DR_WEIGHT_ONE 16u              /* of a node that is as quick as the quickest */
#define DR_WEIGHT_MAX (64u * DR_WEIGHT_ONE) /* the slowest still gets a call, to be measured */
#define DR_NODE_YOUNG_CALLS 32u /* the first calls to a node come by turns, however idle it is */

typedef struct dr_node {
    dr_address address;
    bool is_listed;     /* it stands in a group */
    uint32_t life;      /* counts the servers that had this index before */
    uint32_t in_flight; /* calls that this client has under way there */
    uint32_t failures;  /* since the last success */
    uint32_t silences;  /* calls that timed out since the last reply */
    uint64_t ejected_until_ms;
    uint64_t before_ns; /* the quickest of DR_LATENCY_SAMPLES replies; 0: there were none yet */
    uint64_t recent_ns; /* the quickest of those since, where */
    uint32_t samples;   /* are so many */
    uint64_t used_ms;   /* when the last was measured */
    uint32_t calls;     /* picks since it came or failed, up to DR_NODE_YOUNG_CALLS */
    uint64_t turn;      /* the node with the lowest is next; grows by its weight at each pick */
    uint64_t asked_ms;  /* when a call began there */
} dr_node;

typedef struct dr_group {
    char *name;
    uint16_t *nodes; /* indices of items, each once */
    size_t count;
} dr_group;

/* dr_nodes: an index stays a server's while a call is in flight there, or a connection in use. So
 * does a group's, for ever: one that a registry has no more is without nodes. */
typedef struct dr_nodes {
    dr_node *items;
    size_t count;
    size_t listed; /* of them: in groups */
    dr_group *groups;
    size_t group_count;
    size_t default_group;     /* the group of calls that name none: */
    bool is_default_explicit; /* the options name it; else it is the registry's first */
    bool is_watched;          /* the groups are a registry's: dr_nodes_apply changes them */
} dr_nodes;

/* dr_nodes_owner is who has the connections to the nodes. */
typedef struct dr_nodes_owner {
    dora_err (*grow)(void *user, size_t count);  /* makes room for so many nodes */
    bool (*is_used)(void *user, size_t node);    /* something is under way on a connection */
    void (*close_idle)(void *user, size_t node); /* closes the connections where nothing is */
    void *user;
} dr_nodes_owner;

/* dr_tried marks the nodes that one call has tried already. Zeroed memory: none. */
typedef struct dr_tried {
    uint64_t bits[(DR_NODES_MAX + DR_NODES_OTHER_MAX) / 64];
} dr_tried;

void dr_tried_add(dr_tried *tried, size_t node);
bool dr_tried_has(const dr_tried *tried, size_t node);

/* dr_nodes_untried counts a group's nodes that were not tried; with `is_usable` only those that are
 * not set aside. */
size_t dr_nodes_untried(const dr_nodes *nodes, size_t group, const dr_tried *tried, uint64_t now_ms,
                        bool is_usable);

/* dr_nodes_pick chooses among the nodes of a group that were not tried and are not set aside, and
 * counts the choice: where the least work is under way (calls in flight times weight), and of
 * several such, whose turn it is. A node's weight is by how much it answers slower than the
 * quickest; equal nodes get equal shares, a node twice as slow half of one. `random` decides where
 * all is equal. Where all that are left are set aside, it picks among those.
 * Returns: an index, or nodes->count when every node was tried. */
size_t dr_nodes_pick(dr_nodes *nodes, size_t group, const dr_tried *tried, uint64_t now_ms,
                     uint64_t random);

/* dr_nodes_failed sets a node aside for a growing pause, but never more than half of any group;
 * dr_nodes_silent does so when a node has not answered several calls in a row;
 * dr_nodes_succeeded forgets its failures; dr_nodes_measured takes a reply's time into account. */
void dr_nodes_failed(dr_nodes *nodes, size_t node, uint64_t now_ms);
void dr_nodes_silent(dr_nodes *nodes, size_t node, uint64_t took_ns, uint64_t now_ms);
void dr_nodes_succeeded(dr_nodes *nodes, size_t node);
void dr_nodes_measured(dr_nodes *nodes, size_t node, uint64_t took_ns, uint64_t now_ms);

#endif
