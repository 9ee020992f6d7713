/* call_span.h: the spans of a call: what it was when it came, and what became of it and its tasks.
 * Of calls with a trace that is sampled, where somebody wants spans. It never waits. Thread: the
 * lane's. */
#ifndef DR_SERVER_CALL_SPAN_H
#define DR_SERVER_CALL_SPAN_H

#include "server/call/call.h"

/* dr_call_span is what a call that is traced has beside it. */
typedef struct dr_call_span dr_call_span;

/* dr_call_spans_are_on says whether anybody wants spans; the others are for where it is so. */
static inline bool dr_call_spans_are_on(const dr_lane *lane)
{
    return atomic_load_explicit(&lane->backend->spans_are_wanted, memory_order_relaxed);
}

/* dr_call_span_begin notes that a call has come: `call->span` is NULL afterwards where it is not
 * traced, or there is no memory. dr_call_free frees it. */
void dr_call_span_begin(dr_call *call, const dr_request *request);

/* dr_call_span_input gives a task of a traced call the trace that the server has begun, if it was
 * the server. */
void dr_call_span_input(const dr_call *call, dr_task_input *input);

/* dr_call_span_item tells the spans of a task that has ended by an outcome, dr_call_span_cancelled
 * that of one that no worker has had. */
void dr_call_span_item(const dr_call *call, const dr_call_item *one, const dr_outcome *outcome);
void dr_call_span_cancelled(const dr_call *call, const dr_call_item *one,
                            const dr_task_asked *asked);

/* dr_call_span_end tells the span of a call that has been answered: what its items say.
 * dr_call_span_accepted does so where that answer is its acceptance, dr_call_span_repeated where it
 * was that of another call, or `code`: that one is lost. Each is told once. */
void dr_call_span_end(dr_call *call);
void dr_call_span_accepted(dr_call *call);
void dr_call_span_repeated(dr_call *call, int64_t code);

/* dr_call_span_refused tells that of a request that is refused as a whole. */
void dr_call_span_refused(const dr_responder *responder, const dr_request *request, int64_t code);

#endif
