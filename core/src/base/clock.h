/* clock.h: monotonic time. Not the time of day: it never jumps. */
#ifndef DR_CLOCK_H
#define DR_CLOCK_H

#include <stdint.h>

/* dr_clock_ns is nanoseconds since some fixed point (CLOCK_MONOTONIC, shared by all processes of
 * one machine); dr_clock_ms the same in milliseconds. Thread: any. */
uint64_t dr_clock_ns(void);
uint64_t dr_clock_ms(void);

/* dr_clock_left_ms is how long it is until then, rounded up, at most INT_MAX; 0: it is over. */
uint32_t dr_clock_left_ms(uint64_t until_ns);

/* DR_CLOCK_FAR_NS stands for all times that nobody will see: 292 years. */
#define DR_CLOCK_FAR_NS ((uint64_t)INT64_MAX)

/* dr_clock_after_ms is `ms` after `now_ns`, at most DR_CLOCK_FAR_NS: it does not wrap, whatever
 * `ms` is. */
static inline uint64_t dr_clock_after_ms(uint64_t now_ns, uint64_t ms)
{
    const uint64_t left_ns = DR_CLOCK_FAR_NS - now_ns;
    return ms < left_ns / 1000000u ? now_ns + ms * 1000000u : DR_CLOCK_FAR_NS;
}

#endif
