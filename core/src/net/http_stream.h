/* http_stream.h: an answer that is sent piece by piece while it is made. Thread: the loop's. */
#ifndef DR_NET_HTTP_STREAM_H
#define DR_NET_HTTP_STREAM_H

#include "net/http.h"

/* dr_http_stream_begin begins the answer to an exchange; the owner goes on holding that until
 * dr_http_stream_end, or on_gone. Returns: false when out of memory: answer it otherwise.
 * dr_http_stream_put sends more of it at the end of the turn; dr_http_stream_end ends it: the owner
 * must not use the exchange any more. Without memory the connection is ended, by on_gone. */
bool dr_http_stream_begin(dr_http_exchange *exchange, const char *content_type,
                          const dr_http_extra *extra);
bool dr_http_stream_put(dr_http_exchange *exchange, dora_slice bytes);
void dr_http_stream_end(dr_http_exchange *exchange);

/* dr_http_stream_is_full says whether so much was not taken yet that more should wait: then on_room
 * comes once it was. */
bool dr_http_stream_is_full(dr_http_exchange *exchange);

/* dr_http_stream_is_stuck: nothing of what there is was taken for as long as an answer may take. */
bool dr_http_stream_is_stuck(const dr_http_exchange *exchange, uint64_t now_ms);

/* dr_http_stream_forget: a request is over. */
void dr_http_stream_forget(dr_http_exchange *exchange);

#endif
