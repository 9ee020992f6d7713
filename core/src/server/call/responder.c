/* responder.c: who has asked: connections and exchanges, and the calls that they wait for. */
#include "server/call/responder.h"

#include "net/http_held.h"
#include "net/http_origin.h"
#include "net/http_stream.h"
#include "server/call/call_index.h"
#include "server/call/call_stream.h"

uint32_t dr_responder_number(const dr_responder *responder)
{
    return dr_responder_is_web(responder) ? responder->web->number : responder->conn->number;
}

uint64_t dr_responder_caller(const dr_responder *responder)
{
    return dr_responder_is_web(responder) ? dr_http_place(responder->web->exchange) << 1 | 1u
                                          : (uint64_t)responder->conn->number << 1;
}

dr_peer dr_responder_peer(const dr_responder *responder)
{
    return dr_responder_is_web(responder) ? dr_http_peer(responder->web->exchange)
                                          : dr_conn_peer(responder->conn);
}

bool dr_responder_is_same(const dr_responder *responder, const dr_responder *other)
{
    return dr_responder_has_conn(responder)
               ? dr_responder_has_conn(other) && responder->conn == other->conn
               : dr_responder_is_web(responder) && dr_responder_is_web(other) &&
                     responder->web == other->web;
}

static dr_call *first_of(const dr_responder *responder)
{
    if (dr_responder_has_conn(responder)) {
        return responder->conn->owner;
    }
    return dr_responder_is_web(responder) ? responder->web->calls : responder->lane->unowned;
}

static void set_first(const dr_responder *responder, dr_call *first)
{
    if (dr_responder_has_conn(responder)) {
        responder->conn->owner = first;
    } else if (dr_responder_is_web(responder)) {
        responder->web->calls = first;
    } else {
        responder->lane->unowned = first;
    }
}

/* add_stream puts a stream behind the others of its connection, remove_stream takes it out. */
static void add_stream(dr_conn *conn, dr_call *call)
{
    dr_call *last = conn->streams_last;
    call->stream->next = NULL;
    call->stream->prev = last;
    if (last != NULL) {
        last->stream->next = call;
    } else {
        conn->streams_list = call;
    }
    conn->streams_last = call;
    conn->streams++;
}

static void remove_stream(dr_conn *conn, const dr_call *call)
{
    dr_call *next = call->stream->next;
    dr_call *prev = call->stream->prev;
    if (prev != NULL) {
        prev->stream->next = next;
    } else {
        conn->streams_list = next;
    }
    if (next != NULL) {
        next->stream->prev = prev;
    } else {
        conn->streams_last = prev;
    }
    conn->streams--;
}

void dr_responder_add(dr_call *call)
{
    const dr_responder *responder = &call->responder;
    call->prev = NULL;
    call->next = first_of(responder);
    if (call->next != NULL) {
        call->next->prev = call;
    }
    set_first(responder, call);
    dr_responder_hold(responder);
    if (call->stream != NULL && dr_responder_has_conn(responder)) {
        add_stream(responder->conn, call);
    }
    if (dr_responder_has_conn(responder) && responder->conn->index != NULL) {
        dr_call_index_add(responder->conn, call);
    }
}

void dr_responder_remove(dr_call *call)
{
    const dr_responder *responder = &call->responder;
    if (call->prev != NULL) {
        call->prev->next = call->next;
    } else {
        set_first(responder, call->next);
    }
    if (call->next != NULL) {
        call->next->prev = call->prev;
    }
    if (call->stream != NULL && dr_responder_has_conn(responder)) {
        remove_stream(responder->conn, call);
    }
    if (dr_responder_has_conn(responder) && responder->conn->index != NULL) {
        dr_call_index_remove(responder->conn, call);
    }
    dr_responder_release(responder);
}

void dr_responder_put_last(dr_call *call)
{
    dr_conn *conn = call->responder.conn;
    remove_stream(conn, call);
    add_stream(conn, call);
}

void dr_responder_hold(const dr_responder *responder)
{
    if (dr_responder_has_conn(responder)) {
        responder->conn->calls++;
    }
}

void dr_responder_release(const dr_responder *responder)
{
    if (dr_responder_has_conn(responder)) {
        responder->conn->calls--;
    }
}

bool dr_responder_is_full(const dr_responder *responder)
{
    return dr_responder_has_conn(responder) ? dr_conn_is_full(responder->conn)
           : dr_responder_is_web(responder) ? dr_http_stream_is_full(responder->web->exchange)
                                            : false;
}

bool dr_responder_charge(const dr_responder *responder, size_t bytes)
{
    if (dr_responder_has_conn(responder)) {
        return dr_conn_hold(responder->conn, bytes);
    }
    return !dr_responder_is_web(responder) || dr_http_hold(responder->web->exchange, bytes);
}

void dr_responder_discharge(const dr_responder *responder, size_t bytes)
{
    if (dr_responder_has_conn(responder)) {
        dr_conn_let_go(responder->conn, bytes);
    } else if (dr_responder_is_web(responder)) {
        dr_http_let_go(responder->web->exchange, bytes);
    }
}

void dr_responder_update(const dr_responder *responder)
{
    /* An answer may have closed it; its memory stays until the loop's next turn. */
    if (dr_responder_has_conn(responder) && !responder->conn->is_closing) {
        dr_conn_update(responder->conn);
    }
}
