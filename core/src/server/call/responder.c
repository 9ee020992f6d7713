/* responder.c: who has asked: connections and exchanges, and the calls that they wait for. */
#include "server/call/responder.h"

#include "net/http_held.h"
#include "net/http_origin.h"
#include "server/call/call.h"

uint32_t dr_asker_number(const dr_asker *asker)
{
    return dr_asker_is_web(asker) ? asker->web->number : asker->conn->number;
}

dr_peer dr_asker_peer(const dr_asker *asker)
{
    return dr_asker_is_web(asker) ? dr_http_peer(asker->web->exchange) : dr_conn_peer(asker->conn);
}

bool dr_asker_is_same(const dr_asker *asker, const dr_asker *other)
{
    return dr_asker_has_conn(asker)
               ? dr_asker_has_conn(other) && asker->conn == other->conn
               : dr_asker_is_web(asker) && dr_asker_is_web(other) && asker->web == other->web;
}

static dr_call *first_of(const dr_asker *asker)
{
    if (dr_asker_has_conn(asker)) {
        return asker->conn->owner;
    }
    return dr_asker_is_web(asker) ? asker->web->calls : asker->lane->orphans;
}

static void set_first(const dr_asker *asker, dr_call *first)
{
    if (dr_asker_has_conn(asker)) {
        asker->conn->owner = first;
    } else if (dr_asker_is_web(asker)) {
        asker->web->calls = first;
    } else {
        asker->lane->orphans = first;
    }
}

void dr_asker_add(dr_call *call)
{
    const dr_asker *asker = &call->asker;
    call->prev = NULL;
    call->next = first_of(asker);
    if (call->next != NULL) {
        call->next->prev = call;
    }
    set_first(asker, call);
    dr_asker_hold(asker);
}

void dr_asker_remove(dr_call *call)
{
    const dr_asker *asker = &call->asker;
    if (call->prev != NULL) {
        call->prev->next = call->next;
    } else {
        set_first(asker, call->next);
    }
    if (call->next != NULL) {
        call->next->prev = call->prev;
    }
    dr_asker_release(asker);
}

void dr_asker_hold(const dr_asker *asker)
{
    if (dr_asker_has_conn(asker)) {
        asker->conn->calls++;
    }
}

void dr_asker_release(const dr_asker *asker)
{
    if (dr_asker_has_conn(asker)) {
        asker->conn->calls--;
    }
}

bool dr_asker_charge(const dr_asker *asker, size_t bytes)
{
    if (dr_asker_has_conn(asker)) {
        return dr_conn_hold(asker->conn, bytes);
    }
    return !dr_asker_is_web(asker) || dr_http_hold(asker->web->exchange, bytes);
}

void dr_asker_discharge(const dr_asker *asker, size_t bytes)
{
    if (dr_asker_has_conn(asker)) {
        dr_conn_let_go(asker->conn, bytes);
    } else if (dr_asker_is_web(asker)) {
        dr_http_let_go(asker->web->exchange, bytes);
    }
}

void dr_asker_update(const dr_asker *asker)
{
    /* An answer may have closed it; its memory stays until the loop's next turn. */
    if (dr_asker_has_conn(asker) && !asker->conn->is_closing) {
        dr_conn_update(asker->conn);
    }
}
