/* http.h: HTTP on a reactor's loop: whole requests up, answers down. Knows HTTP, not messages: what
 * a request means comes from above, by callbacks. Thread: the loop's own, for everything. */
#ifndef DR_NET_HTTP_H
#define DR_NET_HTTP_H

#include <uv.h>

#include "base/buf.h"
#include "base/count.h"
#include "net/budget.h"
#include "net/peer.h"

struct MHD_Connection;
struct MHD_Daemon;
struct MHD_Response;
struct dr_http_linger;

typedef struct dr_http dr_http;

/* dr_http_exchange is one request until it is answered. Its parts are read by the functions below.
 */
typedef struct dr_http_exchange dr_http_exchange;

/* dr_http_options. Ownership: borrows `hosts` until dr_http_fini. */
typedef struct dr_http_options {
    char *const *hosts;       /* the listener's own names, NAME or NAME:PORT */
    size_t host_count;        /* of `hosts` */
    size_t body_bytes_max;    /* a longer body is answered 413 */
    uint32_t connections_max; /* more make others leave; 0: the default of limits.h */
    uint32_t slow_ms; /* for a whole request to come, and for a whole answer to be taken; 0: ever */
    uint32_t idle_ms; /* between two requests of a connection; 0: for ever */
    dr_seat *seat;    /* at what peers have us hold; NULL: not counted. Borrowed */
} dr_http_options;

/* dr_http_events is what the listener asks its owner; `user` is the last argument of each. */
typedef struct dr_http_events {
    /* on_request: a whole request has come. The owner holds `exchange` until it has answered it,
     * here or later, or until on_gone. */
    void (*on_request)(dr_http_exchange *exchange, void *user);
    /* on_gone: the client went away, or the listener ends, before the answer. The owner must not
     * use `exchange` any more. An end of stream counts as gone; it is noticed within
     * DR_HTTP_SWEEP_MS. */
    void (*on_gone)(dr_http_exchange *exchange, void *user);
    void *user;
} dr_http_events;

/* Where a connection stands. In `idle` and `busy` the oldest comes first: only the first needs to
 * be looked at for its deadline. */
typedef enum dr_http_stage {
    DR_HTTP_IDLE = 0, /* between requests */
    DR_HTTP_BUSY,     /* new, a request comes in, or an answer goes out */
    DR_HTTP_OPEN,     /* the owner has the request */
    DR_HTTP_ENDED,    /* shut down; it will be closed by the next run */
    DR_HTTP_STAGES
} dr_http_stage;

typedef struct dr_http_list {
    dr_http_exchange *first;
    dr_http_exchange *last;
    uint32_t count;
} dr_http_list;

struct dr_http {
    struct MHD_Daemon *daemon;
    uv_poll_t poll; /* the daemon's epoll descriptor */
    uv_idle_t due;  /* started while the daemon has something to do at once */
    uv_timer_t sweep;
    dr_http_options options;
    dr_http_events events;
    dr_http_list stages[DR_HTTP_STAGES];
    dr_http_exchange *handing; /* its on_request is being called */
    struct dr_http_linger *lingers;
    uint32_t linger_count;
    uint32_t requests; /* being read, held by the owner, or being answered */
    uint32_t connections;
    dr_count accepted; /* connections so far */
    dr_count closed;
    uint64_t swept_accepted;
    uint32_t looked_ms; /* since connections were looked at for progress */
    int listen_fd;      /* -1: accepts no more */
    char too_long[80];  /* what is said of a body over its limit */
    bool is_backlogged; /* connections waited at the last sweep */
    bool is_paused;     /* accepting failed with nobody connected: not before the next sweep */
    bool is_due;
    bool is_running; /* inside the daemon or a callback: ending has to wait */
    bool is_ending;
};

/* dr_http_init serves `listen_fd`, a non-blocking socket that listens already, on `loop`.
 * Ownership: takes the descriptor, even on failure. `http` must stay where it is until
 * dr_http_fini. Errors: DORA_EIO; nothing is left on the loop then. Thread: one at a time in the
 * process, for it sets what libmicrohttpd does when it cannot go on. */
dora_err dr_http_init(dr_http *http, uv_loop_t *loop, int listen_fd, const dr_http_options *options,
                      const dr_http_events *events, dora_error *error);

/* dr_http_stop_accepting closes the listening socket and all connections between requests; each
 * later answer closes its connection. Safe to call twice. */
void dr_http_stop_accepting(dr_http *http);

/* dr_http_is_quiet: no request is being read, held or answered. */
bool dr_http_is_quiet(const dr_http *http);

/* dr_http_flush sends what has been answered since the loop's last turn. The loop does so by itself
 * on its next turn; an owner who answers from a uv_prepare handle saves that turn by calling it. */
void dr_http_flush(dr_http *http);

/* dr_http_end closes everything: on_gone is called for each open exchange; answers that the socket
 * has not taken are cut. dr_http_fini may be called when the loop has run until its handles are
 * closed. Both are safe on zeroed memory and twice; dr_http_end may be called in a callback. */
void dr_http_end(dr_http *http);
void dr_http_fini(dr_http *http);

/* The parts of a request. Ownership: borrowed, until the exchange is answered or gone. */

/* dr_http_method gives "GET", "POST" and so on, as sent; dr_http_path what stands before the first
 * `?`, with %XX decoded ("+" stays). A path with %00 has been refused. */
const char *dr_http_method(const dr_http_exchange *exchange);
dora_slice dr_http_path(const dr_http_exchange *exchange);

/* dr_http_query gives an argument of the query, decoded; dr_http_header a header, its name compared
 * without case. Returns: data NULL where there is none; the first where there are several. */
dora_slice dr_http_query(const dr_http_exchange *exchange, const char *name);
dora_slice dr_http_header(const dr_http_exchange *exchange, const char *name);

dora_slice dr_http_body(const dr_http_exchange *exchange);

/* dr_http_body_take gives the body away. Ownership: gives its bytes; the exchange's body is then
 * empty. */
void dr_http_body_take(dr_http_exchange *exchange, dr_buf *body);

/* dr_http_keep gives zeroed memory that lasts until the exchange is gone, or the owner returns to
 * the loop after it has answered. Returns: NULL when out of memory. */
void *dr_http_keep(dr_http_exchange *exchange, size_t bytes);

/* dr_http_hold counts bytes that the owner holds for a request beside its body; dr_http_let_go
 * counts them off. Returns: false when that would be too much: nothing is counted. */
bool dr_http_hold(dr_http_exchange *exchange, size_t bytes);
void dr_http_let_go(dr_http_exchange *exchange, size_t bytes);

/* dr_http_number is the number of the exchange's connection: 0, 1, ... for one listener. */
uint64_t dr_http_number(const dr_http_exchange *exchange);

/* dr_http_set_user keeps a pointer of the owner with the exchange; NULL at the beginning. */
void dr_http_set_user(dr_http_exchange *exchange, void *user);
void *dr_http_user(const dr_http_exchange *exchange);

/* dr_http_peer says where the connection comes from. */
dr_peer dr_http_peer(const dr_http_exchange *exchange);

/* dr_http_is_browser: a web page sent this: it has `Origin` or a `Sec-Fetch-` header. Programs send
 * neither. */
bool dr_http_is_browser(const dr_http_exchange *exchange);

/* dr_http_is_foreign: a web page sent this that is not the listener's own: of another origin, by
 * `Origin` (not the `Host`) or `Sec-Fetch-Site` (neither same-origin nor none), or of a name that
 * is not the listener's. */
bool dr_http_is_foreign(const dr_http_exchange *exchange);

/* dr_http_host_is_own: `Host` is localhost or a numeric address, one of the options' hosts, or
 * missing. A page that has its own name resolve to this machine (DNS rebinding) sends that name. */
bool dr_http_host_is_own(const dr_http_exchange *exchange);

/* dr_http_is_forwarded: a proxy says that it passes this on for somebody. Not all of them do. */
bool dr_http_is_forwarded(const dr_http_exchange *exchange);

/* dr_http_extra is a header of an answer; a list of them ends with name NULL. One that HTTP does
 * not allow (a line break) is left out. */
typedef struct dr_http_extra {
    const char *name;
    const char *value;
} dr_http_extra;

/* dr_http_answer ends the exchange: the owner must not use it any more, nor what it borrowed, once
 * this returns. HEAD and keep-alive are seen to. `content_type` NULL: no such header; `extra` may
 * be NULL. Out of memory closes the connection. Ownership: `body` is copied. */
void dr_http_answer(dr_http_exchange *exchange, unsigned status, const char *content_type,
                    dora_slice body, const dr_http_extra *extra);

/* dr_http_answer_buf is dr_http_answer without the copy. Ownership: takes the bytes; `body` is
 * empty afterwards. */
void dr_http_answer_buf(dr_http_exchange *exchange, unsigned status, const char *content_type,
                        dr_buf *body, const dr_http_extra *extra);

/* dr_http_refuse answers an error as JSON: {"error": {"code": 400, "msg": text,
 * "field": field}}; no "field" where it is NULL. Bytes that are not UTF-8 become `?`. */
void dr_http_refuse(dr_http_exchange *exchange, unsigned status, const char *text,
                    const char *field);

/* dr_http_field is a field of a form that is asked for; `value` is the answer. */
typedef struct dr_http_field {
    const char *name;
    dr_buf value;
    bool is_given;
} dr_http_field;

/* dr_http_form_read reads a body as application/x-www-form-urlencoded or multipart/form-data and
 * fills the fields asked for; others are passed over, the last of several wins.
 * Errors: DORA_ETYPE for another content type; DORA_EPROTO for a malformed body; DORA_ENOMEM.
 * Ownership: gives each `value`, on failure too; dr_buf_fini frees. */
dora_err dr_http_form_read(const dr_http_exchange *exchange, dr_http_field *fields, size_t count,
                           dora_error *error);

#endif
