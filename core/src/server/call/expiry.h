/* expiry.h: callers over HTTP whose time is over while their call runs: they are answered, the call
 * goes on. Clients that speak frames stop waiting by themselves. And streams: at the end of their
 * callers' time, or when nobody makes room for them any more. Thread: the lane's. */
#ifndef DR_SERVER_EXPIRY_H
#define DR_SERVER_EXPIRY_H

#include <stdint.h>
#include <uv.h>

struct dr_call;
struct dr_lane;

/* dr_expiry is the calls of a lane whose callers wait for a time only: a heap, the soonest first,
 * and one timer for it. Zeroed memory holds none. */
typedef struct dr_expiry {
    struct dr_call **calls;
    uint32_t count;
    uint32_t room;
    uv_timer_t timer;
} dr_expiry;

void dr_expiry_init(struct dr_lane *lane);
void dr_expiry_close(struct dr_lane *lane);
void dr_expiry_fini(struct dr_lane *lane);

/* dr_expiry_add has a call that waits answered at `at_ns`, if it is not before. Without memory it
 * is answered when it has run. dr_expiry_remove forgets it; fine where it is not there. */
void dr_expiry_add(struct dr_call *call, uint64_t at_ns);
void dr_expiry_remove(struct dr_call *call);

/* dr_expiry_look has a stream looked at by `at_ns`, 0: not: it has no time to wait without room. */
void dr_expiry_look(struct dr_call *call, uint64_t at_ns);

#endif
