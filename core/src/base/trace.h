/* trace.h: the trace of the running handler's caller, which calls that the handler makes continue.
 */
#ifndef DR_BASE_TRACE_H
#define DR_BASE_TRACE_H

#include <stdbool.h>

#include "base/limits.h"
#include <dora/value.h>

#define DR_TRACE_ID_LEN 32u
#define DR_SPAN_ID_LEN 16u
#define DR_TRACE_PARENT_LEN 55u /* of a W3C traceparent of version 00 */

/* dr_trace_parent is what a W3C traceparent says; the ids are lower-case hex digits. */
typedef struct dr_trace_parent {
    char trace_id[DR_TRACE_ID_LEN];
    char span_id[DR_SPAN_ID_LEN];
    bool is_sampled;
} dr_trace_parent;

/* dr_trace_read reads one. Returns: false for any other text, and for ids that are all zeros.
 * dr_trace_write writes one, without a NUL. */
bool dr_trace_read(dora_slice text, dr_trace_parent *parent);
void dr_trace_write(const dr_trace_parent *parent, char text[DR_TRACE_PARENT_LEN]);

/* dr_trace_span_of writes the span id of a handler's run, as the master knows its task, and its
 * worker, too: when the task came and its number make it another one for each run of a guid. */
void dr_trace_span_of(const char guid[DR_GUID_LEN], uint64_t came_ns, uint32_t task,
                      char span_id[DR_SPAN_ID_LEN]);

/* dr_trace_set says it for this thread, and copies it; empty: there is none. What is longer than
 * DR_TRACE_BYTES_MAX is none. `span_id` is what calls that continue it have as their parent; NULL:
 * each has a new one. Thread: any; each has its own, so threads that a handler starts have none. */
void dr_trace_set(dora_slice trace, const char *span_id);

/* dr_trace_now is what was set last. dr_trace_save copies it, dr_trace_restore sets it again. */
typedef struct dr_trace_now {
    bool has_span;
    char span_id[DR_SPAN_ID_LEN];
    size_t len; /* 0: there is none */
    char text[DR_TRACE_BYTES_MAX];
} dr_trace_now;

void dr_trace_save(dr_trace_now *now);
void dr_trace_restore(const dr_trace_now *now);

/* dr_trace_of_call is what a call sends: `given` as it is, else the thread's. One that is a W3C
 * traceparent is continued, under the handler's span id; any other text is handed on as it is.
 * `room` is for that. Errors: DORA_EINVAL for one that is too long. */
dora_err dr_trace_of_call(dora_slice given, char room[DR_TRACE_BYTES_MAX], dora_slice *trace,
                          dora_error *error);

#endif
