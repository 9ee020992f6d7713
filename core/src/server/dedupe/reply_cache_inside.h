/* reply_cache_inside.h: what is in a reply cache, for its files. Thread: under its lock. */
#ifndef DR_SERVER_REPLY_CACHE_INSIDE_H
#define DR_SERVER_REPLY_CACHE_INSIDE_H

#include <sched.h>

#include "base/buf.h"
#include "base/limits.h"
#include "server/dedupe/reply_cache.h"
#include "server/dedupe/reply_move.h"
#include "server/dedupe/reply_ring.h"
#include "server/dedupe/reply_table.h"

/* An entry holds the status of an error over HTTP as what is above this. */
#define DR_REPLY_STATUS_BELOW 399u

/* States of entries; 0 is a free one. */
enum { DR_REPLY_RUNNING = 1, DR_REPLY_KEPT, DR_REPLY_LOST };

/* dr_reply_move is how far a move to another server has come (reply_move.c): entries are told in
 * the order of its stages. */
typedef struct dr_reply_move {
    bool is_on;
    bool has_begun; /* the key is told */
    uint32_t stage;
    uint32_t running; /* entries that were looked at, in the order of the table */
    uint32_t reply;   /* the next one to be told, as is the next; 0: none is left */
    uint32_t lost;
    dr_buf ended; /* what has ended meanwhile, as records */
    dr_reply_wake wake;
} dr_reply_move;

struct dr_reply_cache {
    _Atomic bool is_locked;
    dr_reply_cache_limits limits;
    dr_digest_key key;
    dr_reply_table table;
    dr_reply_ring log;
    dr_reply_cache_queue replies;
    dr_reply_cache_queue lost;
    dr_reply_cache_link inboxes[DR_REACTORS_MAX];
    dr_reply_cache_numbers numbers;
    dr_reply_move move;
    dr_reply_cache_link phantoms; /* leaders of calls that run in another server */
};

/* A mutex costs as much as all the rest: its unlock waits until what was written is in the cache.
 * Few threads meet here, for a short while. */
static inline void dr_reply_cache_lock(dr_reply_cache *cache)
{
    while (atomic_exchange_explicit(&cache->is_locked, true, memory_order_acquire)) {
        sched_yield();
    }
}

static inline void dr_reply_cache_unlock(dr_reply_cache *cache)
{
    atomic_store_explicit(&cache->is_locked, false, memory_order_release);
}

#endif
