/* trace.h: the trace of the running handler's caller, which calls that the handler makes continue.
 */
#ifndef DR_BASE_TRACE_H
#define DR_BASE_TRACE_H

#include "base/limits.h"
#include <dora/value.h>

/* dr_trace_set says it for this thread, and copies it; empty: there is none. What is longer than
 * DR_TRACE_BYTES_MAX is none. Thread: any; each has its own, so threads that a handler starts have
 * none. */
void dr_trace_set(dora_slice trace);

/* dr_trace_get is what was set last, empty in the beginning. Ownership: borrowed until the next. */
dora_slice dr_trace_get(void);

/* dr_trace_of_call is what a call sends: `given` as it is, else the thread's. One that is a W3C
 * traceparent is continued, under a span id of its own; any other text is handed on as it is.
 * `room` is for that. Errors: DORA_EINVAL for one that is too long. */
dora_err dr_trace_of_call(dora_slice given, char room[DR_TRACE_BYTES_MAX], dora_slice *trace,
                          dora_error *error);

#endif
