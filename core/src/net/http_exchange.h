/* http_exchange.h: one request, from its first line until it is answered. */
#ifndef DR_NET_HTTP_EXCHANGE_H
#define DR_NET_HTTP_EXCHANGE_H

#include "net/http.h"
#include "net/http_inside.h"

/* dr_http_method gives "GET", "POST" and so on, as sent; dr_http_path what stands before the first
 * `?`, with %XX decoded ("+" stays). A path with %00 has been refused. */
const char *dr_http_method(const dr_http_exchange *exchange);
dora_slice dr_http_path(const dr_http_exchange *exchange);

/* dr_http_query gives an argument of the query, decoded; dr_http_header a header, its name compared
 * without case. Returns: data NULL where there is none; the first where there are several. */
dora_slice dr_http_query(const dr_http_exchange *exchange, const char *name);
dora_slice dr_http_header(const dr_http_exchange *exchange, const char *name);

/* dr_http_accepts says how much a media type is wanted by all the headers Accept together, as
 * dr_http_accept does of one. */
unsigned dr_http_accepts(const dr_http_exchange *exchange, const char *type);

dora_slice dr_http_body(const dr_http_exchange *exchange);

/* dr_http_body_take gives the body away. Ownership: gives its bytes; the exchange's body is then
 * empty. */
void dr_http_body_take(dr_http_exchange *exchange, dr_buf *body);

/* dr_http_keep gives zeroed memory that lasts until the exchange is gone, or the owner returns to
 * the loop after it has answered. Returns: NULL when out of memory. */
void *dr_http_keep(dr_http_exchange *exchange, size_t bytes);

/* dr_http_number is the number of the exchange's connection: 0, 1, ... for one listener. */
uint64_t dr_http_number(const dr_http_exchange *exchange);

/* dr_http_set_user keeps a pointer of the owner with the exchange; NULL at the beginning. */
void dr_http_set_user(dr_http_exchange *exchange, void *user);
void *dr_http_user(const dr_http_exchange *exchange);

/* dr_http_answer ends the exchange: the owner must not use it any more, nor what it borrowed, once
 * this returns. HEAD and keep-alive are seen to. `content_type` NULL: no such header; `extra` may
 * be NULL. Out of memory closes the connection. Ownership: `body` is copied. */
void dr_http_answer(dr_http_exchange *exchange, unsigned status, const char *content_type,
                    dora_slice body, const dr_http_extra *extra);

/* dr_http_answer_buf is dr_http_answer without the copy. Ownership: takes the bytes; `body` is
 * empty afterwards. */
void dr_http_answer_buf(dr_http_exchange *exchange, unsigned status, const char *content_type,
                        dr_buf *body, const dr_http_extra *extra);

/* dr_http_answer_stream begins an answer that the daemon asks `response` for (http_stream.c). */
void dr_http_answer_stream(dr_http_exchange *exchange, const char *content_type,
                           struct MHD_Response *response, const dr_http_extra *extra);

/* dr_http_shut shuts a connection down; the daemon sees it and closes it. */
void dr_http_shut(dr_http_exchange *exchange);

/* dr_http_drop tells the owner that an open exchange is gone, and has its connection closed. */
void dr_http_drop(dr_http_exchange *exchange);

/* dr_http_begin: a request line has come; `uri` is as sent, or NULL. */
void dr_http_begin(dr_http_exchange *exchange, const char *uri);

/* dr_http_take is called for a request's headers, with `len` 0; then for each piece of its body;
 * then with `len` 0 again, until there is an answer. Returns: false closes the connection. */
bool dr_http_take(dr_http_exchange *exchange, const char *method, const char *path,
                  const char *version, dora_slice piece);

/* dr_http_reset: a request is over, answered (by the owner, or by the daemon with an error) or not.
 */
void dr_http_reset(dr_http_exchange *exchange, bool is_answered);

#endif
