/* http_framing.h: a request that somebody on its way may have read differently is refused. */
#ifndef DR_NET_HTTP_FRAMING_H
#define DR_NET_HTTP_FRAMING_H

#include "net/http_inside.h"

/* dr_http_check_target remembers what is wrong with a request's target, which is
 * shown once. dr_http_fault says, once the headers are there, what of all of it others could read
 * differently, and the status for it. Returns: NULL: nothing. */
void dr_http_check_target(dr_http_exchange *exchange, const char *uri);
const char *dr_http_fault(const dr_http_exchange *exchange, const char *version, unsigned *status);

#endif
