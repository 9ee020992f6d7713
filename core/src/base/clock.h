/* clock.h: monotonic time. Not the time of day: it never jumps. */
#ifndef DR_CLOCK_H
#define DR_CLOCK_H

#include <stdint.h>

/* dr_clock_ns is nanoseconds since some fixed point (CLOCK_MONOTONIC, shared by all processes of
 * one machine); dr_clock_ms the same in milliseconds. Thread: any. */
uint64_t dr_clock_ns(void);
uint64_t dr_clock_ms(void);

#endif
