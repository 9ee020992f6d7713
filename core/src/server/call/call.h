/* call.h: a call on its way: its items, and what became of them. Thread: the lane's. */
#ifndef DR_SERVER_CALL_H
#define DR_SERVER_CALL_H

#include "server/call/responder.h"
#include "server/dedupe/reply_cache.h"
#include "task/look.h"

/* dr_call_gone: a connection went (an event of the reactor). dr_call_outcome: a worker has done an
 * item (dr_dispatch_collect). dr_call_fini frees what a lane keeps for calls. */
void dr_call_gone(dr_conn *conn, void *lane);
bool dr_call_outcome(const dr_outcome *outcome, void *lane);
void dr_call_fini(dr_lane *lane);

typedef enum dr_call_item_state {
    DR_ITEM_NONE = 0, /* not begun, or done */
    DR_ITEM_PENDING,
    DR_ITEM_KEPT /* done, and its result stands in its task's block */
} dr_call_item_state;

/* dr_call_item is one api of a call; a part is what a stream sends. */
typedef struct dr_call_item {
    dr_call_item_state state;
    uint32_t retry_after_ms; /* of one that found no room; 0: nothing is said */
    dr_pool *pool;
    dr_row *row; /* where it is counted when its call ends */
    uint32_t task;
    uint16_t http_status; /* of its error, as the handler has it; 0: by its code */
    bool is_dropped;      /* no worker had begun it: whatever its code, it has not run */
    int64_t code;
    union {
        dora_slice key;  /* encoded; multi calls that are answered */
        dora_slice name; /* calls that are not answered: for the log */
    };
    dora_slice msg;
    dora_slice data;
    char *copy; /* of msg and data, where they could not stay in shared memory */
} dr_call_item;

/* dr_call stands in its responder's list, or in the lane's list of unowned ones where that is
 * nobody: it was accepted, or a worker had begun it when its connection went. */
struct dr_call {
    dr_lane *lane;
    dr_responder responder;
    dr_call *next;
    dr_call *prev;
    dr_call_type type;
    uint32_t count;
    uint32_t left;
    bool is_single;
    bool is_spare;   /* of the size that lane->spare keeps */
    bool is_unowned; /* `held` is counted for no connection */
    size_t held;     /* bytes counted for what it has on the heap; small calls count none */
    size_t bytes;    /* of the reply so far */
    char guid[DR_GUID_LEN];
    dr_digest digest;              /* by which repeats of it are known */
    dr_reply_waiter waiter;        /* of the call, or of a repeat that has joined it */
    uint64_t expires_ns;           /* where `expiry_place` is not 0 */
    uint32_t expiry_place;         /* expiry.h */
    struct dr_call_span *span;     /* NULL: it is not traced (call_span.h) */
    struct dr_call_stream *stream; /* NULL: it is none (call_stream.h) */
    dr_call *next_named;           /* call_index.h */
    bool stops_with_caller;        /* what runs of it is stopped when nobody waits any more */
    bool is_cancelled;             /* its reply is not kept */
    dr_call_item items[];
};

/* What an envelope and an error's usual text take beside key and data. */
#define DR_ENVELOPE_BYTES 256u

/* dr_call_new makes a call of the request's apis (lane->apis), with room for what it has
 * to remember of them, and counts it. Returns: NULL when out of memory. dr_call_free gives all of
 * it back. dr_call_detach: nobody is answered any more. dr_call_abandon: whoever asked has gone;
 * what nobody waits for and no worker has begun is dropped. dr_call_forget: that is so for all
 * calls from `first` on. dr_call_drop ends the parts that no worker has begun with a code,
 * dr_call_settle one item. */
dr_call *dr_call_new(const dr_responder *responder, const dr_request *request);
void dr_call_free(dr_call *call);
void dr_call_detach(dr_call *call);
void dr_call_abandon(dr_call *call);
void dr_call_drop(dr_call *call, int64_t code);
void dr_call_forget(const dr_responder *responder, dr_call *first);
void dr_call_settle(dr_call *call, uint32_t index, int64_t code);

/* dr_call_charge counts bytes that a call is to have on the heap: for its connection, or for none
 * where it runs without one. dr_call_free counts them off, dr_call_discharge some of them before.
 * Returns: false where it is too much. */
bool dr_call_charge(dr_call *call, size_t bytes);
void dr_call_discharge(dr_call *call, size_t bytes);

/* dr_call_heap_bytes is what a new call takes itself; more than DR_HELD_FREE_BYTES are counted. */
size_t dr_call_heap_bytes(const dr_call *call);

/* dr_call_tasks gives the tasks of all items in a state to a function of dispatch.h: many at once,
 * for its lock. */
typedef void (*dr_call_tasks_fn)(dr_pool *pool, const uint32_t *tasks, uint32_t count);
void dr_call_tasks(const dr_call *call, dr_call_item_state state, dr_call_tasks_fn fn);

/* dr_call_end answers a call whose last item has ended, counts its apis, each with its code, and
 * frees it. */
void dr_call_end(dr_call *call);

/* dr_call_count_refused counts the apis of a request that is refused as a whole;
 * dr_call_count_answered a request that is no call of an api, or was never read as one. */
void dr_call_count_refused(const dr_responder *responder, const dr_request *request, int64_t code);
void dr_call_count_answered(dr_lane *lane, dr_call_type type, int64_t code);

#endif
