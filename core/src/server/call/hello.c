/* hello.c: the first request of a connection may say who sends it: by a token. */
#include "server/call/hello.h"

#include <string.h>

#include "base/slice.h"
#include "server/call/call.h"
#include "server/call/caller.h"
#include "server/call/reply.h"

static const char command[] = "hello";
static const char member[] = "token";

bool dr_hello_is(const dr_responder *responder)
{
    const dora_slice name = responder->lane->apis[0].name;
    return dr_responder_has_conn(responder) && name.len == sizeof(command) - 1 &&
           memcmp(name.data, command, name.len) == 0;
}

/* token_of reads {"token": TEXT}; other members are a later version's. Returns: false when there is
 * none. */
static bool token_of(dora_slice param, dora_slice *token)
{
    dora_reader reader;
    dora_value value;
    dora_value key;
    bool is_there = false;
    dora_reader_init(&reader, param);
    if (dora_reader_value(&reader, &value) != DORA_OK || value.type != DORA_ARRAY) {
        return false;
    }
    for (size_t left = value.count; left > 0; left--) {
        dora_slice raw;
        dora_reader inner;
        if (dora_reader_key(&reader, &key) != DORA_OK ||
            dora_reader_skip(&reader, &raw) != DORA_OK) {
            return false;
        }
        if (key.type != DORA_STRING || key.string.len != sizeof(member) - 1 ||
            memcmp(key.string.data, member, key.string.len) != 0) {
            continue;
        }
        dora_reader_init(&inner, raw);
        is_there = dora_reader_value(&inner, &value) == DORA_OK && value.type == DORA_STRING;
        *token = value.string;
    }
    return is_there;
}

/* is_covered: nobody else can have read what came over this connection. */
static bool is_covered(const dr_conn *conn, const dr_ip *ip)
{
    return conn->uv.handle.type == UV_NAMED_PIPE || conn->tls != NULL || dr_ip_is_loopback(ip);
}

static void refuse(const dr_responder *responder, const dr_request *request, int64_t code,
                   const char *text)
{
    dr_call_count_answered(responder->lane, DR_TYPE_SC, code);
    dr_reply_code(responder, request->guid.data, code, text);
    dr_conn_finish(responder->conn);
}

/* welcome answers with the identity that the connection has from now on; null: there is none. */
static void welcome(const dr_responder *responder, const dr_request *request, dr_claim *claim)
{
    const dr_backend *backend = responder->lane->backend;
    const dr_access *access = atomic_load_explicit(&backend->access, memory_order_acquire);
    const uint32_t identity =
        access != NULL ? dr_caller_of_conn(responder->conn, claim, access) : DR_NOBODY;
    dora_slice data = {NULL, 0};
    dora_writer *writer = dora_writer_new(DR_FRAME_BYTES_MAX_DEFAULT);
    if (writer != NULL) {
        const char *name = identity != DR_NOBODY ? access->identities[identity].name : NULL;
        (void)dora_write_array(writer, 1);
        (void)dora_write_string(writer, "identity", strlen("identity"));
        (void)(name != NULL ? dora_write_string(writer, name, strlen(name))
                            : dora_write_null(writer));
        (void)dora_write_end(writer);
    }
    if (writer != NULL && dora_writer_finish(writer, &data) == DORA_OK) {
        dr_call_count_answered(responder->lane, DR_TYPE_SC, 0);
        dr_reply_whole(responder, request->guid.data, 0, dr_slice("OK"), data);
    } else {
        refuse(responder, request, DORA_CODE_OVERLOADED, "out of memory");
    }
    dora_writer_free(writer);
}

void dr_hello_take(const dr_responder *responder, const dr_request *request)
{
    dr_conn *conn = responder->conn;
    dora_slice token;
    const bool is_first = conn->claim == NULL;
    dr_claim *claim = dr_caller_claim(conn);
    if (claim == NULL) {
        refuse(responder, request, DORA_CODE_OVERLOADED, "out of memory");
        return;
    }
    if (!is_first) {
        refuse(responder, request, DORA_CODE_NOT_PERMITTED,
               "hello: only the first request of a connection can say who sends it");
        return;
    }
    if (!token_of(responder->lane->apis[0].param, &token)) {
        refuse(responder, request, DORA_CODE_BAD_API,
               "hello: param must be {\"token\": TEXT}, the bearer token of an identity");
        return;
    }
    const dr_token_verdict verdict = dr_caller_token(
        responder->lane->backend, &claim->ip, is_covered(conn, &claim->ip), token, &claim->token);
    if (verdict != DR_TOKEN_GOOD) {
        refuse(responder, request, DORA_CODE_NOT_PERMITTED, dr_token_verdict_text(verdict));
        return;
    }
    claim->has_token = true;
    welcome(responder, request, claim);
}
