/* nodes.h: the servers a client knows, their groups, and which of them to ask next. */
#ifndef DR_CLIENT_NODES_H
#define DR_CLIENT_NODES_H

#include <dora/client.h>

#include "discovery/roster.h"

#define DR_NODES_MAX 256            /* in the groups of one client: dr_tried has a bit for each */
#define DR_NODES_OTHER_MAX 64       /* in no group, that calls named themselves */
#define DR_NODE_PAUSE_MS 100u       /* a node that failed once is left alone for so long, */
#define DR_NODE_PAUSE_MS_MAX 10000u /* doubled at each failure up to this */
#define DR_NODE_SILENCES_MAX 3u     /* calls in a row without any reply: as a failure */
#define DR_LATENCY_HALVES_MS 1000u  /* an unused node's latency counts half after so long */

typedef struct dr_node {
    dr_address address;
    uint32_t in_flight; /* calls that this client has under way there */
    uint32_t failures;  /* since the last success */
    uint32_t silences;  /* calls that timed out since the last reply */
    uint64_t aside_until_ms;
    uint64_t latency_ns; /* moving; 0: not known */
    uint64_t used_ms;    /* when that was measured */
    uint64_t asked_ms;   /* when a call began there */
} dr_node;

typedef struct dr_group {
    char *name;
    uint16_t *nodes; /* indices of items, each once */
    size_t count;
} dr_group;

/* dr_nodes: the first `listed` items stand in groups and stay; others come and go. */
typedef struct dr_nodes {
    dr_node *items;
    size_t count;
    size_t listed;
    dr_group *groups;
    size_t group_count;
} dr_nodes;

/* dr_tried marks the listed nodes that one call has tried already. Zeroed memory: none. */
typedef struct dr_tried {
    uint64_t bits[DR_NODES_MAX / 64];
} dr_tried;

void dr_tried_add(dr_tried *tried, size_t node);
bool dr_tried_has(const dr_tried *tried, size_t node);

/* dr_nodes_read makes the groups: those of `groups`, or one without a name of `nodes`. Addresses
 * are parted by commas, spaces around are fine; one that stands twice is one node.
 * Errors: DORA_EINVAL, naming the wrong one; DORA_ENOMEM. Ownership: dr_nodes_fini frees. */
dora_err dr_nodes_read(dr_nodes *nodes, const char *list, const dora_group *groups, size_t count,
                       dora_error *error);
void dr_nodes_fini(dr_nodes *nodes);

/* dr_nodes_group finds a group by its name. Errors: DORA_EINVAL, naming those that there are. */
dora_err dr_nodes_group(const dr_nodes *nodes, const char *name, size_t *group, dora_error *error);

/* dr_nodes_apply makes the groups those of a registry. A node that stays keeps what is known of it,
 * and its index; one that stands in no group any more is as one that calls named themselves: calls
 * under way there go on. Beyond DR_NODES_MAX nodes the rest is left out: `*left_out` says how many.
 * Errors: DORA_ENOMEM, and nothing has changed. */
dora_err dr_nodes_apply(dr_nodes *nodes, const dr_roster *roster, size_t *left_out);

/* dr_nodes_find gives the node of an address, nodes->count where there is none. dr_nodes_add makes
 * one more, which is in no group. Errors: DORA_ENOMEM. */
size_t dr_nodes_find(const dr_nodes *nodes, const dr_address *address);
dora_err dr_nodes_add(dr_nodes *nodes, const dr_address *address);

/* dr_nodes_recycle turns a node that is in no group into another one. */
void dr_nodes_recycle(dr_nodes *nodes, size_t node, const dr_address *address);

/* dr_nodes_oldest gives the one that was asked least recently of the nodes in no group that have no
 * call in flight and that `is_used` does not claim, nodes->count where there is none. */
size_t dr_nodes_oldest(const dr_nodes *nodes, bool (*is_used)(void *user, size_t node), void *user);

/* dr_nodes_untried counts a group's nodes that were not tried; with `is_usable` only those that are
 * not set aside. */
size_t dr_nodes_untried(const dr_nodes *nodes, size_t group, const dr_tried *tried, uint64_t now_ms,
                        bool is_usable);

/* dr_nodes_pick takes two nodes of a group at random that were not tried and are not set aside, and
 * gives the better: fewer calls in flight times lower latency. Where all that are left are set
 * aside, it picks among those. Returns: an index, or nodes->count when every node was tried. */
size_t dr_nodes_pick(const dr_nodes *nodes, size_t group, const dr_tried *tried, uint64_t now_ms,
                     uint64_t random);

/* dr_nodes_failed sets a node aside for a growing pause, but never more than half of any group;
 * dr_nodes_silent does so when a node has not answered several calls in a row;
 * dr_nodes_succeeded forgets its failures; dr_nodes_measured takes a reply's time into account. */
void dr_nodes_failed(dr_nodes *nodes, size_t node, uint64_t now_ms);
void dr_nodes_silent(dr_nodes *nodes, size_t node, uint64_t took_ns, uint64_t now_ms);
void dr_nodes_succeeded(dr_nodes *nodes, size_t node);
void dr_nodes_measured(dr_nodes *nodes, size_t node, uint64_t took_ns, uint64_t now_ms);

#endif
