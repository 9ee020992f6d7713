/* caller.h: who makes a request, and whether they may. Thread: the lane's. */
#ifndef DR_SERVER_CALLER_H
#define DR_SERVER_CALLER_H

#include "server/call/responder.h"

/* dr_caller_enter finds who makes a request, by its connection or its HTTP headers: lane->caller.
 * Returns: false when it was refused as a whole, and answered: what it shows is none. */
bool dr_caller_enter(const dr_responder *responder, const dr_request *request);

/* dr_caller_may_call and dr_caller_may_control ask the rules; not without any. What is refused is
 * counted. */
bool dr_caller_may_call(const dr_responder *responder, dora_slice api);
bool dr_caller_may_control(const dr_responder *responder, dora_slice command);

/* dr_caller_of_conn finds who a connection is. Returns: an identity of `access`, or DR_NOBODY. */
uint32_t dr_caller_of_conn(const dr_conn *conn, dr_claim *claim, const dr_access *access);

/* dr_caller_refusal says that the caller may not have a name. Returns: `text`. */
#define DR_CALLER_REFUSAL_MAX (DR_API_NAME_MAX + 192)
const char *dr_caller_refusal(const dr_lane *lane, dora_slice name,
                              char text[DR_CALLER_REFUSAL_MAX]);

/* dr_caller_claim gives what a connection has shown, made where there is nothing yet. Returns: NULL
 * when out of memory. Ownership: the connection's, until dr_caller_gone. */
dr_claim *dr_caller_claim(dr_conn *conn);
void dr_caller_gone(dr_conn *conn);

/* dr_token_verdict is what a token that somebody shows is. */
typedef enum dr_token_verdict {
    DR_TOKEN_GOOD = 0,
    DR_TOKEN_WRONG,
    DR_TOKEN_TOO_MANY, /* wrong ones came from there */
    DR_TOKEN_OPEN      /* it came in the clear over a network, and is not looked at */
} dr_token_verdict;

/* dr_caller_token looks at a token from `ip`, and says so in the log where it is none.
 * `is_covered`: it came where nobody else could read it. Without rules every one is good. Thread:
 * any. */
dr_token_verdict dr_caller_token(dr_backend *backend, const dr_ip *ip, bool is_covered,
                                 dora_slice token, dr_token_digest *digest);
const char *dr_token_verdict_text(dr_token_verdict verdict);

/* dr_caller_bearer gives the token of a request over HTTP; other schemes of Authorization are a
 * proxy's own. Returns: false where there is none. dr_caller_of_web finds who makes the request,
 * without a token by its address; of one that a proxy has passed on that says nothing.
 * dr_caller_from is who pays for what it does too often: its address, or, where a proxy of this
 * machine has passed it on, the one that the proxy says. */
bool dr_caller_bearer(const dr_http_exchange *exchange, dora_slice *token);
dr_ip dr_caller_from(const dr_http_exchange *exchange);
dr_token_verdict dr_caller_of_web(dr_backend *backend, const dr_access *access,
                                  const dr_http_exchange *exchange, dr_subject *subject);

#endif
