/* conn.h: one client's connection: bytes in, frames up; replies down, bytes out. */
#ifndef DR_NET_CONN_H
#define DR_NET_CONN_H

#include <uv.h>

#include "net/budget.h"
#include "net/places.h"
#include "wire/frame.h"

struct dr_tls_filter;
struct dr_reactor;

/* dr_conn_client is what is known of who sends, which its owner says: one of the original's knows
 * no "stopping", so a reactor that leaves serves it until nothing of it is in flight. */
typedef enum dr_conn_client {
    DR_CONN_CLIENT_UNKNOWN = 0,
    DR_CONN_CLIENT_ORIGINAL,
    DR_CONN_CLIENT_DORA
} dr_conn_client;

/* dr_conn holds no buffer while it is idle: input that is not a whole frame yet is kept in `in`,
 * replies that are not written yet in `out`, what the kernel did not take in `writing`. */
typedef struct dr_conn {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct dr_reactor *reactor;
    struct dr_conn *next;
    struct dr_conn *prev;
    struct dr_conn *next_dirty;
    dr_buf in;
    dr_buf out;
    dr_buf writing;
    size_t late;     /* bytes of `writing` that the kernel did not take at once */
    size_t in_need;  /* whole length of the frame that is under way; 0: not known yet */
    uint32_t number; /* unique in the server's life, never 0 */
    uint32_t calls;  /* in flight; counted by the owner, as the next, */
    uint32_t
        streams;   /* those of them whose client says something meanwhile: it is read in any case */
    uint32_t turn; /* of the reactor, when this was read for the last time */
    uint32_t room_turn;   /* likewise, when on_room was called, */
    uint32_t gather_turn; /* and when replies began to wait for more */
    dr_place place;
    dr_held held; /* large buffers, counted; small ones cost as much as the connection */
    size_t apart; /* bytes that the owner holds for it; dr_conn_hold */
    struct {
        uint32_t turn;     /* `turn` at the last look */
        size_t left;       /* what was not taken yet of `writing` */
        uint32_t frame_ms; /* for so long nothing has come of a frame that has begun */
        uint32_t whole_ms; /* for so long it has not been whole */
        uint32_t reply_ms; /* for so long nothing was taken of `writing` */
    } still;
    struct dr_tls_filter *tls; /* NULL: its bytes are plain */
    uint32_t shaking_ms;       /* looked at for so long, if `is_shaking` */
    uint64_t shaking_since_ms;
    struct dr_conn *younger; /* of those that are shaking, in the order in which they came */
    struct dr_conn *older;
    void *owner;        /* the owner's list of calls, */
    void *streams_list; /* those of them that are streams, the first */
    void *streams_last; /*   and the last, */
    void *index;        /* and all by their names, where that pays */
    void *claim;        /* the owner's: who its other end says it is */
    uint64_t active_ms;
    uint64_t linger_until_ms;
    size_t dropped;     /* of a frame that was refused: bytes that are still to come */
    dr_crowded crowded; /* why it is refused (conn_refuse.h) */
    dr_conn_client client;
    bool is_dirty;
    bool is_reading;
    bool is_writing;
    bool is_closing;
    bool is_finishing; /* reads no more frames; closes when all is written */
    bool is_refusing;  /* and each frame that comes is answered with why not: */
    bool refused_json; /*   the last one so, */
    bool refused_bare; /*   or so */
    bool is_shaking;   /* TLS is not open yet */
    bool is_shut;      /* the write side is shut; what still comes is dropped */
    bool wants_room;   /* on_room is to be called once it is not full any more */
    bool is_told;      /* it is read although its reactor holds: who calls is told to leave */
} dr_conn;

/* dr_conn_begin opens a reply frame of about `bytes`, without a guid where it is NULL; the body is
 * appended to the returned buffer; dr_conn_end closes it and has it written at the end of the turn.
 * Returns: NULL when out of memory, or more than may be held: the connection is then closed.
 * Errors of end: DORA_ETOOBIG, nothing was added. */
dr_buf *dr_conn_begin(dr_conn *conn, const char *guid, size_t bytes, size_t *mark);
dora_err dr_conn_end(dr_conn *conn, size_t mark);

/* dr_conn_may_reply says whether a reply of about `bytes` may be made for a connection, as
 * dr_conn_begin does. Returns: false when not: the connection is closed. */
bool dr_conn_may_reply(dr_conn *conn, size_t bytes);

/* dr_conn_is_full says whether so much of its replies was not taken yet that others should wait:
 * then on_room comes once it was. */
bool dr_conn_is_full(dr_conn *conn);

/* dr_conn_update reads or stops reading, by what is in flight and unsent. Call it when `calls` went
 * down. */
void dr_conn_update(dr_conn *conn);

/* dr_conn_hold counts bytes that the owner holds for a connection elsewhere; dr_conn_let_go counts
 * them off, before dr_conn_update. Safe when it is closing.
 * Returns: false when that would be too much: nothing is counted. */
bool dr_conn_hold(dr_conn *conn, size_t bytes);
void dr_conn_let_go(dr_conn *conn, size_t bytes);

/* dr_conn_flush writes what replies have been added. */
void dr_conn_flush(dr_conn *conn);

/* dr_conn_finish closes once everything is written and the peer has had linger_ms to read it. */
void dr_conn_finish(dr_conn *conn);

/* dr_conn_leave does that with a connection of the original's on which nothing is in flight, where
 * its reactor leaves; where it moves, any such connection moves (conn_move.h). */
void dr_conn_leave(dr_conn *conn);

/* dr_conn_close closes now. */
void dr_conn_close(dr_conn *conn);

/* For conn_tls.c. dr_conn_room gives room for plain bytes, none when out of memory; dr_conn_take
 * parses them, and what had come before. dr_conn_may_read: frames may be parsed. dr_conn_send has
 * what the filter says written at the end of the turn; dr_conn_give_back keeps an empty buffer for
 * others. */
void dr_conn_room(dr_conn *conn, uv_buf_t *room);
void dr_conn_take(dr_conn *conn, size_t got);
bool dr_conn_may_read(const dr_conn *conn);
void dr_conn_send(dr_conn *conn);
void dr_conn_give_back(struct dr_reactor *reactor, dr_buf *buf);

#endif
