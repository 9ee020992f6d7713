/* stat_growth.h: in the calls of which apis a pool's workers have grown, as values and for
 * Prometheus. Thread: a lane's or the supervisor's, which may read the routes. */
#ifndef DR_SERVER_STAT_GROWTH_H
#define DR_SERVER_STAT_GROWTH_H

#include "server/call/backend.h"

/* dr_stat_growth is a pool of a server. */
typedef struct dr_stat_growth {
    dr_backend *backend;
    uint32_t pool;
} dr_stat_growth;

/* dr_stat_put_growth writes those that grew most of a dr_stat_growth, as a list. */
void dr_stat_put_growth(dora_writer *writer, void *of);

/* dr_metrics_growth appends all of all pools. Errors: DORA_ENOMEM. */
dora_err dr_metrics_growth(dr_backend *backend, dr_buf *out);

#endif
