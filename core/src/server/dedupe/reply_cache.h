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

typedef struct dr_reply_cache dr_reply_cache;

/* dr_reply_cache_limits: how many calls are remembered (a power of two), the bytes of all replies,
 * how long a reply is kept, and how long it is known afterwards that its call has run. */
typedef struct dr_reply_cache_limits {
    uint32_t calls_max;
    uint32_t bytes_max;
    uint32_t reply_s;
    uint32_t lost_s;
} dr_reply_cache_limits;

/* dr_reply_cache_numbers: what there is now, then counts since the start. */
typedef struct dr_reply_cache_numbers {
    uint64_t replies;
    uint64_t bytes;
    uint64_t tombstones;
    uint64_t hits;    /* repeats that got a kept reply */
    uint64_t joins;   /* repeats that joined a running call */
    uint64_t lost;    /* repeats whose reply was gone */
    uint64_t evicted; /* replies that went before their time */
} dr_reply_cache_numbers;

/* dr_reply_cache_reply is a copy of a kept reply, for those who asked again; never changed. Who has
 * one gives it up by dr_reply_cache_reply_drop (NULL is fine). */
typedef struct dr_reply_cache_reply {
    _Atomic uint32_t users;
    uint16_t http_status; /* dr_reply_waiter */
    size_t len;
    char body[];
} dr_reply_cache_reply;

void dr_reply_cache_reply_drop(dr_reply_cache_reply *reply);

typedef struct dr_reply_cache_link {
    struct dr_reply_cache_link *next;
    struct dr_reply_cache_link *prev;
} dr_reply_cache_link;

typedef enum dr_reply_cache_role {
    DR_REPLY_CACHE_NOBODY = 0, /* takes part in nothing */
    DR_REPLY_LEADER,
    DR_REPLY_FOLLOWER
} dr_reply_cache_role;

/* dr_reply_waiter is a call's place in the store; it lies in the call. Zeroed memory is a valid
 * one. `owner` and `lane` are set by the caller; the rest is guarded by the store's lock, but for
 * the reply of a follower that dr_reply_cache_take gave. */
typedef struct dr_reply_waiter {
    dr_reply_cache_link link;      /* among the followers of a call, or in a lane's inbox */
    dr_reply_cache_link followers; /* of a leader */
    dr_reply_cache_reply *reply;
    void *owner;
    dr_reply_cache_role role;
    uint32_t lane;
    uint16_t http_status; /* of a leader that ends: kept with its reply; 0, or 400 to 499 */
    uint32_t entry;       /* of the call, while it runs */
    bool is_alone;        /* a leader that nobody waits for but its followers */
    bool is_cancelled;    /* and the last of these has cancelled it */
} dr_reply_waiter;

typedef enum dr_reply_cache_known {
    DR_REPLY_CACHE_UNKNOWN = 0, /* it has not run, as far as is known */
    DR_REPLY_CACHE_RUNS,        /* the seat has joined it */
    DR_REPLY_CACHE_HAS_RUN,     /* its reply is in the seat, NULL when out of memory */
    DR_REPLY_CACHE_LOST         /* it has run, its reply is no longer kept */
} dr_reply_cache_known;

/* dr_reply_cache_new makes a store; dr_reply_cache_free frees it, whatever it holds (NULL is fine).
 * Memory for entries is taken with the first call. Errors: DORA_ENOMEM, DORA_EIO. */
dora_err dr_reply_cache_new(dr_reply_cache **cache, const dr_reply_cache_limits *limits,
                            dora_error *error);
void dr_reply_cache_free(dr_reply_cache *cache);

/* dr_reply_cache_key is the key for the digests of calls; it changes with each start. */
const dr_digest_key *dr_reply_cache_key(const dr_reply_cache *cache);

/* dr_reply_cache_expect says that a call will be looked for: what is read then is fetched
 * meanwhile. */
void dr_reply_cache_expect(const dr_reply_cache *cache, const dr_digest *call);

/* dr_reply_cache_look asks what is known of a call; one that runs is joined by the seat.
 * dr_reply_cache_begin does that too, and where nothing is known the seat becomes the call's
 * leader. A leader ends by dr_reply_cache_end, a follower by dr_reply_cache_leave or when
 * dr_reply_cache_take gives it; until then the seat stays where it is. */
dr_reply_cache_known dr_reply_cache_look(dr_reply_cache *cache, const dr_digest *call,
                                         dr_reply_waiter *seat);
dr_reply_cache_known dr_reply_cache_begin(dr_reply_cache *cache, const dr_digest *call,
                                          dr_reply_waiter *seat, uint64_t now_ms);

/* dr_reply_cache_end tells what became of a leader's call. `has_run` false: it is forgotten, for it
 * may be sent again. A call that has run without a reply (data NULL), or with one that is larger
 * than all may be together, is remembered as lost. Joiners get the reply in any case. Returns: the
 * lanes that have to take, one bit each. */
uint64_t dr_reply_cache_end(dr_reply_cache *cache, dr_reply_waiter *leader, dora_slice reply,
                            bool has_run, uint64_t now_ms);

/* dr_reply_cache_is_wanted says whether a call whose own responder has gone has followers; if not,
 * it may be dropped. When the last of them leaves later, the leader's lane has to take. */
bool dr_reply_cache_is_wanted(dr_reply_cache *cache, dr_reply_waiter *leader);

/* dr_reply_cache_leave takes a follower out whose responder has gone, or cancels. Returns: as
 * dr_reply_cache_end. */
uint64_t dr_reply_cache_leave(dr_reply_cache *cache, dr_reply_waiter *follower, bool cancels);

/* dr_reply_cache_is_cancelled says whether a call whose own responder has gone has no followers any
 * more, and the last of them has cancelled it. */
bool dr_reply_cache_is_cancelled(dr_reply_cache *cache, const dr_reply_waiter *leader);

/* dr_reply_cache_take gives the next seat of a lane that something happened to: a follower has its
 * reply, NULL if that is lost; a leader may be wanted no longer: dr_reply_cache_is_wanted knows.
 * Returns: NULL when there is none. Thread: the lane's. */
dr_reply_waiter *dr_reply_cache_take(dr_reply_cache *cache, uint32_t lane);

/* dr_reply_cache_sweep lets go of what is over its time. */
void dr_reply_cache_sweep(dr_reply_cache *cache, uint64_t now_ms);

/* dr_reply_cache_count gives the numbers of one moment. */
void dr_reply_cache_count(dr_reply_cache *cache, dr_reply_cache_numbers *numbers);

/* For reply_import.c, under the lock. dr_reply_cache_make_room frees an entry where all are used:
 * that of the oldest tombstone, then of the oldest reply; calls that run keep theirs.
 * dr_reply_cache_keep remembers the reply of an entry's call that has run, as far as it may.
 * dr_reply_cache_settle is dr_reply_cache_end. */
void dr_reply_cache_make_room(dr_reply_cache *cache, uint32_t now_s);
void dr_reply_cache_keep(dr_reply_cache *cache, uint32_t name, dora_slice reply,
                         uint16_t http_status, uint32_t now_s);
uint64_t dr_reply_cache_settle(dr_reply_cache *cache, dr_reply_waiter *leader, dora_slice reply,
                               bool has_run, uint32_t now_s);

#endif
