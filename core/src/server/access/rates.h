/* rates.h: how many calls an address may make a second. */
#ifndef DR_SERVER_RATES_H
#define DR_SERVER_RATES_H

#include <stdatomic.h>

#include "server/access/buckets.h"

typedef struct dr_rates {
    dr_buckets buckets;
    _Atomic uint32_t a_second; /* 0: any number; both may change */
    _Atomic uint32_t most;     /* at once */
    _Atomic uint64_t refused;
} dr_rates;

/* dr_rates_init makes one without a limit, dr_rates_limit changes that: `a_second` 0: any number,
 * `most` 0: as many as in a second. dr_rates_fini frees it; zeroed memory is fine. */
void dr_rates_init(dr_rates *rates);
void dr_rates_fini(dr_rates *rates);
void dr_rates_limit(dr_rates *rates, uint32_t a_second, uint32_t most);

static inline bool dr_rates_are_limited(const dr_rates *rates)
{
    return atomic_load_explicit(&rates->a_second, memory_order_relaxed) != 0;
}

/* dr_rates_take takes a call of an address. Returns: 0, or in how many ms it may make one: that is
 * counted. Thread: any. */
uint32_t dr_rates_take(dr_rates *rates, const dr_ip *ip, uint64_t now_ms);

#endif
