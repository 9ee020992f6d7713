/* reactor.h: one thread, one loop, its listener and its connections. Knows frames, not messages:
 * what a frame means comes from above, by callbacks. Thread: all but dr_reactor_ask are the
 * reactor's own. */
#ifndef DR_NET_REACTOR_H
#define DR_NET_REACTOR_H

#include <stdatomic.h>
#include <uv.h>

#include "base/clock.h"
#include "base/count.h"
#include "base/limits.h"
#include "net/conn.h"
#include "tls/current.h"

typedef struct dr_reactor dr_reactor;

/* Why a connection is not read for a while. */
typedef enum dr_pause {
    DR_PAUSE_CALLS = 0, /* as many of its calls are in flight as may be */
    DR_PAUSE_REPLIES,   /* it does not take its replies */
    DR_PAUSE_BYTES,     /* much is held for it */
    DR_PAUSE_REASONS
} dr_pause;

/* dr_reactor_events is what the reactor asks its owner; `user` is the last argument of each. */
typedef struct dr_reactor_events {
    /* on_frame: a whole frame came. It may append replies by dr_conn_begin and dr_conn_end, and
     * close the connection; dr_conn_update and dr_conn_finish are for later. */
    void (*on_frame)(dr_conn *conn, const dr_frame *frame, void *user);
    /* on_bad_frame: the frame is refused; `frame` has what came of it. `closes`: nothing more is
     * read from this connection. */
    void (*on_bad_frame)(dr_conn *conn, const dr_frame *frame, const dora_error *error, bool closes,
                         void *user);
    /* on_tls_failed: `why` a connection with TLS is ended, for people: its handshake has failed, or
     * what came later is broken. */
    void (*on_tls_failed)(dr_conn *conn, const char *why, void *user);
    /* on_move: an idle connection may go to another process; see dr_conn_give. */
    void (*on_move)(dr_conn *conn, void *user);
    /* on_room: a connection that was full (dr_conn_is_full) is so no more. */
    void (*on_room)(dr_conn *conn, void *user);
    /* on_gone: the peer is gone; the connection's memory is freed afterwards. */
    void (*on_gone)(dr_conn *conn, void *user);
    /* collect: take what the workers have finished. */
    void (*collect)(void *user);
    /* set_asleep: tell the workers whether the reactor waits in the kernel; has_ready: whether
     * collect would find something. */
    void (*set_asleep)(bool is_asleep, void *user);
    bool (*has_ready)(void *user);
    /* on_tick: called when dr_reactor_tick_soon has asked for it. Returns: ms until the next, 0:
     * none. */
    uint32_t (*on_tick)(uint64_t now_ns, void *user);
    /* on_ask: dr_reactor_ask was called. */
    void (*on_ask)(void *user);
    void *user;
} dr_reactor_events;

/* dr_reactor_tls is what connections with TLS share. */
typedef struct dr_reactor_tls {
    uv_tcp_t listener;
    bool is_listening;
    bool is_held;            /* one waits to be accepted: for memory, or that a handshake ends */
    dr_tls_current *current; /* borrowed */
    char *read_buf;          /* of DR_READ_BYTES */
    uint32_t handshake_ms;   /* for one; 0: for ever */
    uint32_t shaking;        /* handshakes under way: */
    dr_conn *oldest;
    dr_conn *youngest;
    uint32_t turn;  /* of the reactor, to which the next belongs */
    uint32_t steps; /* reads in handshakes */
    dr_count accepted;
    dr_count closed;
    dr_count done; /* handshakes; of these `resumed` an earlier session */
    dr_count resumed;
    dr_count failed;
} dr_reactor_tls;

/* dr_reactor_more is one more listening socket beside `listener` or `tls.listener`: there were more
 * of them than there are reactors now. */
typedef struct dr_reactor_more {
    struct dr_reactor_more *next;
    uv_tcp_t listener;
    bool is_tls;
    bool is_held; /* as dr_reactor_tls.is_held */
} dr_reactor_more;

struct dr_reactor {
    uv_loop_t loop;
    uv_tcp_t listener;
    dr_reactor_more *more; /* that accept */
    uv_pipe_t local_listener;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t busy;
    uv_async_t ask;
    uv_poll_t event_poll;
    uv_timer_t tick;
    uv_timer_t sweep;
    int event_fd;
    bool is_ticking;
    bool is_leaving;   /* the server stops */
    bool is_moving;    /* connections that are idle go to another process (conn_move.h) */
    bool is_over;      /* and those that cannot go have had their time to leave */
    bool is_listening; /* `listener` is open; the next: `local_listener` */
    bool is_listening_locally;
    bool is_held; /* one waits to be accepted: for memory; the next: at `local_listener` */
    bool is_held_locally;
    uint32_t index;
    uint32_t count; /* of the server's reactors */
    dr_count accepted;
    dr_count closed;
    dr_count bytes_in;
    dr_count bytes_out;
    dr_count pauses[DR_PAUSE_REASONS];
    dr_reactor_tls tls;
    uint32_t turn;    /* of the loop; counts around */
    uint64_t turn_ns; /* dr_reactor_now_ns; 0: not asked for in this turn */
    uint32_t replies; /* made since this turn of it ends: on_prepare */
    uint32_t idle_s;
    uint32_t linger_ms;
    uint32_t lingering; /* connections that are half closed */
    uint32_t refused;   /* connections that were one too many (conn_refuse.h) */
    dora_frame_options frame;
    dr_reactor_events events;
    dr_seat *seat;      /* at what peers have us hold; NULL: not counted */
    size_t apart_bound; /* dr_conn_hold: with so much a connection is not read; 0: none is */
    size_t apart_usual; /* what it is while connections are read */
    uint32_t calls_max; /* in flight: with so many a connection is not read */
    dr_places *places;  /* of connections; NULL: there may be any number */
    uint32_t stall_ms;
    uint32_t frame_ms;  /* in which a frame that has begun must be whole; 0: ever */
    uint32_t look_ms;   /* between two looks at whether connections stand still */
    uint32_t looked_ms; /* since the last one */
    dr_conn *conns;
    dr_conn *dirty; /* connections with replies to write at the end of this turn; */
    dr_conn *later; /* those that have had their turn, at the end of the next */
    dr_buf spare[DR_SPARE_BUFFERS_MAX];
    uint32_t spare_count;
    char read_buf[DR_READ_BYTES];
};

/* dr_reactor_init makes the loop of reactor `index` of `count`. Errors: DORA_EIO. */
dora_err dr_reactor_init(dr_reactor *reactor, uint32_t index, uint32_t count,
                         const dora_frame_options *frame, uint32_t idle_s, uint32_t linger_ms,
                         const dr_reactor_events *events, dora_error *error);

/* dr_reactor_guard bounds what the connections to come have us hold; `stall_ms` 0: they may stand
 * still for ever, `frame_ms` 0: a frame may take as long as it likes. Ownership: borrows the seat.
 * dr_reactor_limit bounds how many there are, and how many calls each has in flight. Ownership:
 * borrows the places, which may be NULL. */
void dr_reactor_guard(dr_reactor *reactor, dr_seat *seat, uint32_t stall_ms, uint32_t frame_ms);
void dr_reactor_limit(dr_reactor *reactor, dr_places *places, uint32_t calls_max);

/* dr_pause_name gives "calls", "replies", "bytes": a static string. */
const char *dr_pause_name(dr_pause why);

/* dr_reactor_listen starts accepting on a listening TCP socket, dr_reactor_listen_locally on a Unix
 * socket; one of each at most. Ownership: takes the descriptor. */
dora_err dr_reactor_listen(dr_reactor *reactor, int listen_fd, int backlog, dora_error *error);
dora_err dr_reactor_listen_locally(dr_reactor *reactor, int listen_fd, int backlog,
                                   dora_error *error);

/* dr_reactor_listen_tls is dr_reactor_listen for connections that begin with a handshake, by what
 * `current` has then. Ownership: borrows `current`. Errors: DORA_ENOMEM, too. */
dora_err dr_reactor_listen_tls(dr_reactor *reactor, int listen_fd, int backlog,
                               dr_tls_current *current, uint32_t handshake_ms, dora_error *error);

/* dr_reactor_listen_more accepts from one more socket, of a kind that the reactor listens on.
 * Ownership: takes the descriptor. Errors: DORA_ENOMEM, too. */
dora_err dr_reactor_listen_more(dr_reactor *reactor, int listen_fd, int backlog, bool is_tls,
                                dora_error *error);

/* dr_reactor_run runs until dr_reactor_end was called and every handle is closed. */
void dr_reactor_run(dr_reactor *reactor);

/* dr_reactor_ask wakes the reactor for on_ask. Thread: any. */
void dr_reactor_ask(dr_reactor *reactor);

/* dr_reactor_stop_listening accepts what waits at the listeners and closes them.
 * dr_reactor_let_go_listening closes them alone: another process accepts from the same sockets, and
 * takes what waits there. dr_reactor_end closes everything. */
void dr_reactor_stop_listening(dr_reactor *reactor);
void dr_reactor_let_go_listening(dr_reactor *reactor);

/* dr_reactor_leave lets go of the original's clients (dr_conn_leave): of those on whose connections
 * nothing is in flight at once, of the others with their last reply. */
void dr_reactor_leave(dr_reactor *reactor);
void dr_reactor_end(dr_reactor *reactor);
void dr_reactor_fini(dr_reactor *reactor);

/* dr_reactor_hold reads no more frames from any connection, until dr_reactor_resume: what has come
 * of them is kept. Handshakes go on. */
void dr_reactor_hold(dr_reactor *reactor);
void dr_reactor_resume(dr_reactor *reactor);

/* dr_reactor_move gives all connections away that can be, while they are held, each once nothing is
 * in flight on it: by on_move. Those with TLS are read on, but for the original's, and are finished
 * once `is_over`. */
void dr_reactor_move(dr_reactor *reactor, bool is_over);

/* dr_reactor_now_ns is a time within this turn of the loop: the clock is read once a turn, when it
 * is first asked for. */
static inline uint64_t dr_reactor_now_ns(dr_reactor *reactor)
{
    if (reactor->turn_ns == 0) {
        reactor->turn_ns = dr_clock_ns();
    }
    return reactor->turn_ns;
}

/* dr_reactor_tick_soon makes on_tick be called, if it is not already awaited. */
void dr_reactor_tick_soon(dr_reactor *reactor);

#endif
