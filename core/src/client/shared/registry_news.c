/* registry_news.c: what a registry says, to a client's nodes and to its on_warning. Pure. */
#include "client/shared/registry_news.h"

#include <stdio.h>
#include <string.h>

#define WARNINGS_BYTES_MAX 65536u /* not yet told; the rest is dropped */

static void keep(void *user, const char *text)
{
    dr_registry_news *news = user;
    const size_t size = strlen(text) + 1;
    if (news->on_warning != NULL && news->warnings.len + size <= WARNINGS_BYTES_MAX) {
        (void)dr_buf_append(&news->warnings, text, size); /* out of memory: nobody hears it */
    }
}

dr_registry_news dr_registry_news_of(const dora_client_options *options)
{
    return (dr_registry_news){.on_warning = options->on_warning, .user = options->user};
}

dr_registry_events dr_registry_news_events(dr_registry_news *news)
{
    return (dr_registry_events){.on_warning = keep, .user = news};
}

void dr_registry_news_apply(dr_registry_news *news, dr_registry *registry, dr_nodes *nodes,
                            const dr_nodes_owner *owner)
{
    size_t left_out = 0;
    news->is_stale = dr_registry_changed(registry) || news->is_stale;
    const dr_roster *roster = dr_registry_roster(registry);
    if (!news->is_stale || roster == NULL ||
        dr_nodes_apply(nodes, roster, owner, &left_out) != DORA_OK) {
        return;
    }
    news->is_stale = false;
    if (left_out > 0 && left_out != news->left_out) {
        char text[160];
        snprintf(text, sizeof text,
                 "a client takes %d nodes in %d groups: %zu places of nodes are left out",
                 DR_NODES_MAX, DR_NODES_GROUPS_MAX, left_out);
        keep(news, text);
    }
    news->left_out = left_out;
}

dr_buf dr_registry_news_take(dr_registry_news *news)
{
    const dr_buf warnings = news->warnings;
    news->warnings = (dr_buf){.data = NULL};
    return warnings;
}

void dr_registry_news_tell(const dr_registry_news *news, dr_buf *warnings)
{
    for (size_t at = 0; at < warnings->len; at += strlen(warnings->data + at) + 1) {
        news->on_warning(news->user, warnings->data + at);
    }
    dr_buf_fini(warnings);
}
