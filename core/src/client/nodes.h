/* nodes.h: the servers a client knows, and which of them to ask next. */
#ifndef DR_CLIENT_NODES_H
#define DR_CLIENT_NODES_H

#include <dora/value.h>

#include "client/address.h"

#define DR_NODES_MAX 256            /* of one client: dr_tried has a bit for each */
#define DR_NODE_PAUSE_MS 100u       /* a node that failed once is left alone for so long, */
#define DR_NODE_PAUSE_MS_MAX 10000u /* doubled at each failure up to this */

typedef struct dr_node {
    char host[DR_HOST_BYTES];
    uint16_t port;
    uint32_t in_flight; /* calls that this client has under way there */
    uint32_t failures;  /* since the last success */
    uint64_t aside_until_ms;
} dr_node;

typedef struct dr_nodes {
    dr_node *items;
    size_t count;
} dr_nodes;

/* dr_tried marks the nodes that one call has tried already. Zeroed memory: none. */
typedef struct dr_tried {
    uint64_t bits[DR_NODES_MAX / 64];
} dr_tried;

void dr_tried_add(dr_tried *tried, size_t node);
bool dr_tried_has(const dr_tried *tried, size_t node);

/* dr_nodes_parse reads "host:port", or several with commas (spaces around are fine).
 * Errors: DORA_EINVAL, naming the wrong one; DORA_ENOMEM. Ownership: dr_nodes_fini frees. */
dora_err dr_nodes_parse(dr_nodes *nodes, const char *text, dora_error *error);
void dr_nodes_fini(dr_nodes *nodes);

/* dr_nodes_pick takes two nodes at random that were not tried and are not set aside, and gives the
 * one with fewer calls in flight. Where all that are left are set aside, it picks among those.
 * Returns: an index, or nodes->count when every node was tried. */
size_t dr_nodes_pick(const dr_nodes *nodes, const dr_tried *tried, uint64_t now_ms,
                     uint64_t random);

/* dr_nodes_failed sets a node aside for a growing pause, but never more than half of all nodes;
 * dr_nodes_succeeded forgets its failures. */
void dr_nodes_failed(dr_nodes *nodes, size_t node, uint64_t now_ms);
void dr_nodes_succeeded(dr_nodes *nodes, size_t node);

#endif
