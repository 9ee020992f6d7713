/* reply_waiters.h: lists of seats: the joiners of a call, and the inboxes of lanes. Thread: the
 * store's, under its lock. */
#ifndef DR_SERVER_REPLY_WAITERS_H
#define DR_SERVER_REPLY_WAITERS_H

#include <stddef.h>

#include "server/dedupe/reply_cache.h"

/* A link that stands in no list has no next. */
static inline void dr_kept_list_init(dr_kept_link *list)
{
    list->next = list->prev = list;
}

static inline bool dr_kept_list_is_empty(const dr_kept_link *list)
{
    return list->next == list;
}

static inline void dr_kept_list_append(dr_kept_link *list, dr_kept_link *link)
{
    link->next = list;
    link->prev = list->prev;
    list->prev->next = link;
    list->prev = link;
}

static inline void dr_kept_list_remove(dr_kept_link *link)
{
    if (link->next != NULL) {
        link->next->prev = link->prev;
        link->prev->next = link->next;
        link->next = link->prev = NULL;
    }
}

static inline dr_kept_seat *dr_kept_seat_of(dr_kept_link *link)
{
    return (dr_kept_seat *)((char *)link - offsetof(dr_kept_seat, link));
}

#endif
