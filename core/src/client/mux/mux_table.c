/* mux_table.c: the calls of a mux, by guid and by time. Pure. */
#include "client/mux/mux_table.h"

#include <string.h>

#include "base/mem.h"
#include "client/mux/mux.h"

#define BUCKETS_MIN 64u

/* Guids are random: any of their bytes do. */
static size_t bucket_of(const dora_mux *mux, const char *guid)
{
    uint64_t bits;
    memcpy(&bits, guid, sizeof bits);
    bits *= 0x9e3779b97f4a7c15u;
    return (size_t)(bits >> 32) & (mux->bucket_count - 1);
}

static dora_err grow_buckets(dora_mux *mux)
{
    size_t before = mux->bucket_count;
    dr_mux_call **old = mux->buckets;
    size_t count = before > 0 ? before * 2 : BUCKETS_MIN;
    dr_mux_call **buckets = dr_calloc(count, sizeof(dr_mux_call *));
    if (buckets == NULL) {
        return DORA_ENOMEM;
    }
    mux->buckets = buckets;
    mux->bucket_count = count;
    for (size_t i = 0; i < before; i++) {
        dr_mux_call *next = NULL;
        for (dr_mux_call *at = old[i]; at != NULL; at = next) {
            dr_mux_call **bucket = &buckets[bucket_of(mux, at->guid)];
            next = at->next_same;
            at->next_same = *bucket;
            *bucket = at;
        }
    }
    dr_free(old);
    return DORA_OK;
}

static dora_err grow_heap(dora_mux *mux)
{
    size_t room = mux->heap_room > 0 ? mux->heap_room * 2 : BUCKETS_MIN;
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
    if ((mux->count >= mux->bucket_count && grow_buckets(mux) != DORA_OK) ||
        (mux->count >= mux->heap_room && grow_heap(mux) != DORA_OK)) {
        return DORA_ENOMEM;
    }
    dr_mux_call **bucket = &mux->buckets[bucket_of(mux, call->guid)];
    call->next_same = *bucket;
    *bucket = call;
    mux->count++;
    return DORA_OK;
}

void dr_mux_table_remove(dora_mux *mux, dr_mux_call *call)
{
    dr_mux_call **link = &mux->buckets[bucket_of(mux, call->guid)];
    while (*link != call) {
        link = &(*link)->next_same;
    }
    *link = call->next_same;
    dr_mux_alarm(mux, call, 0);
    mux->count--;
}

dr_mux_call *dr_mux_table_find(const dora_mux *mux, const char *guid)
{
    if (mux->bucket_count == 0) {
        return NULL;
    }
    dr_mux_call *at = mux->buckets[bucket_of(mux, guid)];
    while (at != NULL && memcmp(at->guid, guid, DR_GUID_LEN) != 0) {
        at = at->next_same;
    }
    return at;
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
