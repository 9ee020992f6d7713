/* backend.h: what the code of a request needs of its server, and what can be told of it. One for a
 * server; all lanes share it. */
#ifndef DR_SERVER_BACKEND_H
#define DR_SERVER_BACKEND_H

#include "net/budget.h"
#include "net/places.h"
#include "server/access/guesses.h"
#include "server/access/rates.h"
#include "server/call/callers.h"
#include "server/call/observe.h"
#include "server/call/route.h"
#include "server/dedupe/reply_cache.h"
#include "server/spans/spans.h"
#include "task/pool.h"
#include "wire/message.h"

typedef struct dr_lane dr_lane;
typedef struct dr_responder dr_responder;
typedef struct dr_discovery dr_discovery;
typedef struct dr_rollout dr_rollout;

typedef enum dr_phase {
    DR_PHASE_STARTING,
    DR_PHASE_SERVING,
    DR_PHASE_LEAVING, /* it serves, and says that it is not ready */
    DR_PHASE_MOVING,  /* another takes over: no call begins that it would have to know */
    DR_PHASE_DRAINING,
    DR_PHASE_NOW
} dr_phase;

/* dr_control_handler does what a request of type SC says; each is answered, now or later. Thread:
 * the lane's. */
typedef struct dr_control_handler {
    void (*run)(const dr_responder *responder, const dr_request *request, void *user);
    void *user;
} dr_control_handler;

typedef struct dr_backend {
    const dr_config *config;
    dr_log *log;
    dr_pool *pools;
    uint32_t pool_count;
    dr_lane *lanes;
    uint32_t lane_count;
    dr_routes *_Atomic routes;
    dr_rows rows;
    dr_reply_cache *reply_cache; /* NULL: no pool dedupes */
    bool all_dedupe;             /* every pool does */
    dr_budget budget;            /* what peers have us hold */
    dr_places places;            /* how many connections they have */
    dr_control_handler commands;
    dr_access *_Atomic access; /* NULL: there are no rules; changes with a reload, as `routes` */
    dr_caller_rows callers;
    dr_guesses guesses;
    dr_rates rates;                       /* of calls over HTTP */
    _Atomic dr_log_requests log_requests; /* both change with a reload */
    _Atomic uint32_t log_slow_ms;
    dr_spans *spans;               /* of calls that are traced */
    _Atomic bool spans_are_wanted; /* this and the next change with a reload, too */
    _Atomic uint32_t trace_sample; /* of UINT32_MAX calls without a trace so many begin one */
    _Atomic dr_phase phase;
    int64_t start_time;            /* Unix seconds */
    uint64_t start_ms;             /* of a clock that nobody sets (base/clock.h) */
    dr_discovery *discovery;       /* NULL: it registers nowhere */
    dr_rollout *rollout;           /* of reloads that are watched */
    _Atomic bool memory_is_wanted; /* somebody has asked how much the workers have */
} dr_backend;

#endif
