/* asker.c: who has asked, and how the answer goes back to them. */
#include "server/asker.h"

#include "server/call.h"

uint32_t dr_asker_number(const dr_asker *asker)
{
    return asker->conn->number;
}

dr_peer dr_asker_peer(const dr_asker *asker)
{
    return dr_conn_peer(asker->conn);
}

static dr_call *first_of(const dr_asker *asker)
{
    return asker->kind == DR_ASKER_NONE ? asker->lane->orphans : asker->conn->owner;
}

static void set_first(const dr_asker *asker, dr_call *first)
{
    if (asker->kind == DR_ASKER_NONE) {
        asker->lane->orphans = first;
    } else {
        asker->conn->owner = first;
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
    if (asker->kind == DR_ASKER_FRAME) {
        asker->conn->calls++;
    }
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
    if (asker->kind == DR_ASKER_FRAME) {
        asker->conn->calls--;
    }
}

bool dr_answer_begin(const dr_asker *asker, const char *guid, dr_answer *answer)
{
    if (asker->kind == DR_ASKER_NONE) {
        return false;
    }
    answer->out = dr_conn_begin(asker->conn, guid, &answer->mark);
    if (answer->out == NULL) {
        return false;
    }
    answer->body = answer->out->len;
    return true;
}

dora_err dr_answer_end(const dr_asker *asker, const dr_answer *answer)
{
    return dr_conn_end(asker->conn, answer->mark);
}

void dr_answer_fail(const dr_asker *asker)
{
    if (asker->kind == DR_ASKER_FRAME) {
        dr_conn_close(asker->conn);
    }
}
