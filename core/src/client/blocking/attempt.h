/* attempt.h: a call under way: one try at it, and all of its tries. */
#ifndef DR_CLIENT_ATTEMPT_H
#define DR_CLIENT_ATTEMPT_H

#include "client/blocking/client.h"

/* dr_attempt is one call. The caller sets the first part; zeroed memory is right for the rest. */
typedef struct dr_attempt {
    dora_client *client;
    const dora_call_options *options; /* not NULL */
    dr_request request;               /* all but guid, timeout and attempt */
    const dr_api *apis;
    dora_answer *answer;       /* where guid and reply go */
    dr_submission *submission; /* of AM_*, else NULL */

    /* For all tries. */
    dr_tries tries;
    dr_address node_address; /* of options->node */
    uint32_t forks;

    /* This try. */
    dr_wait wait;
    uint64_t begun_ns;
    dr_pooled_conn *peer;
    dr_try made;       /* how it ended */
    bool is_half_sent; /* the rest of the frame must follow: the connection takes no other */
    dr_incoming incoming;
} dr_attempt;

/* dr_attempt_run makes one try: it picks node and connection, sends, waits for the reply, puts the
 * connection away, finishes the answer and fills a->made. Returns: DORA_OK when there is a reply;
 * its code may be a refusal. Errors: as dora_client_call. `*is_over` is set where no node is left
 * to try; then `error` is as it was. */
dora_err dr_attempt_run(dr_attempt *a, bool *is_over, dora_error *error);

#endif
