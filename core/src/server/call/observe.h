/* observe.h: what is counted of every api: requests by type and code, how long tasks waited and
 * ran.
 *
 * A row is one api of a pool and lives as long as the server, so its numbers never go back,
 * whatever is reloaded. Each lane has its own part of a row, which only its thread writes: no lock
 * and no locked instruction on the way of a call. Readers sum the lanes up. */
#ifndef DR_SERVER_OBSERVE_H
#define DR_SERVER_OBSERVE_H

#include <stdalign.h>

#include "base/histogram.h"
#include "server/call/route.h"
#include "wire/message.h"

/* DR_TYPE_UNKNOWN stands where a request was refused before its type was known. */
#define DR_TYPE_UNKNOWN DR_TYPE_COUNT
#define DR_ROW_HEADS 256u

/* dr_series counts one code of one type of request. */
typedef struct dr_series {
    struct dr_series *_Atomic next;
    dr_call_type type;
    int64_t code;
    dr_count count;
} dr_series;

typedef struct dr_row_lane {
    alignas(64) dr_series *_Atomic first;
    uint32_t series;                    /* how many; the lane's own */
    dr_count others[DR_TYPE_COUNT + 1]; /* by type: codes beyond DR_SERIES_MAX */
    dr_histogram queue;
    dr_histogram run;
} dr_row_lane;

typedef struct dr_row {
    struct dr_row *next;  /* of all, in the order they were made */
    struct dr_row *chain; /* of those with the same hash */
    uint32_t pool;        /* DR_NONE: of no pool */
    uint32_t number;      /* 0, 1, ... in the order they were made */
    char *name;           /* "": names that the pool's fallback serves, or that nobody does */
    dr_row_lane *lanes;
} dr_row;

/* dr_rows are the rows of a server. */
typedef struct dr_rows {
    dr_row *first;
    dr_row *last;
    dr_row *heads[DR_ROW_HEADS];
    dr_row *nobody; /* of no pool */
    uint32_t count;
    uint32_t lane_count;
} dr_rows;

/* dr_rows_init makes the row of no pool. Errors: DORA_ENOMEM. dr_rows_fini frees all, and is fine
 * on zeroed memory. Thread: the supervisor's, while no lane runs. */
dora_err dr_rows_init(dr_rows *rows, uint32_t lane_count);
void dr_rows_fini(dr_rows *rows);

/* dr_rows_fill gives every api of `routes`, and every fallback, its row: the one it had before, or
 * a new one. Call it before they are published. Errors: DORA_ENOMEM. Thread: the supervisor's. */
dora_err dr_rows_fill(dr_rows *rows, dr_routes *routes, dora_error *error);

/* dr_row_end counts one request for an api that came to its end. Thread: the lane's. */
void dr_row_end(dr_row *row, uint32_t lane, dr_call_type type, int64_t code);

/* dr_row_times notes how long a task that was run had waited, and how long it ran. Thread: the
 * lane's. */
static inline void dr_row_times(dr_row *row, uint32_t lane, uint64_t queue_ns, uint64_t run_ns)
{
    dr_histogram_add(&row->lanes[lane].queue, queue_ns);
    dr_histogram_add(&row->lanes[lane].run, run_ns);
}

#endif
