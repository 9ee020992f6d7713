/* clock.c: monotonic time. */
#include "base/clock.h"

#include <limits.h>
#include <time.h>

uint64_t dr_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t dr_clock_ms(void)
{
    return dr_clock_ns() / 1000000u;
}

uint32_t dr_clock_left_ms(uint64_t until_ns)
{
    uint64_t now_ns = dr_clock_ns();
    uint64_t ms = until_ns > now_ns ? (until_ns - now_ns + 999999u) / 1000000u : 0;
    return ms < INT_MAX ? (uint32_t)ms : INT_MAX;
}
