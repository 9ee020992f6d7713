/* attempt.h: a call under way: one try at it, and all of its tries. */
#ifndef DR_CLIENT_ATTEMPT_H
#define DR_CLIENT_ATTEMPT_H

#include "client/client.h"

/* dr_attempt is one call. The caller sets the first part; zeroed memory is right for the rest. */
typedef struct dr_attempt {
    dora_client *client;
    const dora_call_options *options; /* not NULL */
    dr_request request;               /* all but guid, timeout and attempt */
    const dr_api *apis;
    dora_answer *answer;       /* where guid and reply go */
    dr_submission *submission; /* of AM_*, else NULL */

    /* For all tries. */
    size_t group;
    dr_address node_address; /* of options->node */
    uint64_t deadline_ns;
    uint32_t timeout_ms;
    uint32_t retries_left;
    uint32_t forks;
    dr_tried tried;
    size_t node;
    bool is_same;        /* the next try goes where the last one went, on a new connection */
    bool was_overloaded; /* a handler's envelope said so */

    /* This try. */
    dr_wait wait;
    uint64_t begun_ns;
    dr_peer *peer;
    bool is_reused;     /* the peer served a call before */
    bool is_unsent;     /* what failed is certain not to have run */
    bool is_half_sent;  /* the rest of the frame must follow: the connection takes no other */
    bool is_overloaded; /* the reply says so */
    dr_incoming incoming;
} dr_attempt;

/* dr_attempt_run makes one try: it picks node and connection, sends, waits for the reply, puts the
 * connection away and finishes the answer. Returns: DORA_OK when there is a reply; its code may be
 * a refusal. Errors: as dora_client_call. `*is_over` is set where no node is left to try; then
 * `error` is as it was. */
dora_err dr_attempt_run(dr_attempt *a, bool *is_over, dora_error *error);

/* dr_attempt_is_expected says whether a reply's code is the one that this type of call wants. */
bool dr_attempt_is_expected(const dr_attempt *a);

/* dr_tries_run runs the call: at most its time, over as many tries as are right. The answer is then
 * complete. Errors: as dora_client_call. */
dora_err dr_tries_run(dr_attempt *a, dora_error *error);

#endif
