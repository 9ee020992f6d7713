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

/* pay counts a start among those of its minute. */
static void pay(dr_pace *pace, uint64_t now_ms)
{
    const uint64_t now_us = now_ms * US_PER_MS;
    if (pace->minute_max > 0) {
        pace->paid_for_us = pace->paid_for_us > now_us ? pace->paid_for_us : now_us;
        pace->paid_for_us += MINUTE_MS * US_PER_MS / pace->minute_max;
    }
}

void dr_pace_crashed(dr_pace *pace, uint64_t now_ms, uint64_t done)
{
    dr_pace_rest(pace, now_ms, done);
    pay(pace, now_ms);
    pace->done = done;
    pace->crashed_ms = now_ms;
    if (now_ms < pace->until_ms) {
        return; /* others that were started with the last one */
    }
    pace->crashes++;
    if (dr_pace_is_loop(pace)) {
        pace->until_ms = now_ms + pause_of(pace->crashes);
    }
}

uint64_t dr_pace_left_ms(const dr_pace *pace, uint64_t now_ms)
{
    const uint64_t ahead_us = (now_ms + MINUTE_MS) * US_PER_MS;
    const uint64_t loop_ms = pace->until_ms > now_ms ? pace->until_ms - now_ms : 0;
    const uint64_t minute_ms = pace->paid_for_us > ahead_us
                                   ? (pace->paid_for_us - ahead_us + US_PER_MS - 1) / US_PER_MS
                                   : 0;
    return loop_ms > minute_ms ? loop_ms : minute_ms;
}
