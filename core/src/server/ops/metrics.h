/* metrics.h: the server's numbers for Prometheus (text format 0.0.4). */
#ifndef DR_SERVER_METRICS_H
#define DR_SERVER_METRICS_H

#include "base/buf.h"

struct dr_server;

/* dr_metrics_write appends the page. Errors: DORA_ENOMEM. Thread: the supervisor's. */
dora_err dr_metrics_write(struct dr_server *server, dr_buf *out);

/* dr_metrics_label appends a label's value, escaped; bytes that are not UTF-8 become \xNN. Errors:
 * DORA_ENOMEM. */
dora_err dr_metrics_label(dr_buf *out, const char *value);

#endif
