/* pace.h: when the workers and the zygote of a crew may be started again that have ended by
 * themselves. Pure: no clock.
 *
 * A crash loop is that they end again and again, and that no task is done between: then each start
 * waits, twice as long as the one before. Where tasks are done, an end costs no more than the call
 * that it was, and nobody waits; only how many there may be in a minute is bounded. */
#ifndef DR_TASK_PACE_H
#define DR_TASK_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* dr_pace; zeroed memory is one without any end so far, and without a bound. */
typedef struct dr_pace {
    uint32_t minute_max;  /* workers' ends that are made good in a minute; 0: all */
    uint32_t owed;        /* of them, those that no start has made good */
    uint32_t crashes;     /* in a row */
    uint64_t done;        /* tasks of the pool at the last one */
    uint64_t crashed_ms;  /* when that was */
    uint64_t counted_ms;  /* when the last one was that counted */
    uint64_t until_ms;    /* no start before */
    uint64_t paid_for_us; /* until when the starts of a minute are used up, a minute ahead */
} dr_pace;

/* dr_pace_crashed: a process that was started then has ended by itself now; `done` is how many
 * tasks the pool's workers have ended so far. Those that ran side by side count once. */
void dr_pace_crashed(dr_pace *pace, uint64_t started_ms, uint64_t now_ms, uint64_t done);

/* dr_pace_owe: that was a worker, whose replacement counts among those of its minute.
 * dr_pace_started: a worker was started. */
void dr_pace_owe(dr_pace *pace);
void dr_pace_started(dr_pace *pace, uint64_t now_ms);

/* dr_pace_rest ends a row after a task was done, or after a quiet time. To be called now and then.
 */
void dr_pace_rest(dr_pace *pace, uint64_t now_ms, uint64_t done);

/* dr_pace_left_ms is how long the next start has to wait. */
uint64_t dr_pace_left_ms(const dr_pace *pace, uint64_t now_ms);

/* dr_pace_is_loop says whether it is a crash loop. */
bool dr_pace_is_loop(const dr_pace *pace);

#endif
