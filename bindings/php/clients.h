/* clients.h: the clients of the core that this process has: by nodes and wire options, shared by
 * all objects that have the same. */
#ifndef PHP_DORA_CLIENTS_H
#define PHP_DORA_CLIENTS_H

#include "nodes.h"
#include "options.h"

/* php_dora_shared is one of them. Objects count in `refs`; without any it is kept for the next. */
typedef struct php_dora_shared {
    dora_client *client;
    uint32_t refs;
    uint64_t used; /* when it was last taken; counts up */
} php_dora_shared;

/* php_dora_clients_init and _fini set up and end a table of them. */
void php_dora_clients_init(HashTable *table);
void php_dora_clients_fini(HashTable *table);

/* php_dora_clients_take finds or makes the one for the nodes of `nodes`, as php_dora_nodes_read has
 * set them, and the wire options in `options`.
 * Where the table has many, one that nobody uses and waits for goes. Returns: NULL, and why in
 * `error`. Ownership: counts a reference, which php_dora_clients_give gives back (NULL is fine). */
php_dora_shared *php_dora_clients_take(HashTable *table, const dora_client_options *nodes,
                                       const php_dora_options *options, dora_error *error);
void php_dora_clients_give(php_dora_shared *shared);

/* php_dora_clients_forget drops what was submitted by any of the table and not collected. */
void php_dora_clients_forget(HashTable *table);

#endif
