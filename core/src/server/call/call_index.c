/* call_index.c: a connection's call by its guid. */
#include "server/call/call_index.h"

#include <string.h>

#include "base/mem.h"

typedef struct call_index {
    dr_digest_key key; /* who chooses guids cannot choose their chains */
    dr_call *chains[DR_CALL_INDEX_CHAINS];
} call_index;

static dr_call **chain_of(const dr_conn *conn, const char *guid)
{
    call_index *index = conn->index;
    dr_digester digester;
    dr_digester_init(&digester, &index->key);
    dr_digester_bytes(&digester, (dora_slice){guid, DR_GUID_LEN});
    return &index->chains[dr_digester_end(&digester).words[0] % DR_CALL_INDEX_CHAINS];
}

void dr_call_index_add(const dr_conn *conn, dr_call *call)
{
    dr_call **first = chain_of(conn, call->guid);
    call->next_named = *first;
    *first = call;
}

void dr_call_index_remove(dr_conn *conn, dr_call *call)
{
    dr_call **at = chain_of(conn, call->guid);
    while (*at != call) {
        at = &(*at)->next_named;
    }
    *at = call->next_named;
    if (conn->owner == NULL) { /* it was the last one */
        dr_free(conn->index);
        conn->index = NULL;
        dr_conn_let_go(conn, sizeof(call_index));
    }
}

/* make makes the index of a connection. Returns: false where there is no room for it. */
static bool make(dr_conn *conn)
{
    dr_digest_key key;
    if (dr_digest_key_make(&key) != DORA_OK || !dr_conn_hold(conn, sizeof(call_index))) {
        return false;
    }
    call_index *index = dr_calloc(1, sizeof(*index));
    if (index == NULL) {
        dr_conn_let_go(conn, sizeof(call_index));
        return false;
    }
    index->key = key;
    conn->index = index;
    dr_call *call = conn->owner;
    while (call->next != NULL) {
        call = call->next;
    }
    for (; call != NULL; call = call->prev) { /* the latest stands first in its chain, too */
        dr_call_index_add(conn, call);
    }
    return true;
}

static bool is_named(const dr_call *call, const char *guid)
{
    return memcmp(call->guid, guid, DR_GUID_LEN) == 0;
}

/* look goes through the calls of a connection, at most `*left` of them. */
static dr_call *look(const dr_conn *conn, const char *guid, uint32_t *left)
{
    dr_call *call = conn->owner;
    while (call != NULL && *left > 0 && !is_named(call, guid)) {
        call = call->next;
        (*left)--;
    }
    return *left > 0 ? call : NULL;
}

dr_call *dr_call_of(const dr_responder *responder, const char *guid)
{
    if (!dr_responder_has_conn(responder)) {
        return NULL;
    }
    dr_conn *conn = responder->conn;
    uint32_t left = DR_CALL_INDEX_FROM;
    if (conn->index == NULL) {
        dr_call *call = look(conn, guid, &left);
        if (left > 0) {
            return call;
        }
        if (!make(conn)) {
            left = UINT32_MAX;
            return look(conn, guid, &left);
        }
    }
    dr_call *named = *chain_of(conn, guid);
    while (named != NULL && !is_named(named, guid)) {
        named = named->next_named;
    }
    return named;
}
