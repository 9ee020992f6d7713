/* caller.c: who makes a request, by its connection or its HTTP headers, and what the rules say. */
#include "server/call/caller.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/slice.h"
#include "net/conn_tls.h"
#include "net/http_exchange.h"
#include "net/http_origin.h"
#include "server/call/answer_web.h"
#include "server/call/call.h"
#include "server/call/reply.h"

static const char scheme[] = "Bearer ";

const char *dr_token_verdict_text(dr_token_verdict verdict)
{
    switch (verdict) {
    case DR_TOKEN_TOO_MANY:
        return "too many wrong tokens came from this address; try again in a few seconds";
    case DR_TOKEN_OPEN:
        return "a token is not taken over a plain connection from another machine, where others "
               "could read it: use TLS, the Unix socket or loopback, and a new token";
    case DR_TOKEN_WRONG:
    case DR_TOKEN_GOOD:
    default:
        return "the token is not known";
    }
}

/* say_token writes down that a token was refused; of many at once only some. */
static void say_token(dr_backend *backend, const dr_ip *ip, dr_token_verdict verdict)
{
    char text[DR_NETWORK_TEXT_MAX];
    if (verdict == DR_TOKEN_OPEN) {
        dr_log_write(backend->log, DR_LOG_ERROR, "access",
                     "a token came from %s over a plain connection: it is refused, and others may "
                     "have read it; give its owner a new one",
                     dr_ip_text(ip, text));
    } else {
        dr_log_write(backend->log, DR_LOG_NOTICE, "access", "a wrong token came from %s",
                     dr_ip_text(ip, text));
    }
}

dr_token_verdict dr_caller_token(dr_backend *backend, const dr_ip *ip, bool is_covered,
                                 dora_slice token, dr_token_digest *digest)
{
    dr_guesses *guesses = &backend->guesses;
    const dr_access *access = atomic_load_explicit(&backend->access, memory_order_acquire);
    const uint64_t now_ms = dr_clock_ms();
    dr_token_verdict verdict = DR_TOKEN_GOOD;
    if (!dr_guesses_may(guesses, ip, now_ms)) {
        return DR_TOKEN_TOO_MANY;
    }
    if (!is_covered) {
        verdict = DR_TOKEN_OPEN;
    } else if (!dr_token_is_sound(token) || dr_token_digest_of(token, digest) != DORA_OK ||
               (access != NULL && dr_access_by_token(access, digest) == DR_NOBODY)) {
        verdict = DR_TOKEN_WRONG;
    }
    if (verdict != DR_TOKEN_GOOD) {
        dr_guesses_wrong(guesses, ip, now_ms);
        say_token(backend, ip, verdict);
    }
    return verdict;
}

dr_claim *dr_caller_claim(dr_conn *conn)
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof(address);
    uv_os_fd_t fd;
    if (conn->claim != NULL) {
        return conn->claim;
    }
    dr_claim *claim = calloc(1, sizeof(*claim));
    if (claim == NULL || uv_fileno(&conn->uv.handle, &fd) != 0) {
        free(claim);
        return NULL;
    }
    if (conn->uv.handle.type == UV_NAMED_PIPE) {
        claim->has_uid = dr_peer_uid(fd, &claim->uid);
    } else if (getpeername(fd, (struct sockaddr *)&address, &len) == 0) {
        claim->ip = dr_ip_of((const struct sockaddr *)&address);
    }
    conn->claim = claim;
    return claim;
}

void dr_caller_gone(dr_conn *conn)
{
    free(conn->claim);
    conn->claim = NULL;
}

uint32_t dr_caller_of_conn(const dr_conn *conn, dr_claim *claim, const dr_access *access)
{
    const char *cert = dr_conn_peer_name(conn);
    return dr_claim_identify(claim, access, cert[0] != '\0' ? cert : NULL);
}

/* take_conn finds who a connection is. Returns: false when out of memory. */
static bool take_conn(dr_caller *caller, dr_conn *conn)
{
    dr_claim *claim = dr_caller_claim(conn);
    if (claim == NULL) {
        return false;
    }
    caller->subject = (dr_subject){dr_caller_of_conn(conn, claim, caller->access), claim->ip};
    return true;
}

bool dr_caller_bearer(const dr_http_exchange *exchange, dora_slice *token)
{
    const size_t len = sizeof(scheme) - 1;
    *token = dr_http_header(exchange, "Authorization");
    if (token->len < len || strncasecmp(token->data, scheme, len) != 0) {
        return false;
    }
    *token = (dora_slice){token->data + len, token->len - len};
    return true;
}

static void refuse_web(const dr_responder *responder, const dr_request *request,
                       dr_token_verdict verdict)
{
    const char *text = dr_token_verdict_text(verdict);
    dr_call_count_refused(responder, request, DORA_CODE_NOT_PERMITTED);
    if (responder->kind == DR_RESPONDER_WEB) {
        responder->web->wants_token = verdict == DR_TOKEN_WRONG;
        dr_web_refuse(responder->web, 403, DORA_CODE_NOT_PERMITTED, text);
    } else {
        dr_reply_code(responder, request->guid.data, DORA_CODE_NOT_PERMITTED, text);
    }
}

/* paying_for is who pays for a request. Who comes by a proxy of this machine has its address,
 * and one of them who guesses would use up the guesses of all. */
static dr_ip paying_for(const dr_http_exchange *exchange, const dr_ip *ip)
{
    char text[DR_NETWORK_TEXT_MAX];
    dr_ip behind;
    const dora_slice said = dr_http_forwarded_for(exchange);
    if (!dr_ip_is_loopback(ip) || said.len == 0 || said.len >= sizeof(text)) {
        return *ip;
    }
    memcpy(text, said.data, said.len);
    text[said.len] = '\0';
    return dr_ip_read(text, &behind) ? behind : *ip;
}

dr_ip dr_caller_from(const dr_http_exchange *exchange)
{
    const struct sockaddr *address = dr_http_address(exchange);
    const dr_ip ip = address != NULL ? dr_ip_of(address) : (dr_ip){0};
    return paying_for(exchange, &ip);
}

dr_token_verdict dr_caller_of_web(dr_backend *backend, const dr_access *access,
                                  const dr_http_exchange *exchange, dr_subject *subject)
{
    const struct sockaddr *address = dr_http_address(exchange);
    const dr_ip ip = address != NULL ? dr_ip_of(address) : (dr_ip){0};
    dora_slice token;
    dr_token_digest digest;
    *subject = (dr_subject){.identity = DR_NOBODY};
    if (!dr_http_is_forwarded(exchange)) {
        subject->ip = ip;
    }
    if (!dr_caller_bearer(exchange, &token)) {
        return DR_TOKEN_GOOD;
    }
    const dr_ip from = paying_for(exchange, &ip);
    const dr_token_verdict verdict =
        dr_caller_token(backend, &from, dr_ip_is_loopback(&ip), token, &digest);
    if (verdict == DR_TOKEN_GOOD) {
        subject->identity = dr_access_by_token(access, &digest);
    }
    return verdict;
}

/* take_web finds who makes a request over HTTP. Returns: false when it was refused. */
static bool take_web(dr_caller *caller, const dr_responder *responder, const dr_request *request)
{
    const dr_token_verdict verdict = dr_caller_of_web(responder->lane->backend, caller->access,
                                                      responder->web->exchange, &caller->subject);
    if (verdict != DR_TOKEN_GOOD) {
        refuse_web(responder, request, verdict);
    }
    return verdict == DR_TOKEN_GOOD;
}

bool dr_caller_enter(const dr_responder *responder, const dr_request *request)
{
    dr_lane *lane = responder->lane;
    dr_caller *caller = &lane->caller;
    const dr_access *access = caller->access;
    caller->name = (dora_slice){"", 0};
    caller->row = DR_CALLER_ROW_ANYONE;
    caller->subject = (dr_subject){DR_NOBODY, {0}};
    if (dr_responder_is_web(responder)) {
        if (!take_web(caller, responder, request)) {
            return false;
        }
    } else if (!take_conn(caller, responder->conn)) {
        dr_call_count_refused(responder, request, DORA_CODE_OVERLOADED);
        dr_reply_no_room(responder, request->guid.data, "out of memory", DR_RETRY_AFTER_MS_USUAL);
        return false;
    }
    if (caller->subject.identity != DR_NOBODY) {
        const dr_identity *identity = &access->identities[caller->subject.identity];
        caller->name = dr_slice(identity->name);
        caller->row = identity->row;
    }
    return true;
}

static bool may(const dr_responder *responder, dr_right right, dora_slice name)
{
    dr_lane *lane = responder->lane;
    const dr_caller *caller = &lane->caller;
    const bool is_allowed =
        dr_access_judge(caller->access, &caller->subject, right, name).is_allowed;
    dr_count_one(&lane->callers[caller->row].calls);
    if (!is_allowed) {
        dr_count_one(&lane->callers[caller->row].refused);
        if (responder->kind == DR_RESPONDER_WEB) {
            responder->web->wants_token = caller->subject.identity == DR_NOBODY;
        }
    }
    return is_allowed;
}

bool dr_caller_may_call(const dr_responder *responder, dora_slice api)
{
    return may(responder, DR_RIGHT_API, api);
}

bool dr_caller_may_control(const dr_responder *responder, dora_slice command)
{
    return may(responder, DR_RIGHT_COMMAND, command);
}

const char *dr_caller_refusal(const dr_lane *lane, dora_slice name,
                              char text[DR_CALLER_REFUSAL_MAX])
{
    const dora_slice who = lane->caller.name;
    (void)snprintf(text, DR_CALLER_REFUSAL_MAX, "not permitted: %.*s may not have %.*s (access)",
                   who.len > 0 ? (int)who.len : (int)sizeof("a caller without identity") - 1,
                   who.len > 0 ? who.data : "a caller without identity", (int)name.len, name.data);
    return text;
}
