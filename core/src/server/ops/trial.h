/* trial.h: calls that the page of the apis makes for the person in front of it.
 *
 * Such a call goes to the server by its own door, as any client's, so it is counted, limited and
 * logged like others. It is taken from the server's own page only: a web page of another site can
 * neither send the header `X-Dora-Try` nor its own origin for ours; and only from where commands
 * are taken (control.allow), since the operators' listener may be open to more than calls are; with
 * `access` by its rules, with the token that came along.
 * Thread: the supervisor's. */
#ifndef DR_SERVER_TRIAL_H
#define DR_SERVER_TRIAL_H

#include <uv.h>

#include "net/http.h"
#include "server/call/backend.h"

typedef struct dr_trials {
    const dr_config *config;
    dr_backend *backend;
    uv_loop_t *loop;
    const char *address; /* of the server, as clients have it; "": nothing can be called */
    uint32_t count;      /* under way */
} dr_trials;

/* dr_trial_refusal says why this request may make no calls, NULL where it may. */
const char *dr_trial_refusal(const dr_trials *trials, const dr_http_exchange *exchange);

/* dr_trial_begin makes the call that a POST asks for: the name stands in the query, the parameter
 * is the body, as JSON. It is answered as POST /call/NAME is, but for a status that the handler's
 * error carries, at once or later; a result over 2 MiB is refused. dr_trial_gone: the
 * exchange went away before its answer. Ownership: borrows `trials` until the loop has ended. */
void dr_trial_begin(dr_trials *trials, dr_http_exchange *exchange);
void dr_trial_gone(dr_http_exchange *exchange);

#endif
