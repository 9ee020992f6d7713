/* http_refuse.h: errors as JSON. */
#ifndef DR_NET_HTTP_REFUSE_H
#define DR_NET_HTTP_REFUSE_H

#include "net/http.h"

/* dr_http_refuse answers an error as JSON: {"error": {"code": 400, "msg": text,
 * "field": field}}; no "field" where it is NULL. Bytes that are not UTF-8 become `?`. */
void dr_http_refuse(dr_http_exchange *exchange, unsigned status, const char *text,
                    const char *field);

#endif
