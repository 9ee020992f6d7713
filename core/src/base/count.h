/* count.h: counters that one thread writes and any may read. */
#ifndef DR_BASE_COUNT_H
#define DR_BASE_COUNT_H

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint64_t dr_count;

/* dr_count_add and dr_count_one add without a locked instruction. Thread: the one that writes. */
static inline void dr_count_add(dr_count *count, uint64_t more)
{
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + more,
                          memory_order_relaxed);
}

static inline void dr_count_one(dr_count *count)
{
    dr_count_add(count, 1);
}

/* dr_count_get. Thread: any. */
static inline uint64_t dr_count_get(const dr_count *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

#endif
