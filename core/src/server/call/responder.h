/* responder.h: who has asked, and how the answer goes back to them. Thread: the lane's. */
#ifndef DR_SERVER_RESPONDER_H
#define DR_SERVER_RESPONDER_H

#include "net/peer.h"
#include "server/call/lane.h"

typedef enum dr_asker_kind {
    DR_ASKER_NONE = 0, /* nobody: the call was accepted, or whoever asked has gone */
    DR_ASKER_FRAME,    /* `conn`, by a frame */
    DR_ASKER_JSON,     /* `conn`, by a frame whose body is JSON */
    DR_ASKER_BARE,     /* `conn`, by a frame of an older release */
    DR_ASKER_FORM,     /* `web`, by the reply as JSON: the original's endpoints */
    DR_ASKER_WEB       /* `web`, by the handler's data and a status: /call */
} dr_asker_kind;

/* dr_web is a request over HTTP. It lives in its exchange. */
typedef struct dr_web {
    dr_http_exchange *exchange;
    dr_call *calls;  /* at most one */
    char *guid;      /* as it was sent, where that is not as long as guids are; else NULL */
    size_t guid_len; /* of `guid` */
    uint32_t number; /* of its connection */
    uint64_t came_ns;
} dr_web;

/* dr_asker is a value; each call has its own. `guid` is what a bare frame's call has in its reply,
 * where that is not as long as guids are; else empty. It is good until its connection is gone: then
 * those that wait become nobody. */
struct dr_asker {
    dr_asker_kind kind;
    dr_lane *lane;
    union {
        dr_conn *conn;
        dr_web *web;
    };
    dora_slice guid;
};

static inline dr_asker dr_asker_of_conn(dr_asker_kind kind, dr_lane *lane, dr_conn *conn)
{
    return (dr_asker){.kind = kind, .lane = lane, .conn = conn};
}

static inline dr_asker dr_asker_of_web(dr_asker_kind kind, dr_lane *lane, dr_web *web)
{
    return (dr_asker){.kind = kind, .lane = lane, .web = web};
}

static inline bool dr_asker_is_there(const dr_asker *asker)
{
    return asker->kind != DR_ASKER_NONE;
}

static inline bool dr_asker_has_conn(const dr_asker *asker)
{
    return asker->kind >= DR_ASKER_FRAME && asker->kind <= DR_ASKER_BARE;
}

static inline bool dr_asker_is_web(const dr_asker *asker)
{
    return asker->kind == DR_ASKER_FORM || asker->kind == DR_ASKER_WEB;
}

/* dr_asker_number is the number of its connection, dr_asker_peer where that comes from. Not for
 * nobody. */
uint32_t dr_asker_number(const dr_asker *asker);
dr_peer dr_asker_peer(const dr_asker *asker);

/* dr_asker_is_same: the same connection, or the same request over HTTP. */
bool dr_asker_is_same(const dr_asker *asker, const dr_asker *other);

/* dr_asker_add puts a call into the list of the calls that its asker waits for, or of the lane's
 * orphans; dr_asker_remove takes it out. */
void dr_asker_add(dr_call *call);
void dr_asker_remove(dr_call *call);

/* dr_asker_hold counts something that its connection waits for, as a call is counted, until
 * dr_asker_release. Nothing happens over HTTP: there one request follows the other. dr_asker_update
 * goes on reading. */
void dr_asker_hold(const dr_asker *asker);
void dr_asker_release(const dr_asker *asker);
void dr_asker_update(const dr_asker *asker);

/* dr_asker_charge counts bytes that are held for whoever asked, as for its connection;
 * dr_asker_discharge counts them off. Nothing happens for nobody.
 * Returns: false when that would be too much: nothing is counted. */
bool dr_asker_charge(const dr_asker *asker, size_t bytes);
void dr_asker_discharge(const dr_asker *asker, size_t bytes);

#endif
