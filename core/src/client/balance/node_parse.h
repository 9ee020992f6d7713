/* node_parse.h: the servers and groups that a client is given, read from text. */
#ifndef DR_CLIENT_NODE_PARSE_H
#define DR_CLIENT_NODE_PARSE_H

#include "client/balance/nodes.h"

/* dr_nodes_read makes the groups: those of `groups`, or one without a name of `nodes`. Addresses
 * are parted by commas, spaces around are fine; one that stands twice is one node.
 * Errors: DORA_EINVAL, naming the wrong one; DORA_ENOMEM. Ownership: dr_nodes_fini frees. */
dora_err dr_nodes_read(dr_nodes *nodes, const char *list, const dora_group *groups, size_t count,
                       dora_error *error);
void dr_nodes_fini(dr_nodes *nodes);

/* dr_nodes_group finds a group by its name. Errors, naming those that there are: DORA_EINVAL, and
 * of a registry, where it may come, DORA_ECONNECT (code 100010). */
dora_err dr_nodes_group(const dr_nodes *nodes, const char *name, size_t *group, dora_error *error);

#endif
