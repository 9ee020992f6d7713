/* responder.h: who has asked, and how the answer goes back to them. Thread: the lane's. */
#ifndef DR_SERVER_RESPONDER_H
#define DR_SERVER_RESPONDER_H

#include "net/peer.h"
#include "server/call/lane.h"

typedef enum dr_responder_kind {
    DR_RESPONDER_NONE = 0, /* nobody: the call was accepted, or whoever asked has gone */
    DR_RESPONDER_FRAME,    /* `conn`, by a frame */
    DR_RESPONDER_JSON,     /* `conn`, by a frame whose body is JSON */
    DR_RESPONDER_BARE,     /* `conn`, by a frame of an older release */
    DR_RESPONDER_FORM,     /* `web`, by the reply as JSON: the original's endpoints */
    DR_RESPONDER_WEB,      /* `web`, by the handler's data and a status: /call */
    DR_RESPONDER_EVENTS    /* `web`, by events: /stream */
} dr_responder_kind;

/* dr_web is a request over HTTP. It lives in its exchange. */
typedef struct dr_web {
    dr_http_exchange *exchange;
    dr_call *calls;  /* at most one */
    char *guid;      /* as it was sent, where that is not as long as guids are; else NULL */
    size_t guid_len; /* of `guid` */
    uint32_t number; /* of its connection */
    uint64_t came_ns;
    bool wants_events; /* of a stream: Server-Sent Events, not lines of JSON */
    bool has_begun;    /* something of it was sent */
    bool wants_token;  /* it is refused, and a token could change that: 401 */
} dr_web;

/* dr_responder is a value; each call has its own. `guid` is what a bare frame's call has in its
 * reply, where that is not as long as guids are; else empty. It is good until its connection is
 * gone: then those that wait become nobody. */
struct dr_responder {
    dr_responder_kind kind;
    dr_lane *lane;
    union {
        dr_conn *conn;
        dr_web *web;
    };
    dora_slice guid;
};

static inline dr_responder dr_responder_of_conn(dr_responder_kind kind, dr_lane *lane,
                                                dr_conn *conn)
{
    return (dr_responder){.kind = kind, .lane = lane, .conn = conn};
}

static inline dr_responder dr_responder_of_web(dr_responder_kind kind, dr_lane *lane, dr_web *web)
{
    return (dr_responder){.kind = kind, .lane = lane, .web = web};
}

static inline bool dr_responder_is_there(const dr_responder *responder)
{
    return responder->kind != DR_RESPONDER_NONE;
}

static inline bool dr_responder_has_conn(const dr_responder *responder)
{
    return responder->kind >= DR_RESPONDER_FRAME && responder->kind <= DR_RESPONDER_BARE;
}

static inline bool dr_responder_is_web(const dr_responder *responder)
{
    return responder->kind >= DR_RESPONDER_FORM;
}

/* dr_responder_number is the number of its connection, dr_responder_peer where that comes from. Not
 * for nobody. */
uint32_t dr_responder_number(const dr_responder *responder);

/* dr_responder_caller tells callers apart that take turns where tasks wait: a connection, or, over
 * HTTP, where many are opened by one, an address. Not for nobody. */
uint64_t dr_responder_caller(const dr_responder *responder);
dr_peer dr_responder_peer(const dr_responder *responder);

/* dr_responder_is_same: the same connection, or the same request over HTTP. */
bool dr_responder_is_same(const dr_responder *responder, const dr_responder *other);

/* dr_responder_add puts a call into the list of the calls that its responder waits for, or of the
 * lane's unowned ones; dr_responder_remove takes it out. */
void dr_responder_add(dr_call *call);
void dr_responder_remove(dr_call *call);

/* dr_responder_put_last puts a stream behind the others of its connection. */
void dr_responder_put_last(dr_call *call);

/* dr_responder_hold counts something that its connection waits for, as a call is counted, until
 * dr_responder_release. Nothing happens over HTTP: there one request follows the other.
 * dr_responder_update goes on reading. */
void dr_responder_hold(const dr_responder *responder);
void dr_responder_release(const dr_responder *responder);
void dr_responder_update(const dr_responder *responder);

/* dr_responder_is_full says whether parts of a stream should wait, since much of what was sent has
 * not been taken; dr_call_stream_room, or dr_call_stream_room_web, is
 * called once it was. */
bool dr_responder_is_full(const dr_responder *responder);

/* dr_responder_charge counts bytes that are held for whoever asked, as for its connection;
 * dr_responder_discharge counts them off. Nothing happens for nobody.
 * Returns: false when that would be too much: nothing is counted. */
bool dr_responder_charge(const dr_responder *responder, size_t bytes);
void dr_responder_discharge(const dr_responder *responder, size_t bytes);

#endif
