/* worse.c: whether a new generation does worse than the one that serves, by what was seen.
 *
 * Everything is one question: is so much on the side of the new one more than chance, if it were
 * just as bad as its bound allows? Errors (and deaths) of both sides together fall on the new one's
 * with the probability that its calls have of all, weighted by the ratio: the exact test of two
 * Poisson rates given their sum. Of its run times half may be above the bound of the median, and a
 * tenth above that of the 90th percentile. So small numbers need no rule of their own: one error
 * of three calls proves nothing, three of three do. It is asked again and again while calls come,
 * and then wants 1 in 1000, and once at the end, where 1 in 20 is enough (the rule of Haybittle and
 * Peto for trials that are looked at before they end). */
#include "task/worse.h"

#include <stddef.h>

#define CHANCE_EARLY 0.001
#define CHANCE_LAST 0.05
#define EVENTS_MIN 2u /* a single error or death is an accident, whatever it is compared with */
#define TIMED_MIN 20u /* of either side: below, a 90th percentile is one call */
#define SLOWER_US_MIN 1000u /* less is no matter, and caches of new workers are cold */
#define WEIGHT_MIN 1e-18    /* of the likeliest: what is below does not count */
#define DOUBLINGS_MAX 39u

static uint32_t bucket_of(uint64_t us)
{
    if (us < 8) {
        return (uint32_t)us;
    }
    const uint32_t doublings = 63u - (uint32_t)__builtin_clzll(us);
    return doublings > DOUBLINGS_MAX ? DR_RUN_BUCKETS - 1
                                     : (doublings - 2) * 8 + (uint32_t)(us >> (doublings - 3) & 7);
}

/* bucket_us is where a bucket begins; that of the next is its end. */
static uint64_t bucket_us(uint32_t bucket)
{
    return bucket < 8 ? bucket : (uint64_t)(8 + bucket % 8) << (bucket / 8 - 1);
}

void dr_seen_time(dr_seen *seen, uint64_t run_ns)
{
    seen->times[bucket_of(run_ns / 1000)]++;
    seen->timed++;
}

uint64_t dr_seen_us(const dr_seen *seen, unsigned percent)
{
    const uint64_t rank = (seen->timed * percent + 99) / 100;
    uint64_t count = 0;
    for (uint32_t i = 0; rank > 0 && i < DR_RUN_BUCKETS; i++) {
        count += seen->times[i];
        if (count >= rank) {
            return bucket_us(i + 1);
        }
    }
    return 0;
}

/* sum_from adds up the weights of `k` and more; that of the likeliest is 1. */
static double sum_from(uint64_t k, uint64_t likeliest, uint64_t n, double q)
{
    const double odds = q / (1 - q);
    double sum = 0;
    double weight = 1;
    for (uint64_t i = likeliest; i <= n && weight > WEIGHT_MIN; i++) {
        sum += i >= k ? weight : 0;
        weight *= (double)(n - i) / (double)(i + 1) * odds;
    }
    weight = 1;
    for (uint64_t i = likeliest; i > k && weight > WEIGHT_MIN; i--) {
        weight *= (double)i / (double)(n - i + 1) / odds;
        sum += weight;
    }
    return sum;
}

double dr_worse_chance(uint64_t k, uint64_t n, double q)
{
    if (k == 0 || q >= 1) {
        return 1;
    }
    if (k > n || q <= 0) {
        return 0;
    }
    const double expected = ((double)n + 1) * q;
    const uint64_t likeliest = expected < (double)n ? (uint64_t)expected : n;
    return sum_from(k, likeliest, n, q) / sum_from(0, likeliest, n, q);
}

/* are_more says whether the new generation has more of something per call than it may. */
static bool are_more(const dr_seen *old, const dr_seen *new, uint64_t of_old, uint64_t of_new,
                     double ratio, double chance)
{
    const double part = ratio * (double)new->calls;
    return of_new >= EVENTS_MIN &&
           dr_worse_chance(of_new, of_old + of_new, part / (part + (double)old->calls)) < chance;
}

/* is_slower says whether too many of the new generation's run times are beyond what the old one's
 * quantile allows. */
static bool is_slower(const dr_seen *old, const dr_seen *new, unsigned percent, double ratio,
                      double chance)
{
    const uint64_t old_us = dr_seen_us(old, percent);
    const uint64_t least_us = old_us + SLOWER_US_MIN;
    uint64_t most_us = (uint64_t)((double)old_us * ratio);
    most_us = most_us < least_us ? least_us : most_us;
    uint64_t above = 0;
    for (uint32_t i = bucket_of(most_us - 1) + 1; i < DR_RUN_BUCKETS; i++) {
        above += new->times[i];
    }
    return dr_worse_chance(above, new->timed, 1 - percent / 100.0) < chance;
}

dr_worse dr_worse_of(const dr_seen *old, const dr_seen *new, const dr_bounds *bounds, bool is_last)
{
    const double chance = is_last ? CHANCE_LAST : CHANCE_EARLY;
    const bool are_timed = old->timed >= TIMED_MIN && new->timed >= TIMED_MIN;
    if (are_more(old, new, old->errors, new->errors, bounds->error_ratio, chance)) {
        return DR_WORSE_IN_ERRORS;
    }
    if (are_more(old, new, old->deaths, new->deaths, bounds->error_ratio, chance)) {
        return DR_WORSE_IN_DEATHS;
    }
    if (are_timed && is_slower(old, new, 50, bounds->time_ratio, chance)) {
        return DR_WORSE_IN_MEDIAN;
    }
    if (are_timed && is_slower(old, new, 90, bounds->time_ratio, chance)) {
        return DR_WORSE_IN_P90;
    }
    return DR_WORSE_IN_NOTHING;
}
