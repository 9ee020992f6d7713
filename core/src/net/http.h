/* http.h: HTTP on a reactor's loop: whole requests up, answers down. Knows HTTP, not messages: what
 * a request means comes from above, by callbacks. Thread: the loop's own, for everything. */
#ifndef DR_NET_HTTP_H
#define DR_NET_HTTP_H

#include <uv.h>

#include "base/buf.h"
#include "base/count.h"
#include "net/budget.h"
#include "net/peer.h"
#include "net/places.h"

struct MHD_Connection;
struct MHD_Daemon;
struct MHD_Response;
struct dr_http_linger;
struct dr_http_more;

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
    dr_seat *seat;    /* at what peers have us hold; NULL: not counted. Borrowed, as the next */
    dr_places *places; /* of connections, with those of frames; NULL: there may be any number */
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
    /* on_room: an answer that goes out in pieces (http_stream.h) was full, and is so no more. */
    void (*on_room)(dr_http_exchange *exchange, void *user);
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
    uint32_t streams;  /* answers that go out in pieces */
    uint32_t watches;  /* since the last sweep: looks for clients that have gone */
    uint32_t requests; /* being read, held by the owner, or being answered */
    uint32_t connections;
    uint32_t crowded;  /* of them, those that are refused */
    dr_count accepted; /* connections so far */
    dr_count closed;
    uint64_t swept_accepted;
    uint32_t looked_ms;        /* since connections were looked at for progress */
    int listen_fd;             /* -1: accepts no more */
    struct dr_http_more *more; /* further sockets that accept */
    char too_long[80];         /* what is said of a body over its limit */
    bool is_backlogged;        /* connections waited at the last sweep */
    bool is_paused; /* accepting failed with nobody connected: not before the next sweep */
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

/* dr_http_extra is a header of an answer; a list of them ends with name NULL. One that HTTP does
 * not allow (a line break) is left out. */
typedef struct dr_http_extra {
    const char *name;
    const char *value;
} dr_http_extra;

/* dr_http_field is a field of a form that is asked for; `value` is the answer. */
typedef struct dr_http_field {
    const char *name;
    dr_buf value;
    bool is_given;
} dr_http_field;

/* dr_http_move puts a connection at the end of another stage. */
void dr_http_move(dr_http_exchange *exchange, dr_http_stage stage);

/* dr_http_wake has the daemon run soon. dr_http_sweep_often has it looked often whether clients
 * have gone, or as usual. */
void dr_http_wake(dr_http *http);
void dr_http_sweep_often(dr_http *http, bool is_often);

#endif
