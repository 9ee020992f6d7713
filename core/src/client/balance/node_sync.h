/* node_sync.h: which servers a client knows. */
#ifndef DR_CLIENT_NODE_SYNC_H
#define DR_CLIENT_NODE_SYNC_H

#include "client/balance/nodes.h"

/* dr_nodes_expect makes the nodes of a registry, of which nothing is known yet. `group` is the
 * usual one; NULL: the first one that the registry has; it stays that while its servers are gone.
 * Errors: DORA_ENOMEM.
 * Ownership: as dr_nodes_read. */
dora_err dr_nodes_expect(dr_nodes *nodes, const char *group);

/* dr_nodes_apply makes the groups those of a registry. A node that stays keeps what is known of it,
 * and its index; one that stands in no group any more is as one that calls named themselves: calls
 * under way there go on, and its idle connections are closed. Beyond DR_NODES_MAX nodes or
 * DR_NODES_GROUPS_MAX groups the rest is left out: `*left_out` says how many places of nodes.
 * Errors: DORA_ENOMEM, and nothing has changed. */
dora_err dr_nodes_apply(dr_nodes *nodes, const dr_roster *roster, const dr_nodes_owner *owner,
                        size_t *left_out);

/* dr_nodes_find gives the node of an address, nodes->count where there is none. dr_nodes_add makes
 * one more, which is in no group. Errors: DORA_ENOMEM. */
size_t dr_nodes_find(const dr_nodes *nodes, const dr_address *address);
dora_err dr_nodes_add(dr_nodes *nodes, const dr_address *address);

/* dr_nodes_name gives the node of an address that a call names. Where there is none, it is made; of
 * DR_NODES_OTHER_MAX in no group the one that was asked least recently, and where nothing is under
 * way, is forgotten for it. Errors: DORA_ENOMEM; DORA_EFULL, when calls are under way to all. */
dora_err dr_nodes_name(dr_nodes *nodes, const dr_address *address, const dr_nodes_owner *owner,
                       size_t *node, dora_error *error);

#endif
