/* worse.h: whether a new generation does worse than the one that serves, by what was seen of
 * both. Pure: no clock, no lock. */
#ifndef DR_TASK_WORSE_H
#define DR_TASK_WORSE_H

#include <stdbool.h>
#include <stdint.h>

#define DR_RUN_BUCKETS 304u /* eight for each doubling, from 1 us to 12 days */

/* dr_seen is what was seen of a generation. */
typedef struct dr_seen {
    uint64_t calls;  /* that ended */
    uint64_t errors; /* of them, answered by an error */
    uint64_t deaths; /* of its workers, for no reason of the server's own */
    uint64_t timed;  /* calls whose run times are in `times` */
    uint32_t times[DR_RUN_BUCKETS];
} dr_seen;

/* dr_bounds is by how much the new generation may be worse. */
typedef struct dr_bounds {
    double error_ratio; /* errors, and deaths, per call */
    double time_ratio;  /* median and 90th percentile of the run times */
} dr_bounds;

typedef enum dr_worse {
    DR_WORSE_IN_NOTHING = 0, /* nothing speaks against it */
    DR_WORSE_IN_ERRORS,
    DR_WORSE_IN_DEATHS,
    DR_WORSE_IN_MEDIAN,
    DR_WORSE_IN_P90
} dr_worse;

/* dr_seen_time adds the run time of a call. */
void dr_seen_time(dr_seen *seen, uint64_t run_ns);

/* dr_seen_us gives the run time, in microseconds, that so many per cent of the calls do not exceed,
 * to an eighth; 0: no call was timed. */
uint64_t dr_seen_us(const dr_seen *seen, unsigned percent);

/* dr_worse_of compares. A difference counts where the bounds and chance do not explain it: before
 * the end one in a thousand by chance, at the end (`is_last`) one in twenty. */
dr_worse dr_worse_of(const dr_seen *old, const dr_seen *new, const dr_bounds *bounds, bool is_last);

/* dr_worse_chance is the probability of `k` or more out of `n`, where each is one with the
 * probability `q`. */
double dr_worse_chance(uint64_t k, uint64_t n, double q);

#endif
