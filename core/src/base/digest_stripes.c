/* digest_stripes.c: eight SipHash states side by side, in vector registers. The words of one state
 * wait for each other; those of eight do not. */
#include "base/digest_stripes.h"

#include <string.h>

/* The lanes are taken in two halves: what one of them needs fits into the registers of AVX2, and
 * while it waits the other goes on. The compiler splits them where registers are narrower. */
typedef uint64_t half __attribute__((vector_size(DR_STRIPE_BYTES / 2)));

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define ROTATE(words, bits) ((words) << (bits) | (words) >> (64 - (bits)))

void dr_stripes_start(dr_stripes_lanes *lanes, const uint64_t state[4])
{
    for (unsigned word = 0; word < 4; word++) {
        for (unsigned lane = 0; lane < DR_STRIPE_LANES / 2; lane++) {
            lanes->v[0][word][lane] = lanes->v[1][word][lane] = state[word];
        }
    }
}

ALWAYS_INLINE void take_half(half *v, const char *stripe)
{
    half words;
    memcpy(&words, stripe, sizeof(words));
    v[3] ^= words;
    v[0] += v[1];
    v[1] = ROTATE(v[1], 13) ^ v[0];
    v[0] = ROTATE(v[0], 32);
    v[2] += v[3];
    v[3] = ROTATE(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = ROTATE(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = ROTATE(v[1], 17) ^ v[2];
    v[2] = ROTATE(v[2], 32);
    v[0] ^= words;
}

ALWAYS_INLINE void take(dr_stripes_lanes *lanes, const char *stripes, size_t count)
{
    half low[4];
    half high[4];
    memcpy(low, lanes->v[0], sizeof(low));
    memcpy(high, lanes->v[1], sizeof(high));
    for (; count > 0; count--, stripes += DR_STRIPE_BYTES) {
        take_half(low, stripes);
        take_half(high, stripes + DR_STRIPE_BYTES / 2);
    }
    memcpy(lanes->v[0], low, sizeof(low));
    memcpy(lanes->v[1], high, sizeof(high));
}

static void take_plain(dr_stripes_lanes *lanes, const char *stripes, size_t count)
{
    take(lanes, stripes, count);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void take_wide(dr_stripes_lanes *lanes, const char *stripes,
                                                      size_t count)
{
    take(lanes, stripes, count);
}

/* AVX-512 rotates words, of these registers too. */
__attribute__((target("avx512vl"))) static void take_rotating(dr_stripes_lanes *lanes,
                                                              const char *stripes, size_t count)
{
    take(lanes, stripes, count);
}
#endif

dr_stripes_taker *dr_stripes_way(unsigned number)
{
#if defined(__x86_64__)
    if (number == 1 && __builtin_cpu_supports("avx2")) {
        return take_wide;
    }
    if (number == 2 && __builtin_cpu_supports("avx512vl")) {
        return take_rotating;
    }
#endif
    return number == 0 ? take_plain : NULL;
}

void dr_stripes_take(dr_stripes_lanes *lanes, const char *stripes, size_t count)
{
    dr_stripes_taker *way = NULL;
    for (unsigned number = DR_STRIPES_WAYS; way == NULL; number--) {
        way = dr_stripes_way(number - 1);
    }
    way(lanes, stripes, count);
}
