/* http_exchange.h: what the files of the HTTP layer share: a connection and its request. */
#ifndef DR_NET_HTTP_EXCHANGE_H
#define DR_NET_HTTP_EXCHANGE_H

#include "net/http.h"

/* dr_http_exchange lives as long as its connection and serves one request after the other. */
struct dr_http_exchange {
    dr_http_exchange *prev;
    dr_http_exchange *next;
    dr_http *http;
    struct MHD_Connection *connection;
    int fd;
    uint64_t place; /* where it comes from */
    dr_http_stage stage;
    uint64_t since_ms; /* when it came to its stage */
    const char *method;
    const char *path;
    dr_buf body;
    struct dr_http_kept *kept;
    uint64_t number;
    struct MHD_Response *response;
    void *user;
    dr_held held;
    size_t apart;      /* dr_http_hold */
    size_t answered;   /* bytes of the answer, until it has been taken */
    size_t came;       /* of the body, at the last look */
    unsigned status;   /* of the response */
    unsigned refusal;  /* the status with which it is refused before the owner sees it; 0: not */
    const char *fault; /* what is wrong with the request line; NULL: nothing */
    bool is_request;   /* a request has begun */
    bool is_begun;     /* its headers are read */
    bool is_handed;    /* the owner was asked */
    bool has_unread;   /* refused before its body was read */
};

/* dr_http_move puts a connection at the end of another stage. */
void dr_http_move(dr_http_exchange *exchange, dr_http_stage stage);

/* dr_http_wake has the daemon run soon. */
void dr_http_wake(dr_http *http);

/* dr_http_shut shuts a connection down; the daemon sees it and closes it. */
void dr_http_shut(dr_http_exchange *exchange);

/* dr_http_drop tells the owner that an open exchange is gone, and has its connection closed. */
void dr_http_drop(dr_http_exchange *exchange);

/* http_sweep.c: dr_http_sweep looks for those that are too slow or have been left by their client.
 * dr_http_make_room lets the `wanted` oldest go of the place that holds most: those between
 * requests, then those whose request is not whole or whose answer is not taken; never one that the
 * owner has. A place is an IPv4 address, or what one host has of IPv6's: 64 bits. */
void dr_http_sweep(dr_http *http);
void dr_http_make_room(dr_http *http, uint32_t wanted);
uint64_t dr_http_place_of(struct MHD_Connection *connection);

/* dr_http_begin: a request line has come; `uri` is as sent, or NULL. */
void dr_http_begin(dr_http_exchange *exchange, const char *uri);

/* http_framing.c: dr_http_check_target remembers what is wrong with a request's target, which is
 * shown once. dr_http_fault says, once the headers are there, what of all of it others could read
 * differently, and the status for it. Returns: NULL: nothing. */
void dr_http_check_target(dr_http_exchange *exchange, const char *uri);
const char *dr_http_fault(const dr_http_exchange *exchange, const char *version, unsigned *status);

/* dr_http_take is called for a request's headers, with `len` 0; then for each piece of its body;
 * then with `len` 0 again, until there is an answer. Returns: false closes the connection. */
bool dr_http_take(dr_http_exchange *exchange, const char *method, const char *path,
                  const char *version, dora_slice piece);

/* dr_http_reset: a request is over, answered (by the owner, or by the daemon with an error) or not.
 */
void dr_http_reset(dr_http_exchange *exchange, bool is_answered);

/* http_held.c: dr_http_count_in begins to count what a connection holds, dr_http_account does so
 * when it has changed, dr_http_count_out ends it. dr_http_may_have says whether it may have more.
 * Returns: false when it has to be closed instead. dr_http_look sees who makes progress. */
void dr_http_count_in(dr_http_exchange *exchange);
void dr_http_account(dr_http_exchange *exchange);
bool dr_http_may_have(dr_http_exchange *exchange, size_t more);
void dr_http_count_out(dr_http_exchange *exchange);
void dr_http_look(dr_http *http, uint32_t passed_ms);

/* dr_http_linger reads a connection's remaining input away for a while: closing it with unread
 * bytes would reset it, perhaps before the client has read the answer. The sweep ends those whose
 * time is over at `now_ms`; dr_http_linger_end all. */
void dr_http_linger(dr_http *http, int fd);
void dr_http_linger_sweep(dr_http *http, uint64_t now_ms);
void dr_http_linger_end(dr_http *http);

#endif
