/* digest_stripes.h: the long runs of a digest, taken by several words at once. */
#ifndef DR_DIGEST_STRIPES_H
#define DR_DIGEST_STRIPES_H

#include <stddef.h>
#include <stdint.h>

/* A stripe is one word of 64 bits for each lane. */
#define DR_STRIPE_LANES 8u
#define DR_STRIPE_BYTES (DR_STRIPE_LANES * sizeof(uint64_t))

/* dr_stripes_lanes are the states of all lanes: of each half of them, four words of each lane. */
typedef struct dr_stripes_lanes {
    uint64_t v[2][4][DR_STRIPE_LANES / 2];
} dr_stripes_lanes;

/* dr_stripes_start puts every lane into one state. */
void dr_stripes_start(dr_stripes_lanes *lanes, const uint64_t state[4]);

/* dr_stripes_take gives every lane its word of each of `count` stripes, in order, as SipHash-1-3
 * takes a word. The result is the same on every processor of one byte order. */
typedef void dr_stripes_taker(dr_stripes_lanes *lanes, const char *stripes, size_t count);
dr_stripes_taker dr_stripes_take;

/* dr_stripes_way is one way to do so: 0 is plain, 1 needs AVX2, 2 AVX-512. dr_stripes_take is the
 * last there is. Returns: NULL where the processor does not have it. */
#define DR_STRIPES_WAYS 3u
dr_stripes_taker *dr_stripes_way(unsigned number);

#endif
