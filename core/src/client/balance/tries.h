/* tries.h: all tries at one call: what may be sent again, where, and in what time. */
#ifndef DR_CLIENT_TRIES_H
#define DR_CLIENT_TRIES_H

#include "client/balance/settings.h"

#define DR_NS_PER_MS 1000000u

#define DR_ROOMS_MAX 8u /* servers whose word on when they have room a call remembers */

/* dr_room is when a server has room that has refused a call. */
typedef struct dr_room {
    uint64_t at_ns;
    size_t node;
} dr_room;

/* dr_tries is what one call has behind it. Nothing here has a lock or a clock: who makes the tries
 * guards the nodes and says what time it is. */
typedef struct dr_tries {
    uint64_t deadline_ns; /* of the whole call */
    uint32_t timeout_ms;  /* what was asked for */
    uint32_t retries_left;
    uint32_t wait_ms;            /* how long for a server to come back; 0: not at all */
    uint32_t pauses;             /* of that wait */
    uint64_t giving_up_ns;       /* the end of that wait, from the first pause on */
    dr_room rooms[DR_ROOMS_MAX]; /* of the servers that have refused and said when to come again */
    uint32_t room_count;
    int64_t attempt; /* as the request has it: -1 for a call that is sent for the first time */
    size_t group;
    size_t node;         /* of the try under way, or of the last one */
    uint32_t life;       /* the node's, to know it again */
    dora_err maybe_ran;  /* how the first try ended that may have run; DORA_OK: there was none */
    bool is_named;       /* the call is for one node only */
    bool is_same;        /* the next try goes where the last one went, on another connection */
    bool was_overloaded; /* a handler's envelope said so */
    dr_tried tried;
} dr_tries;

/* dr_try is how one try ended. */
typedef struct dr_try {
    dora_err err;            /* DORA_OK: with a reply, */
    int64_t code;            /* of this code */
    bool is_reused;          /* the connection served a call before */
    bool is_unsent;          /* the server certainly did not get all of it */
    bool is_overloaded;      /* the reply, or the envelope in it, says so, */
    uint32_t retry_after_ms; /* and when to ask again; 0: it does not */
} dr_try;

typedef enum dr_try_outcome {
    DR_ANSWERED,
    DR_NOT_RUN, /* certainly: it may be sent to another node */
    DR_UNKNOWN, /* it may have run: sent again only where the caller wants that */
    DR_FAILED   /* and will again */
} dr_try_outcome;

/* dr_tries_begin reads what a call has otherwise than its client (options NULL: nothing).
 * `nested_ns` is until when the caller's own caller waits, 0: for ever.
 * Errors: DORA_EINVAL for a group that is not there; of a registry DORA_ECONNECT, as where it has
 * no nodes at all: dr_tries_group then looks for the group again, NULL being the usual one, once
 * the registry knows more. */
dora_err dr_tries_begin(dr_tries *tries, const dr_settings *settings, const dr_nodes *nodes,
                        const dora_call_options *options, uint64_t now_ns, uint64_t nested_ns,
                        dora_error *error);
dora_err dr_tries_group(dr_tries *tries, const dr_nodes *nodes, const char *name,
                        dora_error *error);

/* dr_tries_until_ns is until when a try that begins now may take: what is left, divided among the
 * tries that are left. dr_tries_usual_ms is how long that is for most calls. */
uint64_t dr_tries_until_ns(const dr_tries *tries, uint64_t now_ns);
uint32_t dr_tries_usual_ms(const dr_tries *tries);

/* dr_tries_connect_ns is until when such a try may take to connect: while there are other nodes to
 * try, one has a fair part of the time only. */
uint64_t dr_tries_connect_ns(const dr_tries *tries, const dr_nodes *nodes, uint64_t begun_ns,
                             uint64_t until_ns);

/* dr_tries_pick chooses the node of the next try of a call that names none. Returns: DORA_OK, or
 * DORA_ECONNECT when every one was tried, or the group has none any more. dr_tries_nowhere is the
 * error where that comes before any try. Returns: DORA_ECONNECT (code 100010). */
dora_err dr_tries_pick(dr_tries *tries, dr_nodes *nodes, uint64_t now_ms, uint64_t random);
dora_err dr_tries_nowhere(dora_error *error, const char *why);

/* dr_tries_outcome says what a try means. dr_tries_note remembers the first that may have run while
 * the call may be repeated. Returns: whether this was it; then the caller keeps its error. */
dr_try_outcome dr_tries_outcome(const dr_try *made);
bool dr_tries_note(dr_tries *tries, const dr_try *made);

/* dr_tries_again decides after a try. Returns: whether there is to be another one. */
bool dr_tries_again(dr_tries *tries, const dr_try *made, const dr_nodes *nodes, uint64_t now_ns);

/* dr_tries_wait decides, where there is no other place to try, whether the call waits for a server
 * to come back, or to have room where it has said when. Returns: true with when to try anew: after
 * a pause that grows, or once the first that has refused has room; those that have none by then
 * are left alone. `random` decides a part of it, so that those who wait do not come all at once. */
bool dr_tries_wait(dr_tries *tries, const dr_try *made, uint64_t now_ns, uint64_t random,
                   uint64_t *again_ns);

/* dr_tries_maybe_ran says, for the last try and the error `err` it means to the caller, whether
 * the error of the first doubtful one stands instead: no later try can say that the call was not
 * run. Where `err` is DORA_OK, dr_answer_maybe_ran is for the results once one may have run. */
bool dr_tries_maybe_ran(const dr_tries *tries, const dr_try *last, dora_err err);

/* dr_advice is what a try says about the other connections to its node. */
typedef enum dr_advice {
    DR_ADVICE_NONE,
    DR_ADVICE_MAYBE_RAN, /* they may be dead, too */
    DR_ADVICE_LEAVE      /* the server stops */
} dr_advice;

/* dr_tries_record_outcome takes what a try says about its node into account, and only about that.
 */
dr_advice dr_tries_record_outcome(dr_nodes *nodes, size_t node, const dr_try *made,
                                  uint64_t took_ns, uint64_t now_ms);

#endif
