/* roster.h: groups of nodes, as a registry knows them. Pure. */
#ifndef DR_DISCOVERY_ROSTER_H
#define DR_DISCOVERY_ROSTER_H

#include "base/address.h"

#define DR_ROSTER_NODES_MAX 4096u /* over all groups: bounds what a registry can make us keep */
#define DR_ROSTER_GROUPS_MAX 1024u

typedef struct dr_roster_node {
    dr_address address;
    int64_t updatetime; /* seconds, as its registry says; 0: not known */
} dr_roster_node;

typedef struct dr_roster_group {
    char *name;
    dr_roster_node *nodes; /* each address once */
    size_t count;
} dr_roster_group;

/* dr_roster is groups in order. Zeroed memory is an empty one; dr_roster_fini frees. */
typedef struct dr_roster {
    dr_roster_group *groups; /* each name once, each with at least one node */
    size_t count;
} dr_roster;

void dr_roster_fini(dr_roster *roster);

/* dr_roster_add puts a node into a group, made if need be; of one that is there already the later
 * updatetime is kept. Errors: DORA_ENOMEM, DORA_EFULL. dr_roster_join adds all of `other`. */
dora_err dr_roster_add(dr_roster *roster, dora_slice group, const dr_address *address,
                       int64_t updatetime);
dora_err dr_roster_join(dr_roster *roster, const dr_roster *other);

/* dr_roster_remove takes out all nodes that stand in `other`, in whatever group. */
void dr_roster_remove(dr_roster *roster, const dr_roster *other);

/* dr_roster_sort orders groups by name, and nodes by host as text, then by port.
 * dr_roster_is_same compares groups and addresses of two sorted ones, not updatetime. */
void dr_roster_sort(dr_roster *roster);
bool dr_roster_is_same(const dr_roster *one, const dr_roster *other);

/* dr_roster_count_nodes counts addresses: one that stands in several groups is one node. */
size_t dr_roster_count_nodes(const dr_roster *roster);

/* dr_roster_counts writes "3 nodes in 2 groups". */
#define DR_ROSTER_COUNTS_MAX 64
const char *dr_roster_counts(const dr_roster *roster, char text[DR_ROSTER_COUNTS_MAX]);

/* dr_roster_compare tells each difference from `before` to `after`, both sorted: nodes that came
 * (is_join) and that left a group. */
typedef void (*dr_roster_change_fn)(void *user, bool is_join, const char *group,
                                    const dr_address *address);
void dr_roster_compare(const dr_roster *before, const dr_roster *after,
                       dr_roster_change_fn on_change, void *user);

#endif
