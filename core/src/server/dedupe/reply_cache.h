/* reply_cache.h: the replies that a server keeps for a while, so that a call that is sent again
 * runs once.
 *
 * A call is known by the digest of its guid, type and apis. While it runs, repeats join it; when it
 * has run, they get its reply; when that had to go, what is left says that the call has run. One
 * store for all lanes; it knows nothing of connections. Thread: any, unless said otherwise; the
 * lock inside is held for a few list operations. */
#ifndef DR_SERVER_REPLY_CACHE_H
#define DR_SERVER_REPLY_CACHE_H

#include <stdatomic.h>

#include "base/digest.h"

typedef struct dr_kept dr_kept;

/* dr_kept_limits: how many calls are remembered (a power of two), the bytes of all replies, how
 * long a reply is kept, and how long it is known afterwards that its call has run. */
typedef struct dr_kept_limits {
    uint32_t calls_max;
    uint32_t bytes_max;
    uint32_t reply_s;
    uint32_t lost_s;
} dr_kept_limits;

/* dr_kept_numbers: what there is now, then counts since the start. */
typedef struct dr_kept_numbers {
    uint64_t replies;
    uint64_t bytes;
    uint64_t tombstones;
    uint64_t hits;    /* repeats that got a kept reply */
    uint64_t joins;   /* repeats that joined a running call */
    uint64_t lost;    /* repeats whose reply was gone */
    uint64_t evicted; /* replies that went before their time */
} dr_kept_numbers;

/* dr_kept_reply is a copy of a kept reply, for those who asked again; never changed. Who has one
 * gives it up by dr_kept_reply_drop (NULL is fine). */
typedef struct dr_kept_reply {
    _Atomic uint32_t users;
    size_t len;
    char body[];
} dr_kept_reply;

void dr_kept_reply_drop(dr_kept_reply *reply);

typedef struct dr_kept_link {
    struct dr_kept_link *next;
    struct dr_kept_link *prev;
} dr_kept_link;

typedef enum dr_kept_role {
    DR_KEPT_NOBODY = 0, /* takes part in nothing */
    DR_KEPT_RUNNER,
    DR_KEPT_JOINER
} dr_kept_role;

/* dr_kept_seat is a call's place in the store; it lies in the call. Zeroed memory is a valid one.
 * `owner` and `lane` are set by the caller; the rest is guarded by the store's lock, but for the
 * reply of a joiner that dr_kept_take gave. */
typedef struct dr_kept_seat {
    dr_kept_link link;    /* among the joiners of a call, or in a lane's inbox */
    dr_kept_link joiners; /* of a runner */
    dr_kept_reply *reply;
    void *owner;
    dr_kept_role role;
    uint32_t lane;
    uint32_t entry; /* of the call, while it runs */
    bool is_alone;  /* a runner that nobody waits for but its joiners */
} dr_kept_seat;

typedef enum dr_kept_known {
    DR_KEPT_UNKNOWN = 0, /* it has not run, as far as is known */
    DR_KEPT_RUNS,        /* the seat has joined it */
    DR_KEPT_HAS_RUN,     /* its reply is in the seat, NULL when out of memory */
    DR_KEPT_LOST         /* it has run, its reply is no longer kept */
} dr_kept_known;

/* dr_kept_new makes a store; dr_kept_free frees it, whatever it holds (NULL is fine). Memory for
 * entries is taken with the first call. Errors: DORA_ENOMEM, DORA_EIO. */
dora_err dr_kept_new(dr_kept **kept, const dr_kept_limits *limits, dora_error *error);
void dr_kept_free(dr_kept *kept);

/* dr_kept_key is the key for the digests of calls; it changes with each start. */
const dr_digest_key *dr_kept_key(const dr_kept *kept);

/* dr_kept_expect says that a call will be looked for: what is read then is fetched meanwhile. */
void dr_kept_expect(const dr_kept *kept, const dr_digest *call);

/* dr_kept_look asks what is known of a call; one that runs is joined by the seat. dr_kept_begin
 * does that too, and where nothing is known the seat becomes the call's runner. A runner ends by
 * dr_kept_end, a joiner by dr_kept_leave or when dr_kept_take gives it; until then the seat stays
 * where it is. */
dr_kept_known dr_kept_look(dr_kept *kept, const dr_digest *call, dr_kept_seat *seat);
dr_kept_known dr_kept_begin(dr_kept *kept, const dr_digest *call, dr_kept_seat *seat,
                            uint64_t now_ms);

/* dr_kept_end tells what became of a runner's call. `has_run` false: it is forgotten, for it may be
 * sent again. A call that has run without a reply (data NULL), or with one that is larger than all
 * may be together, is remembered as lost. Joiners get the reply in any case. Returns: the lanes
 * that have to take, one bit each. */
uint64_t dr_kept_end(dr_kept *kept, dr_kept_seat *runner, dora_slice reply, bool has_run,
                     uint64_t now_ms);

/* dr_kept_is_wanted says whether a call whose own asker has gone has joiners; if not, it may be
 * dropped. When the last of them leaves later, the runner's lane has to take. */
bool dr_kept_is_wanted(dr_kept *kept, dr_kept_seat *runner);

/* dr_kept_leave takes a joiner out whose asker has gone. Returns: as dr_kept_end. */
uint64_t dr_kept_leave(dr_kept *kept, dr_kept_seat *joiner);

/* dr_kept_take gives the next seat of a lane that something happened to: a joiner has its reply,
 * NULL if that is lost; a runner may be wanted no longer: dr_kept_is_wanted knows.
 * Returns: NULL when there is none. Thread: the lane's. */
dr_kept_seat *dr_kept_take(dr_kept *kept, uint32_t lane);

/* dr_kept_sweep lets go of what is over its time. */
void dr_kept_sweep(dr_kept *kept, uint64_t now_ms);

/* dr_kept_count gives the numbers of one moment. */
void dr_kept_count(dr_kept *kept, dr_kept_numbers *numbers);

#endif
