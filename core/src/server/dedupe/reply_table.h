/* reply_table.h: the calls that a server remembers, found by their digests. Entries are named by
 * numbers from 1 on; 0 is none. Thread: the store's, under its lock. */
#ifndef DR_SERVER_REPLY_TABLE_H
#define DR_SERVER_REPLY_TABLE_H

#include <stdatomic.h>

#include "base/digest.h"

/* dr_reply_cache_entry is what is known of a call. What stands in its union, its state says. */
typedef struct dr_reply_cache_entry {
    dr_digest call;
    uint32_t next : 30; /* in the store's queue, or the next free one */
    uint32_t state : 2; /* the store's */
    uint32_t since_s;
    union {
        void *leader;
        struct {
            uint64_t at : 28;
            uint64_t len : 28;
            uint64_t status : 8; /* 1 for 400; 0: none */
        } reply;
    };
} dr_reply_cache_entry;

/* dr_reply_cache_queue is some entries in order; zeroed memory is an empty one. An entry stands in
 * one at most. */
typedef struct dr_reply_cache_queue {
    uint32_t first;
    uint32_t last;
} dr_reply_cache_queue;

typedef struct dr_reply_cache_place dr_reply_cache_place;

/* dr_reply_table: zeroed memory with `calls_max`, a power of two, is a valid empty one. */
typedef struct dr_reply_table {
    uint32_t calls_max;
    uint32_t used;
    uint32_t touched; /* entries from here on were never used */
    uint32_t free;
    dr_reply_cache_place *_Atomic places; /* NULL before the first call */
    _Atomic uint32_t mask;                /* how many places there are, less 1 */
    dr_reply_cache_entry *entries;        /* behind the places */
    void *mapped;
    char *all_places;
} dr_reply_table;

/* dr_reply_table_fini gives the memory back: as much as ever was touched. The table is empty then,
 * and may be used again. */
void dr_reply_table_fini(dr_reply_table *table);

/* dr_reply_table_find finds a call. Returns: 0 when it is not known. */
uint32_t dr_reply_table_find(const dr_reply_table *table, const dr_digest *call);

/* dr_reply_table_add makes an entry for a call that is not known; all but its digest is zero.
 * Returns: 0 when all are used, or there is no memory. */
uint32_t dr_reply_table_add(dr_reply_table *table, const dr_digest *call);

/* dr_reply_table_remove frees an entry that stands in no queue. */
void dr_reply_table_remove(dr_reply_table *table, uint32_t name);

/* dr_reply_table_expect has what the search for a call will read fetched into the cache meanwhile.
 * Thread: any. */
void dr_reply_table_expect(const dr_reply_table *table, const dr_digest *call);

/* dr_reply_cache_queue_append puts an entry at the end, dr_reply_cache_queue_pop takes the first
 * out of a queue that is not empty. */
void dr_reply_cache_queue_append(dr_reply_table *table, dr_reply_cache_queue *queue, uint32_t name);
uint32_t dr_reply_cache_queue_pop(dr_reply_table *table, dr_reply_cache_queue *queue);

static inline dr_reply_cache_entry *dr_reply_table_at(const dr_reply_table *table, uint32_t name)
{
    return &table->entries[name - 1];
}

static inline bool dr_reply_table_is_full(const dr_reply_table *table)
{
    return table->used == table->calls_max;
}

#endif
