/* count.h: counters that one thread writes and any may read. */
#ifndef DR_BASE_COUNT_H
#define DR_BASE_COUNT_H

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint64_t dr_count;

/* dr_count_one adds one, without a locked instruction. Thread: the one that writes. */
static inline void dr_count_one(dr_count *count)
{
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

/* dr_count_get. Thread: any. */
static inline uint64_t dr_count_get(const dr_count *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

#endif
