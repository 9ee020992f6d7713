/* metrics.h: the server's numbers for Prometheus (text format 0.0.4). */
#ifndef DR_SERVER_METRICS_H
#define DR_SERVER_METRICS_H

#include "server/call/backend.h"

/* dr_metrics_write appends the page. Errors: DORA_ENOMEM. Thread: the supervisor's. */
dora_err dr_metrics_write(dr_backend *backend, dr_buf *out);

/* dr_metrics_label appends a label's value, escaped; bytes that are not UTF-8 become \xNN. Errors:
 * DORA_ENOMEM. */
dora_err dr_metrics_label(dr_buf *out, const char *value);

#endif
