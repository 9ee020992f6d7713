/* reply_table.c: entries of calls, and the table by which they are found. Both are mapped in full
 * and touched as they fill up. */
#include "server/dedupe/reply_table.h"

#include <sys/mman.h>

/* What a page of the large kind takes. */
#define HUGE_BYTES ((size_t)2 << 20)

/* While no more calls than these are known, a small table does, and no large page is taken. */
#define FEW_CALLS 1024u

/* dr_reply_cache_place is one of the table: open addressing, from place `tag` on. Twice as many as
 * entries, so that one line of cache is all that a search usually reads. */
struct dr_reply_cache_place {
    uint32_t tag; /* a part of the digest */
    uint32_t name;
};

static size_t places_bytes(uint32_t calls)
{
    return (size_t)calls * 2 * sizeof(dr_reply_cache_place);
}

static bool starts_small(const dr_reply_table *table)
{
    return table->calls_max > FEW_CALLS;
}

/* What is mapped: places, from a border of large pages on, the places for few calls, entries. */
static size_t mapped_bytes(const dr_reply_table *table)
{
    return HUGE_BYTES + places_bytes(table->calls_max) + places_bytes(FEW_CALLS) +
           table->calls_max * sizeof(dr_reply_cache_entry);
}

static void set_places(dr_reply_table *table, void *places, uint32_t calls)
{
    atomic_store_explicit(&table->mask, calls * 2 - 1, memory_order_relaxed);
    atomic_store_explicit(&table->places, places, memory_order_relaxed);
}

static dr_reply_cache_place *places_of(const dr_reply_table *table)
{
    return atomic_load_explicit(&table->places, memory_order_relaxed);
}

static uint32_t mask_of(const dr_reply_table *table)
{
    return atomic_load_explicit(&table->mask, memory_order_relaxed);
}

/* map takes the memory of all entries. Returns: false when there is none. */
static bool map(dr_reply_table *table)
{
    if (table->mapped != NULL) {
        return true;
    }
    char *all = mmap(NULL, mapped_bytes(table), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED) {
        return false;
    }
    table->mapped = all;
    table->all_places = all + (HUGE_BYTES - (uintptr_t)all % HUGE_BYTES);
    char *few_places = table->all_places + places_bytes(table->calls_max);
    table->entries = (dr_reply_cache_entry *)(few_places + places_bytes(FEW_CALLS));
    if (starts_small(table)) {
        set_places(table, few_places, FEW_CALLS);
    } else {
        set_places(table, table->all_places, table->calls_max);
    }
    return true;
}

void dr_reply_table_fini(dr_reply_table *table)
{
    if (table->mapped != NULL) {
        (void)munmap(table->mapped, mapped_bytes(table));
    }
    atomic_store_explicit(&table->places, NULL, memory_order_relaxed);
    table->used = table->touched = table->free = 0;
    table->entries = NULL;
    table->mapped = NULL;
}

static uint32_t tag_of(const dr_digest *call)
{
    return (uint32_t)call->words[0];
}

static void insert(dr_reply_table *table, uint32_t tag, uint32_t name)
{
    dr_reply_cache_place *places = places_of(table);
    uint32_t i = tag & mask_of(table);
    while (places[i].name != 0) {
        i = (i + 1) & mask_of(table);
    }
    places[i] = (dr_reply_cache_place){tag, name};
}

/* grow goes from the small table to the large one. Each search there reads another page and would
 * miss the processor's table of pages, but for large ones. */
static void grow(dr_reply_table *table)
{
    const dr_reply_cache_place *few = places_of(table);
    const size_t bytes = places_bytes(table->calls_max) / HUGE_BYTES * HUGE_BYTES;
    (void)madvise(table->all_places, bytes, MADV_HUGEPAGE);
    set_places(table, table->all_places, table->calls_max);
    for (uint32_t i = 0; i < FEW_CALLS * 2; i++) {
        if (few[i].name != 0) {
            insert(table, few[i].tag, few[i].name);
        }
    }
}

uint32_t dr_reply_table_find(const dr_reply_table *table, const dr_digest *call)
{
    const dr_reply_cache_place *places = places_of(table);
    const uint32_t tag = tag_of(call);
    uint32_t i = tag & mask_of(table);
    while (places != NULL && places[i].name != 0) {
        const dr_reply_cache_place *here = &places[i];
        if (here->tag == tag && dr_digest_is(&dr_reply_table_at(table, here->name)->call, call)) {
            return here->name;
        }
        i = (i + 1) & mask_of(table);
    }
    return 0;
}

static void set_next(dr_reply_cache_entry *one, uint32_t next)
{
    one->next = next & ((1u << 30) - 1);
}

static uint32_t take_free(dr_reply_table *table)
{
    const uint32_t name = table->free;
    if (name != 0) {
        table->free = dr_reply_table_at(table, name)->next;
        return name;
    }
    return table->touched < table->calls_max ? ++table->touched : 0;
}

uint32_t dr_reply_table_add(dr_reply_table *table, const dr_digest *call)
{
    const uint32_t name = map(table) ? take_free(table) : 0;
    if (name == 0) {
        return 0;
    }
    if (table->used == FEW_CALLS && mask_of(table) < FEW_CALLS * 2 && starts_small(table)) {
        grow(table);
    }
    insert(table, tag_of(call), name);
    *dr_reply_table_at(table, name) = (dr_reply_cache_entry){.call = *call};
    table->used++;
    return name;
}

/* take_out empties a place, and moves those behind it up that would not be found across it. */
static void take_out(dr_reply_table *table, uint32_t tag, uint32_t name)
{
    dr_reply_cache_place *places = places_of(table);
    const uint32_t mask = mask_of(table);
    uint32_t hole = tag & mask;
    while (places[hole].name != name) {
        hole = (hole + 1) & mask;
    }
    for (uint32_t i = (hole + 1) & mask; places[i].name != 0; i = (i + 1) & mask) {
        if (((i - places[i].tag) & mask) >= ((i - hole) & mask)) {
            places[hole] = places[i];
            hole = i;
        }
    }
    places[hole].name = 0;
}

void dr_reply_table_remove(dr_reply_table *table, uint32_t name)
{
    dr_reply_cache_entry *one = dr_reply_table_at(table, name);
    take_out(table, tag_of(&one->call), name);
    one->state = 0;
    set_next(one, table->free);
    table->free = name;
    table->used--;
}

void dr_reply_table_expect(const dr_reply_table *table, const dr_digest *call)
{
    const dr_reply_cache_place *places = places_of(table);
    if (places != NULL) {
        __builtin_prefetch(&places[tag_of(call) & mask_of(table)], 1);
    }
}

void dr_reply_cache_queue_append(dr_reply_table *table, dr_reply_cache_queue *queue, uint32_t name)
{
    if (queue->last != 0) {
        set_next(dr_reply_table_at(table, queue->last), name);
    } else {
        queue->first = name;
    }
    queue->last = name;
    set_next(dr_reply_table_at(table, name), 0);
}

uint32_t dr_reply_cache_queue_pop(dr_reply_table *table, dr_reply_cache_queue *queue)
{
    const uint32_t name = queue->first;
    queue->first = dr_reply_table_at(table, name)->next;
    if (queue->first == 0) {
        queue->last = 0;
        return name;
    }
    /* Its turn comes soon, and it was not touched for long: the one behind the next. */
    const uint32_t behind = dr_reply_table_at(table, queue->first)->next;
    if (behind != 0) {
        __builtin_prefetch(dr_reply_table_at(table, behind), 1);
    }
    return name;
}
