/* mux.h: a client for event loops, without the loop. It has no sockets and no clock, and never
 * waits: a driver tells it what has happened, and is told what to do.
 *
 *     dora_mux_start(mux, DORA_MUX_CALL, &call, 1, NULL, now_ns, user, &id, &error);
 *     while (dora_mux_next(mux, now_ns, &event)) { ... }
 *
 * Any number of calls share a few connections to each node. Events are asked for after each thing
 * that the driver says, until there are none. For libuv there is client_uv.h, which drives it.
 *
 * With servers over TLS it speaks TLS itself: what a driver moves is encrypted then.
 *
 * Where the nodes come from Redis, connections to it are some of those that the driver opens: it
 * need not tell them apart. From the first call on the mux listens there, so that a node that comes
 * or goes is known at once. A node file is looked at when a call begins, 5 times a second at most.
 * Calls that begin before any node is known wait for the first ones; when their time is over, or
 * when no Redis can be reached, or the file cannot be read, they end with DORA_ECONNECT.
 *
 * Time is in nanoseconds of CLOCK_MONOTONIC, and given. Thread: one at a time. A process that
 * forked has nothing of its parent's clients: in the child only dora_mux_free may be called. */
#ifndef DORA_MUX_H
#define DORA_MUX_H

#include <dora/client.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dora_mux dora_mux;

/* dora_mux_mode is what a call waits for; as the functions of the same names in client.h. */
typedef enum dora_mux_mode {
    DORA_MUX_CALL,
    DORA_MUX_CALL_MANY,
    DORA_MUX_SEND,
    DORA_MUX_SEND_MANY,
    DORA_MUX_SUBMIT,
    DORA_MUX_SUBMIT_MANY,
    DORA_MUX_CONTROL, /* `name` is the command */
    DORA_MUX_STREAM
} dora_mux_mode;

typedef enum dora_mux_what {
    DORA_MUX_CONNECT,  /* open a connection to `host` and `port`, a node's or a Redis' */
    DORA_MUX_WRITE,    /* there are bytes for `conn` where there were none */
    DORA_MUX_CLOSE,    /* close it, or stop opening it; `conn` means nothing from now on, but that
                        * dora_mux_output may have a last word until the next dora_mux_next */
    DORA_MUX_ACCEPTED, /* a submission is queued: its result comes later */
    DORA_MUX_WORD,     /* a stream has said something: a part, or progress */
    DORA_MUX_DONE      /* a call has ended */
} dora_mux_what;

/* dora_mux_event is one thing to do. A connection's number is never used twice; the low 32 bits are
 * a small index, which is used again once it is closed. */
typedef struct dora_mux_event {
    dora_mux_what what;
    uint64_t conn;           /* CONNECT, WRITE, CLOSE */
    const char *host;        /* CONNECT: a name or number; where `port` is 0 the path of a socket */
    uint16_t port;           /*   Borrowed until the next dora_mux_next. */
    uint64_t id;             /* ACCEPTED, WORD, DONE: what dora_mux_start gave */
    void *user;              /*   and what it was given. */
    dora_err err;            /* DONE: as the functions of client.h return */
    const dora_error *error; /*   where it is not DORA_OK. */
    const dora_answer *answer; /* ACCEPTED, DONE: the guid; DONE with DORA_OK: the results. These
                                *   are borrowed until the next dora_mux_next. */
    dora_stream_event word;    /* WORD: a part or progress, borrowed likewise */
} dora_mux_event;

/* dora_mux_new reads the options as dora_client_new does, with its errors; `connections` of them is
 * how many a node has at most. dora_mux_free drops all, without a word to the driver (NULL is
 * fine). Ownership: gives; dora_mux_free frees. */
DORA_API dora_err dora_mux_new(dora_mux **mux, const dora_client_options *options,
                               dora_error *error);
DORA_API void dora_mux_free(dora_mux *mux);

/* dora_mux_start begins a call, which ends by exactly one DONE event: at the latest when its time
 * is over, or after dora_mux_end. A submission has an ACCEPTED event before, when it was queued;
 * then it waits for its result as long as the connection lives. Inside a handler a call has at most
 * what is left of the time of the handler's own caller.
 * Ownership: copies the calls and options; `user` is given back by the events.
 * Errors: DORA_EINVAL, DORA_EFULL and DORA_ENOMEM, as client.h has them; EINVAL also after
 * dora_mux_end and in a child of the process that made it. Then there is no event. */
DORA_API dora_err dora_mux_start(dora_mux *mux, dora_mux_mode mode, const dora_call *calls,
                                 size_t count, const dora_call_options *options, uint64_t now_ns,
                                 void *user, uint64_t *id, dora_error *error);

/* dora_mux_cancel forgets a call: no event comes for it any more, a late reply is skipped. The
 * server is told to end it where somebody would have waited for it (CALL, CALL_MANY, STREAM); one
 * that is too old for that lets it run. Ask for the events then. Returns: false where it has ended
 * (a DONE event that was not asked for yet is dropped all the same, and then true). `*user` is what
 * the call was given; may be NULL. */
DORA_API bool dora_mux_cancel(dora_mux *mux, uint64_t id, void **user);

/* dora_mux_take says that `count` more parts of a stream, which WORD events have given, are done
 * with: only then does the server send as many more. So a stream that nobody takes from holds up
 * itself alone. Ask for the events then. An unknown stream is ignored: it has ended meanwhile.
 *
 * The silence of a stream is counted until its first word, and then while all parts are done with:
 * until they are nobody waits for the server. */
DORA_API void dora_mux_take(dora_mux *mux, uint64_t id, uint32_t count, uint64_t now_ns);

/* dora_mux_next gives the next event, false when there is none. It tells on_warning of the options
 * what is wrong with the registry. */
DORA_API bool dora_mux_next(dora_mux *mux, uint64_t now_ns, dora_mux_event *event);

/* What has happened. An unknown connection is ignored: it was closed meanwhile.
 * Ask for the events of what was received before saying that it has closed.
 * dora_mux_connected: it is open. dora_mux_failed: it could not be opened, `reason` says why;
 * os_error as in dora_error. dora_mux_closed: it has ended, by the peer (os_error 0) or by an
 * error. After the last two the number means nothing. */
DORA_API void dora_mux_connected(dora_mux *mux, uint64_t conn, uint64_t now_ns);
DORA_API void dora_mux_failed(dora_mux *mux, uint64_t conn, int os_error, const char *reason,
                              uint64_t now_ns);
DORA_API void dora_mux_closed(dora_mux *mux, uint64_t conn, int os_error, uint64_t now_ns);

/* dora_mux_room gives a place for bytes from the peer, at least one; dora_mux_received says how
 * many were put there. Errors: DORA_ENOMEM; DORA_EINVAL for an unknown connection. */
DORA_API dora_err dora_mux_room(dora_mux *mux, uint64_t conn, char **room, size_t *room_len);
DORA_API void dora_mux_received(dora_mux *mux, uint64_t conn, size_t len);

/* dora_mux_output is what is to be written, empty when there is nothing; dora_mux_sent says how
 * much of it has been handed on. What was handed on may have reached the server: a driver that
 * keeps bytes itself takes few at a time. While the driver cannot write it does not call; once all
 * was handed on a WRITE event comes for more. Ownership: borrowed until the next function. */
DORA_API dora_slice dora_mux_output(dora_mux *mux, uint64_t conn);
DORA_API void dora_mux_sent(dora_mux *mux, uint64_t conn, size_t len, uint64_t now_ns);

/* dora_mux_deadline_ns is when dora_mux_tick has something to do, 0 when nothing waits.
 * dora_mux_tick ends what has waited too long; calling it early does nothing. */
DORA_API uint64_t dora_mux_deadline_ns(const dora_mux *mux);
DORA_API void dora_mux_tick(dora_mux *mux, uint64_t now_ns);

/* dora_mux_end ends all calls with DORA_ECLOSED ("not run" where certain: DORA_ECONNECT) and closes
 * all connections; ask for the events. Nothing can be started any more. */
DORA_API void dora_mux_end(dora_mux *mux);

/* dora_mux_is_usable says whether calls can be started: not after dora_mux_end, nor in a child of
 * the process that made it. dora_mux_wait_ns is until when something that begins now may wait: the
 * client's time, or `timeout_ms` where that is not 0, and inside a handler no longer than its own
 * caller does. */
DORA_API bool dora_mux_is_usable(const dora_mux *mux);
DORA_API uint64_t dora_mux_wait_ns(const dora_mux *mux, uint32_t timeout_ms, uint64_t now_ns);

/* dora_mux_outstanding is how many calls and submissions have not ended. */
DORA_API size_t dora_mux_outstanding(const dora_mux *mux);

#ifdef __cplusplus
}
#endif
#endif
