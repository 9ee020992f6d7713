/* pace.c: when the workers and the zygote of a crew may be started again that have ended by
 * themselves. */
#include "task/pace.h"

#include "base/limits.h"

#define MINUTE_MS UINT64_C(60000)
#define US_PER_MS UINT64_C(1000)

bool dr_pace_is_loop(const dr_pace *pace)
{
    return pace->crashes > DR_CRASHES_FREE;
}

void dr_pace_rest(dr_pace *pace, uint64_t now_ms, uint64_t done)
{
    const uint64_t since_ms = pace->until_ms > pace->crashed_ms ? pace->until_ms : pace->crashed_ms;
    if (pace->crashes > 0 && (done != pace->done || now_ms >= since_ms + DR_CRASH_QUIET_MS)) {
        pace->crashes = 0;
        pace->until_ms = 0;
    }
}

/* pause_of is how long a start waits after so many in a row. */
static uint64_t pause_of(uint32_t crashes)
{
    uint64_t pause_ms = DR_CRASH_PAUSE_MS;
    for (uint32_t i = DR_CRASHES_FREE + 1; i < crashes && pause_ms < DR_CRASH_PAUSE_MS_MAX; i++) {
        pause_ms *= 2;
    }
    return pause_ms < DR_CRASH_PAUSE_MS_MAX ? pause_ms : DR_CRASH_PAUSE_MS_MAX;
}

/* price_us is what one start takes of its minute. */
static uint64_t price_us(const dr_pace *pace)
{
    return MINUTE_MS * US_PER_MS / pace->minute_max;
}

/* paid_us is until when the starts of a minute are used up, now at least. */
static uint64_t paid_us(const dr_pace *pace, uint64_t now_ms)
{
    const uint64_t now_us = now_ms * US_PER_MS;
    return pace->paid_for_us > now_us ? pace->paid_for_us : now_us;
}

void dr_pace_owe(dr_pace *pace)
{
    pace->owed += pace->minute_max > 0;
}

void dr_pace_started(dr_pace *pace, uint64_t now_ms)
{
    if (pace->owed > 0) {
        pace->owed--;
        pace->paid_for_us = paid_us(pace, now_ms) + price_us(pace);
    }
}

/* minute_left_ms is how long the next start waits for its share of the minute. */
static uint64_t minute_left_ms(const dr_pace *pace, uint64_t now_ms)
{
    if (pace->owed == 0) {
        return 0;
    }
    const uint64_t ahead_us = (now_ms + MINUTE_MS) * US_PER_MS;
    const uint64_t then_us = paid_us(pace, now_ms) + price_us(pace);
    return then_us > ahead_us ? (then_us - ahead_us + US_PER_MS - 1) / US_PER_MS : 0;
}

void dr_pace_crashed(dr_pace *pace, uint64_t started_ms, uint64_t now_ms, uint64_t done)
{
    dr_pace_rest(pace, now_ms, done);
    pace->done = done;
    pace->crashed_ms = now_ms;
    if (now_ms < pace->until_ms || started_ms < pace->counted_ms) {
        return; /* it ran beside the last one, and not in its place */
    }
    pace->counted_ms = now_ms;
    pace->crashes++;
    if (dr_pace_is_loop(pace)) {
        pace->until_ms = now_ms + pause_of(pace->crashes);
    }
}

uint64_t dr_pace_left_ms(const dr_pace *pace, uint64_t now_ms)
{
    const uint64_t loop_ms = pace->until_ms > now_ms ? pace->until_ms - now_ms : 0;
    const uint64_t minute_ms = minute_left_ms(pace, now_ms);
    return loop_ms > minute_ms ? loop_ms : minute_ms;
}
