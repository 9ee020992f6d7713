/* mux_table.c: the calls of a mux, by guid and by time. Pure. */
#include "client/mux/mux_table.h"

#include <string.h>

#include "base/mem.h"
#include "client/mux/mux.h"

#define HEAP_ROOM_MIN 64u

static dora_err grow_heap(dora_mux *mux)
{
    size_t room = mux->heap_room > 0 ? mux->heap_room * 2 : HEAP_ROOM_MIN;
    dr_mux_call **heap = dr_realloc(mux->heap, room * sizeof(dr_mux_call *));
    if (heap == NULL) {
        return DORA_ENOMEM;
    }
    mux->heap = heap;
    mux->heap_room = room;
    return DORA_OK;
}

dora_err dr_mux_table_add(dora_mux *mux, dr_mux_call *call)
{
    if (mux->by_guid.count >= mux->heap_room && grow_heap(mux) != DORA_OK) {
        return DORA_ENOMEM;
    }
    call->entry.guid = call->guid;
    return dr_guid_table_add(&mux->by_guid, &call->entry);
}

void dr_mux_table_remove(dora_mux *mux, dr_mux_call *call)
{
    dr_guid_table_remove(&mux->by_guid, &call->entry);
    dr_mux_alarm(mux, call, 0);
}

dr_mux_call *dr_mux_table_find(const dora_mux *mux, const char *guid)
{
    return (dr_mux_call *)dr_guid_table_find(&mux->by_guid, guid);
}

static void put(dora_mux *mux, size_t at, dr_mux_call *call)
{
    mux->heap[at] = call;
    call->heap_at = at;
}

static void sift(dora_mux *mux, dr_mux_call *call)
{
    size_t at = call->heap_at;
    while (at > 0 && mux->heap[(at - 1) / 2]->alarm_ns > call->alarm_ns) {
        put(mux, at, mux->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (;;) {
        size_t child = at * 2 + 1;
        if (child + 1 < mux->heap_count &&
            mux->heap[child + 1]->alarm_ns < mux->heap[child]->alarm_ns) {
            child++;
        }
        if (child >= mux->heap_count || mux->heap[child]->alarm_ns >= call->alarm_ns) {
            break;
        }
        put(mux, at, mux->heap[child]);
        at = child;
    }
    put(mux, at, call);
}

void dr_mux_alarm(dora_mux *mux, dr_mux_call *call, uint64_t alarm_ns)
{
    bool was_set = call->alarm_ns != 0;
    call->alarm_ns = alarm_ns;
    if (alarm_ns != 0) {
        call->heap_at = was_set ? call->heap_at : mux->heap_count++;
        sift(mux, call);
    } else if (was_set) {
        dr_mux_call *last = mux->heap[--mux->heap_count];
        if (last != call) {
            last->heap_at = call->heap_at;
            sift(mux, last);
        }
    }
}

void dr_mux_list_add(dr_mux_list *list, dr_mux_call *call)
{
    call->next = NULL;
    call->before = list->last;
    if (list->last != NULL) {
        list->last->next = call;
    } else {
        list->first = call;
    }
    list->last = call;
    list->count++;
}

void dr_mux_list_remove(dr_mux_list *list, dr_mux_call *call)
{
    if (call->before != NULL) {
        call->before->next = call->next;
    } else {
        list->first = call->next;
    }
    if (call->next != NULL) {
        call->next->before = call->before;
    } else {
        list->last = call->before;
    }
    list->count--;
}
