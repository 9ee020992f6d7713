/* nodes.h: what a program gives as its servers, put together for dora_client_options. For bindings:
 * they walk the containers of their language, and what is wrong is found and worded here.
 *
 *     dora_nodes *nodes = dora_nodes_new();
 *     dora_nodes_group(nodes, name);   where there are groups: before the nodes of each
 *     dora_nodes_list(nodes);          where the nodes are a list: before the first one
 *     dora_nodes_add(nodes, text);     for each node
 *     err = dora_nodes_finish(nodes, &options, &is_type, &error);
 */
#ifndef DORA_NODES_H
#define DORA_NODES_H

#include <dora/client.h>

#ifdef __cplusplus
extern "C" {
#endif

/* dora_nodes is such servers. It keeps its first error, which dora_nodes_finish returns: nothing
 * else needs a look. Thread: one at a time. */
typedef struct dora_nodes dora_nodes;

/* dora_nodes_new gives an empty one; dora_nodes_free frees it (NULL is fine).
 * Returns: NULL when out of memory. */
DORA_API dora_nodes *dora_nodes_new(void);
DORA_API void dora_nodes_free(dora_nodes *nodes);

/* dora_nodes_group begins a group: what follows belongs to it. dora_nodes_list says that the nodes
 * that follow are items of a list. dora_nodes_add takes one text, as dora_client_options.nodes.
 * Ownership: they copy. */
DORA_API void dora_nodes_group(dora_nodes *nodes, dora_slice name);
DORA_API void dora_nodes_list(dora_nodes *nodes);
DORA_API void dora_nodes_add(dora_nodes *nodes, dora_slice text);

/* dora_nodes_other says that something else than a text came at this place, or as a group's name:
 * `came` is the name of its type. */
DORA_API void dora_nodes_other(dora_nodes *nodes, bool is_name, const char *came);

/* dora_nodes_finish sets nodes, groups and group_count of `options`. Ownership: these are borrowed
 * from `nodes`. Errors: DORA_EINVAL, the message saying where (nodes["a"][1]), what came and what
 * is wanted; `*is_type` (may be NULL): something of another type. DORA_ENOMEM. */
DORA_API dora_err dora_nodes_finish(dora_nodes *nodes, dora_client_options *options, bool *is_type,
                                    dora_error *error);

/* dora_node_text writes a node of an ip (or a host's name; IPv6 with or without brackets) and a
 * port, as dora_nodes_add takes it, NUL-ended. Errors: DORA_EINVAL, saying which of them is
 * wrong. */
#define DORA_NODE_TEXT_MAX 264
DORA_API dora_err dora_node_text(dora_slice ip, int64_t port, char text[DORA_NODE_TEXT_MAX],
                                 dora_error *error);

#ifdef __cplusplus
}
#endif
#endif
