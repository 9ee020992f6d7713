/* call_log.h: what the log says of calls: that a request has ended, where `log.requests` wants it,
 * and that accepted work is lost. It never waits. Thread: the lane's. */
#ifndef DR_SERVER_CALL_LOG_H
#define DR_SERVER_CALL_LOG_H

#include "server/call/call.h"

/* dr_call_log_is_on says whether any request is written down; the others are for where it is. */
static inline bool dr_call_log_is_on(const dr_lane *lane)
{
    return atomic_load_explicit(&lane->backend->log_requests, memory_order_relaxed) !=
           DR_LOG_REQUESTS_NONE;
}

/* dr_call_log_item writes down an item of a call that has ended by an outcome. */
void dr_call_log_item(const dr_call *call, const dr_call_item *one, const dr_outcome *outcome);

/* dr_call_log_cancelled does so for one that is cancelled before a worker had it, as `asked` says,
 * dr_call_log_refused for an api of a request that is not run at all; `row` is the api's. */
void dr_call_log_cancelled(const dr_call *call, const dr_call_item *one,
                           const dr_task_asked *asked);
void dr_call_log_refused(const dr_responder *responder, const dr_request *request,
                         const dr_api *api, const dr_row *row, int64_t code);

/* dr_call_log_unread writes down a request of which no api is known. */
void dr_call_log_unread(const dr_responder *responder, const char *guid, const dora_error *error);

/* dr_call_log_lost writes down accepted work that nobody is told of and that no worker has run,
 * whatever `log.requests` is. What a worker has run, its own record tells, or its end. */
void dr_call_log_lost(const dr_call *call, const dr_call_item *one, int64_t code, dora_slice msg);

#endif
