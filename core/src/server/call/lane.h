/* lane.h: one reactor with the calls that are in flight on it. Thread: the reactor's. */
#ifndef DR_SERVER_LANE_H
#define DR_SERVER_LANE_H

#include "base/count.h"
#include "base/guid.h"
#include "base/log_few.h"
#include "net/http.h"
#include "net/reactor.h"
#include "server/call/backend.h"
#include "server/call/expiry.h"
#include "task/dispatch.h"

typedef struct dr_call dr_call;

/* dr_offloads is work for libuv's thread pool (offload.h). */
typedef struct dr_offload dr_offload;

typedef struct dr_offload_queue {
    dr_offload *first; /* of each connection one; its others hang behind it */
    dr_offload *last;
    uint32_t running; /* in the pool */
} dr_offload_queue;

typedef struct dr_offloads {
    dr_offload_queue queues[2]; /* small jobs, large jobs */
    dr_offload *running;
    uint32_t threads; /* of the pool, for this lane */
    uint32_t waiting;
    bool was_large; /* what was started last */
} dr_offloads;

struct dr_lane {
    dr_reactor reactor;
    struct dr_reactor_thread *thread; /* that runs it; the master's */
    dr_seat seat;                     /* at what peers have us hold */
    dr_backend *backend;
    uint32_t calls;    /* in flight */
    dr_count requests; /* messages that could be read */
    dr_count ignored;  /* TK and CN for nothing */
    dr_call *unowned;  /* calls that answer nobody (call.h) */
    dr_call *spare;    /* freed single calls */
    dr_buf plain;      /* an inflated body */
    dr_buf inner;      /* a body translated from JSON */
    dr_buf answer;     /* a reply that is to be translated */
    dr_buf kept;       /* a reply that is kept, where its responder got it in another form */
    dr_offloads offloads;
    dr_http http;
    dr_expiry expiry;
    dr_caller caller; /* of the request that it is at */
    bool is_late;     /* which was read while the reactor held, and unpacked elsewhere */
    dr_caller_count callers[DR_CALLER_ROWS_MAX];
    dr_log_few strangers; /* that were written down */
    dr_log_few hasty;     /* likewise: who calls too often */
    dr_random random;     /* for guids of requests that come without */
    char too_big[96];     /* what is said of a reply over frame_bytes_max */
    dr_api apis[DR_APIS_MAX];
};

#endif
