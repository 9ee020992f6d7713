/* registry_news.h: what a registry says, to a client's nodes and to its on_warning. */
#ifndef DR_CLIENT_REGISTRY_NEWS_H
#define DR_CLIENT_REGISTRY_NEWS_H

#include "base/buf.h"
#include "client/balance/node_sync.h"
#include "discovery/registry.h"

/* dr_registry_news is what is to be told, and applied again. */
typedef struct dr_registry_news {
    void (*on_warning)(void *user, const char *text); /* of the options; NULL: nobody hears */
    void *user;
    dr_buf warnings; /* not yet told, each with its NUL */
    size_t left_out; /* places of nodes, when it was told last */
    bool is_stale;   /* the nodes are not those of the registry: there was no memory */
} dr_registry_news;

/* dr_registry_news_of takes the options' on_warning; dr_registry_news_events has a registry's
 * warnings kept. They wait until nothing of the client is half changed. */
dr_registry_news dr_registry_news_of(const dora_client_options *options);
dr_registry_events dr_registry_news_events(dr_registry_news *news);

/* dr_registry_news_apply gives the nodes what the registry has found since. Out of memory: it is
 * tried again the next time. */
void dr_registry_news_apply(dr_registry_news *news, dr_registry *registry, dr_nodes *nodes,
                            const dr_nodes_owner *owner);

/* dr_registry_news_take takes the warnings out, and dr_registry_news_tell tells on_warning what was
 * taken, and frees it: between the two a lock may be given up. */
dr_buf dr_registry_news_take(dr_registry_news *news);
void dr_registry_news_tell(const dr_registry_news *news, dr_buf *warnings);

#endif
