/* rates.c: how many calls an address may make a second. */
#include "server/access/rates.h"

#include <string.h>

#include "base/limits.h"

void dr_rates_init(dr_rates *rates)
{
    memset(rates, 0, sizeof(*rates));
    dr_buckets_init(&rates->buckets, DR_RATES_SETS);
}

void dr_rates_fini(dr_rates *rates)
{
    dr_buckets_fini(&rates->buckets);
}

void dr_rates_limit(dr_rates *rates, uint32_t a_second, uint32_t most)
{
    atomic_store(&rates->most, most != 0 ? most : a_second);
    atomic_store(&rates->a_second, a_second);
}

uint32_t dr_rates_take(dr_rates *rates, const dr_ip *ip, uint64_t now_ms)
{
    const dr_bucket_rule rule = {.a_second =
                                     atomic_load_explicit(&rates->a_second, memory_order_relaxed),
                                 .most = atomic_load_explicit(&rates->most, memory_order_relaxed)};
    if (rule.a_second == 0 || rule.most == 0) {
        return 0; /* it has changed just now */
    }
    const uint32_t wait_ms = dr_buckets_take(&rates->buckets, ip, &rule, now_ms);
    if (wait_ms != 0) {
        atomic_fetch_add_explicit(&rates->refused, 1, memory_order_relaxed);
    }
    return wait_ms;
}
