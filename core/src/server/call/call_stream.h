/* call_stream.h: a call whose handler sends parts: from its ring to whoever asked, as far as there
 * is room. Thread: the lane's. Source: PROTOCOL.md, "Streams". */
#ifndef DR_SERVER_CALL_STREAM_H
#define DR_SERVER_CALL_STREAM_H

#include "server/call/call.h"
#include "task/task_ring.h"

/* dr_call_stream is a call's of type ST_S. */
typedef struct dr_call_stream {
    uint64_t tail;   /* bytes that were taken out of the ring */
    uint64_t sent;   /* parts */
    uint64_t taken;  /* of these, by the client */
    uint32_t window; /* parts under way at most */
    uint32_t progress_turn;
    uint32_t part_len;    /* of the part that is being taken out, where `has_head` */
    uint32_t task;        /* of its only part, while that is there, */
    dr_pool *pool;        /* of that pool; NULL: it is not, or nobody wants it */
    dr_buf part;          /* of one that does not lie in one piece, */
    size_t held;          /* and what is counted for it */
    int64_t failed;       /* the code that it ends with, whatever its task says; 0: none */
    uint64_t deadline_ns; /* of whoever asked; 0: none */
    uint64_t stuck_ns;    /* since then there is no room for the next part; 0: there is */
    dr_call *next;        /* of its connection's streams */
    dr_call *prev;
    bool has_head;
    bool is_pumping;  /* whoever has closed its connection must leave it alone */
    bool is_draining; /* its task has ended, and parts of it wait for room in the connection */
} dr_call_stream;

/* dr_call_stream_new makes that of a call. Returns: NULL when out of memory. dr_call_stream_free
 * undoes it; NULL is fine. dr_call_stream_begin: its api has its place. */
dr_call_stream *dr_call_stream_new(const dr_request *request);
void dr_call_stream_free(dr_call_stream *stream);
void dr_call_stream_begin(dr_call *call);

/* dr_call_stream_pump sends what there is. Returns: false where something is left, since its
 * connection is full. What is left goes by dr_call_stream_room (an event of the reactor) once it is
 * not; behind the last the call is ended if its task has. */
bool dr_call_stream_pump(dr_call *call);
void dr_call_stream_room(dr_conn *conn, void *lane);
void dr_call_stream_room_web(dr_http_exchange *exchange, void *lane);

/* dr_call_stream_gives_up_ns is when one is given up whose client makes no room: it takes nothing,
 * or says of no part that it was taken (stream_idle_ms); 0: not as things are. The pump sees to it
 * that dr_expiry looks then. */
uint64_t dr_call_stream_gives_up_ns(const dr_call *call);

/* dr_call_stream_end ends one that is draining, with a code where the rest of it is lost and a text
 * that says why, 0 and NULL: it is as its task has said. Not while it is pumping: it ends behind
 * that. */
void dr_call_stream_end(dr_call *call, int64_t code, const char *text);

/* dr_call_stream_settle makes what has become of the stream the outcome of its api. */
void dr_call_stream_settle(dr_call *call);

/* dr_call_stream_give_up: nobody wants more of it. */
void dr_call_stream_give_up(dr_call *call);

/* dr_call_stream_cut has it end while its worker still runs it: nothing more of it is sent. */
void dr_call_stream_cut(dr_call *call);

/* dr_call_stream_take is a client's TK. dr_call_stream_spoil ends the stream of a frame's guid, if
 * there is one, without a word: what is said of that frame is the last under the guid. */
void dr_call_stream_take(const dr_responder *responder, const dr_request *request);
void dr_call_stream_spoil(const dr_responder *responder, const char *guid);

#endif
