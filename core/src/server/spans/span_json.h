/* span_json.h: spans as a request of OTLP/HTTP in JSON. Pure. */
#ifndef DR_SERVER_SPAN_JSON_H
#define DR_SERVER_SPAN_JSON_H

#include "base/buf.h"
#include "server/spans/span.h"

/* dr_spans_json appends a list of spans, from `first` on: an ExportTraceServiceRequest of one
 * resource, which is the service. `wall_ns` is the time of day, in Unix nanoseconds, at which
 * dr_clock_ns was `clock_ns`. Errors: DORA_ENOMEM. */
dora_err dr_spans_json(dr_buf *out, const dr_span *first, const char *service, uint64_t wall_ns,
                       uint64_t clock_ns);

#endif
