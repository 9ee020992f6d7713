/* cost.c: what the tasks of an api take at their quickest. */
#include "task/cost.h"

#define NS_PER_S UINT64_C(1000000000)

/* Nine steps up for one down, which are nine times as small: they balance where one task in ten is
 * quicker. */
#define DOWN 8u
#define UP (9u * DOWN)

uint64_t dr_cost_fast_ns(const dr_api_cost *cost, uint64_t now_ns)
{
    const uint64_t seconds = now_ns > cost->seen_ns ? (now_ns - cost->seen_ns) / NS_PER_S : 0;
    return seconds < 64 ? cost->fast_ns >> seconds : 0;
}

void dr_cost_learn_fast(dr_api_cost *cost, uint64_t run_ns, uint64_t now_ns)
{
    const uint64_t known_ns = dr_cost_fast_ns(cost, now_ns);
    cost->seen_ns = now_ns;
    if (known_ns == 0) {
        cost->fast_ns = run_ns;
    } else if (run_ns < known_ns) {
        const uint64_t less_ns = known_ns - known_ns / DOWN;
        cost->fast_ns = run_ns > less_ns ? run_ns : less_ns;
    } else {
        const uint64_t more_ns = known_ns + known_ns / UP + 1;
        cost->fast_ns = run_ns < more_ns ? run_ns : more_ns;
    }
}

bool dr_cost_is_hopeless(const dr_pool *pool, uint32_t api, uint64_t deadline_ns, uint64_t now_ns)
{
    return deadline_ns != 0 && now_ns + dr_cost_fast_ns(&pool->costs[api], now_ns) > deadline_ns;
}
