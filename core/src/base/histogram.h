/* histogram.h: how long things take, by powers of two. One thread writes, any may read. */
#ifndef DR_BASE_HISTOGRAM_H
#define DR_BASE_HISTOGRAM_H

#include "base/count.h"

/* The first bucket ends at 2^13 ns (8 us), the last but one at 2^36 ns (69 s); the last is without
 * end. */
#define DR_HISTOGRAM_SHIFT 13u
#define DR_HISTOGRAM_BUCKETS 25u

typedef struct dr_histogram {
    dr_count sum_ns;
    dr_count buckets[DR_HISTOGRAM_BUCKETS];
} dr_histogram;

/* dr_histogram_bucket is the number of the first bucket whose end is not below `ns`. */
static inline uint32_t dr_histogram_bucket(uint64_t ns)
{
    const uint64_t above = ns == 0 ? 0 : (ns - 1) >> DR_HISTOGRAM_SHIFT;
    const uint32_t bucket = above == 0 ? 0 : 64u - (uint32_t)__builtin_clzll(above);
    return bucket < DR_HISTOGRAM_BUCKETS ? bucket : DR_HISTOGRAM_BUCKETS - 1;
}

/* dr_histogram_end is the end of a bucket, in nanoseconds; of the last one there is none. */
static inline uint64_t dr_histogram_end(uint32_t bucket)
{
    return UINT64_C(1) << (DR_HISTOGRAM_SHIFT + bucket);
}

/* dr_histogram_add. Thread: the one that writes. */
static inline void dr_histogram_add(dr_histogram *histogram, uint64_t ns)
{
    dr_count_add(&histogram->sum_ns, ns);
    dr_count_one(&histogram->buckets[dr_histogram_bucket(ns)]);
}

#endif
