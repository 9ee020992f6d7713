/* recent.h: the numbers of the last minutes: what is counted of each api now, less what was counted
 * a few minutes ago. Thread: the supervisor's. */
#ifndef DR_SERVER_RECENT_H
#define DR_SERVER_RECENT_H

#include "server/call/observe.h"

/* dr_mark is what had been counted of one api at one moment. */
typedef struct dr_mark {
    uint64_t calls;
    uint64_t errors;
    uint64_t sum_ns; /* of the times that they ran */
    uint64_t runs[DR_HISTOGRAM_BUCKETS];
} dr_mark;

/* dr_recent keeps a mark of each api for each of the last minutes. Zeroed memory has none. */
typedef struct dr_recent {
    const dr_rows *rows;
    dr_mark *marks;   /* DR_RECENT_MARKS one behind the other for each row, in the rows' order */
    size_t row_count; /* that have marks; a newer row had counted nothing before */
    uint32_t next;    /* the mark that is written next: the oldest */
    uint32_t written; /* how many have been */
    uint64_t at_ms[DR_RECENT_MARKS];
    uint64_t start_ms;
} dr_recent;

/* dr_recent_numbers is what became of one api's calls lately. The time within which 95 of 100 ran
 * is the end of a bucket; both are 0 where nothing ran. */
typedef struct dr_recent_numbers {
    uint64_t calls;
    uint64_t errors;
    uint64_t mean_ns;
    uint64_t p95_ns;
} dr_recent_numbers;

void dr_recent_init(dr_recent *recent, const dr_rows *rows, uint64_t now_ms);
void dr_recent_fini(dr_recent *recent);

/* dr_recent_look writes marks when the last ones are DR_RECENT_MS old. Without memory the oldest
 * ones stay. */
void dr_recent_look(dr_recent *recent, uint64_t now_ms);

/* dr_recent_of gives the numbers of a row since dr_recent_since. */
uint64_t dr_recent_since(const dr_recent *recent);
void dr_recent_of(const dr_recent *recent, const dr_row *row, dr_recent_numbers *numbers);

#endif
