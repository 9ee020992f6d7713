/* reply_waiters.h: lists of seats: the followers of a call, and the inboxes of lanes. Thread: the
 * store's, under its lock. */
#ifndef DR_SERVER_REPLY_WAITERS_H
#define DR_SERVER_REPLY_WAITERS_H

#include <stddef.h>

#include "server/dedupe/reply_cache.h"

/* A link that stands in no list has no next. */
static inline void dr_reply_cache_list_init(dr_reply_cache_link *list)
{
    list->next = list->prev = list;
}

static inline bool dr_reply_cache_list_is_empty(const dr_reply_cache_link *list)
{
    return list->next == list;
}

static inline void dr_reply_cache_list_append(dr_reply_cache_link *list, dr_reply_cache_link *link)
{
    link->next = list;
    link->prev = list->prev;
    list->prev->next = link;
    list->prev = link;
}

static inline void dr_reply_cache_list_remove(dr_reply_cache_link *link)
{
    if (link->next != NULL) {
        link->next->prev = link->prev;
        link->prev->next = link->next;
        link->next = link->prev = NULL;
    }
}

static inline dr_reply_waiter *dr_reply_waiter_of(dr_reply_cache_link *link)
{
    return (dr_reply_waiter *)((char *)link - offsetof(dr_reply_waiter, link));
}

#endif
