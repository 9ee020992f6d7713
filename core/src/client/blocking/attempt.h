/* attempt.h: a call under way: one try at it, and all of its tries. */
#ifndef DR_CLIENT_ATTEMPT_H
#define DR_CLIENT_ATTEMPT_H

#include "client/blocking/client.h"

/* dr_attempt is one call. The caller sets the first part; zeroed memory is right for the rest. */
typedef struct dr_attempt {
    dora_client *client;
    const dora_call_options *options; /* not NULL */
    dr_request request;               /* all but guid, timeout and attempt */
    uint64_t until_ns;                /* of a stream: its end; UINT64_MAX: none */
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
    uint64_t first_ns; /* of a stream: how long the server was silent before its first word */
    dr_pooled_conn *peer;
    dr_try made;       /* how it ended */
    bool is_half_sent; /* the rest of the frame must follow: the connection takes no other */
    bool is_open;      /* a stream that was sent and has not ended: it keeps its connection */
    dr_incoming incoming;
} dr_attempt;

/* dr_attempt_run makes one try: it picks node and connection, sends, waits for the reply, puts the
 * connection away, finishes the answer and fills a->made. Returns: DORA_OK when there is a reply;
 * its code may be a refusal. Errors: as dora_client_call. `*is_over` is set where no node is left
 * to try; then `error` is as it was.
 *
 * Of a stream it makes half a try: it returns when the request was sent, a->made having code 0, and
 * goes on the next time, until the server has said something. While that is not its last word the
 * try is still open. */
dora_err dr_attempt_run(dr_attempt *a, bool *is_over, dora_error *error);

/* dr_attempt_more waits for the next word of an open stream: it is then in a->incoming, and ends
 * the stream where dr_reply_goes_on says no. dr_attempt_flush sends what its link has to send, as
 * far as that goes at once. Errors: as dr_attempt_run. */
dora_err dr_attempt_more(dr_attempt *a, dora_error *error);
void dr_attempt_flush(dr_attempt *a);

/* dr_attempt_end ends an open stream: with its last word (DORA_OK), which is moved into the answer
 * and read, or with an error. dr_attempt_leave ends one that goes on at the server: its connection
 * is kept for as long as nobody wants it. */
dora_err dr_attempt_end(dr_attempt *a, dora_err err, dora_error *error);
void dr_attempt_leave(dr_attempt *a);

#endif
