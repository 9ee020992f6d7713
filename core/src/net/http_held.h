/* http_held.h: what connections of HTTP have us hold. */
#ifndef DR_NET_HTTP_HELD_H
#define DR_NET_HTTP_HELD_H

#include "net/http.h"
#include "net/http_inside.h"

/* dr_http_hold counts bytes that the owner holds for a request beside its body; dr_http_let_go
 * counts them off. Returns: false when that would be too much: nothing is counted. */
bool dr_http_hold(dr_http_exchange *exchange, size_t bytes);
void dr_http_let_go(dr_http_exchange *exchange, size_t bytes);

/* dr_http_count_in begins to count what a connection holds, dr_http_account does so
 * when it has changed, dr_http_count_out ends it. dr_http_may_have says whether it may have more.
 * Returns: false when it has to be closed instead. dr_http_look sees who makes progress.
 * dr_http_is_taken asks the kernel whether anything of an answer has left for the client lately: it
 * does where the client makes room for it. */
void dr_http_count_in(dr_http_exchange *exchange);
void dr_http_account(dr_http_exchange *exchange);
bool dr_http_may_have(dr_http_exchange *exchange, size_t more);
void dr_http_count_out(dr_http_exchange *exchange);
bool dr_http_is_taken(const dr_http_exchange *exchange, uint32_t within_ms);
void dr_http_look(dr_http *http, uint32_t passed_ms);

#endif
