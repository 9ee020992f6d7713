/* filter.c: one TLS connection: the handshake, then bytes in both directions. */
#include "tls/filter.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "tls/bytes.h"
#include "tls/filter_inside.h"
#include "tls/peer_name.h"
#include "tls/problem.h"
#include "tls/sessions.h"

/* forget drops what others have left in OpenSSL's queue of this thread, which would be taken for
 * ours. */
static void forget(void)
{
    if (ERR_peek_error() != 0) {
        ERR_clear_error();
    }
}

static dora_err fail(dr_tls_filter *filter)
{
    if (filter->failed == DORA_OK) {
        filter->failed = filter->is_starved ? DORA_ENOMEM : DORA_EPROTO;
        dr_tls_problem_ssl(filter);
    }
    return filter->failed;
}

static dr_tls_filter *filter_new(dr_tls_context *context)
{
    dr_tls_filter *filter = dr_calloc(1, sizeof(*filter));
    if (filter == NULL) {
        return NULL;
    }
    filter->context = dr_tls_context_hold(context);
    filter->ssl = SSL_new(context->ctx);
    BIO *bio = filter->ssl != NULL ? dr_tls_bytes_new(filter) : NULL;
    if (bio == NULL) {
        dr_tls_filter_free(filter);
        forget();
        return NULL;
    }
    SSL_set_bio(filter->ssl, bio, bio);
    SSL_set_app_data(filter->ssl, filter);
    return filter;
}

void dr_tls_filter_free(dr_tls_filter *filter)
{
    if (filter == NULL) {
        return;
    }
    if (filter->ssl != NULL) {
        /* Else its session would count as broken, and not be resumed. */
        SSL_set_shutdown(filter->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(filter->ssl);
    }
    dr_buf_fini(&filter->in);
    dr_buf_fini(&filter->out);
    dr_free(filter->name);
    dr_free(filter->peer_name);
    dr_tls_context_free(filter->context);
    dr_free(filter);
}

/* step goes on with the handshake, as far as the bytes go. */
static dora_err step(dr_tls_filter *filter)
{
    forget();
    const int done = SSL_do_handshake(filter->ssl);
    if (done != 1) {
        return SSL_get_error(filter->ssl, done) == SSL_ERROR_WANT_READ ? DORA_OK : fail(filter);
    }
    filter->is_handshaken = true;
    X509 *cert = SSL_get0_peer_certificate(filter->ssl);
    dr_free(filter->peer_name);
    filter->peer_name = cert != NULL ? dr_tls_peer_name(cert) : NULL;
    return DORA_OK;
}

/* use_up gives the room of what has been read back. */
static void use_up(dr_tls_filter *filter)
{
    if (filter->in_at == filter->in.len) {
        dr_buf_fini(&filter->in);
        filter->in_at = 0;
    }
}

dr_tls_filter *dr_tls_filter_server(dr_tls_context *context)
{
    dr_tls_filter *filter = filter_new(context);
    if (filter != NULL) {
        SSL_set_accept_state(filter->ssl);
    }
    return filter;
}

static bool is_ip(const char *name)
{
    unsigned char address[16];
    return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

static bool set_name(dr_tls_filter *filter, const char *name)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(filter->ssl);
    filter->name = dr_text_copy(name);
    if (filter->name == NULL) {
        return false;
    }
    if (is_ip(name)) {
        return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1;
    }
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(param, name, 0) == 1 &&
           SSL_set_tlsext_host_name(filter->ssl, name) == 1;
}

dr_tls_filter *dr_tls_filter_client(dr_tls_context *context, const char *name)
{
    dr_tls_filter *filter = filter_new(context);
    if (filter == NULL) {
        return NULL;
    }
    SSL_set_connect_state(filter->ssl);
    bool is_set = set_name(filter, name);
    SSL_SESSION *session = is_set ? dr_tls_sessions_find(context, name) : NULL;
    if (session != NULL) {
        is_set = SSL_set_session(filter->ssl, session) == 1;
        SSL_SESSION_free(session);
    }
    if (!is_set || step(filter) != DORA_OK) {
        dr_tls_filter_free(filter);
        forget();
        return NULL;
    }
    return filter;
}

dora_err dr_tls_filter_feed(dr_tls_filter *filter, dora_slice bytes)
{
    if (filter->failed != DORA_OK || bytes.len == 0) {
        return filter->failed;
    }
    if (!filter->is_begun && dr_tls_problem_first(filter, bytes)) {
        filter->failed = DORA_EPROTO;
        return filter->failed;
    }
    filter->is_begun = true;
    if (filter->in_at > 0) {
        dr_buf_consume(&filter->in, filter->in_at);
        filter->in_at = 0;
    }
    if (dr_buf_append_slice(&filter->in, bytes) != DORA_OK) {
        filter->is_starved = true;
        return fail(filter);
    }
    if (filter->is_handshaken) {
        return DORA_OK;
    }
    const dora_err err = step(filter);
    use_up(filter);
    return err;
}

/* judge says what it means that nothing was read. */
static dora_err judge(dr_tls_filter *filter, int done)
{
    switch (SSL_get_error(filter->ssl, done)) {
    case SSL_ERROR_WANT_READ:
        return DORA_EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        filter->is_shut = true;
        return DORA_ECLOSED;
    default:
        return fail(filter);
    }
}

dora_err dr_tls_filter_read(dr_tls_filter *filter, char *room, size_t room_len, size_t *got)
{
    dora_err err = DORA_EAGAIN;
    *got = 0;
    if (filter->failed != DORA_OK || !filter->is_handshaken) {
        return filter->failed != DORA_OK ? filter->failed : DORA_EAGAIN;
    }
    if (filter->is_shut) {
        return DORA_ECLOSED;
    }
    forget();
    while (*got < room_len) {
        size_t more = 0;
        const int done = SSL_read_ex(filter->ssl, room + *got, room_len - *got, &more);
        if (done != 1) {
            err = judge(filter, done);
            break;
        }
        *got += more;
        if (filter->in_at == filter->in.len && SSL_pending(filter->ssl) == 0) {
            break; /* asking OpenSSL costs more than this */
        }
    }
    use_up(filter);
    return *got > 0 ? DORA_OK : err; /* an end behind bytes is told by the next call */
}

bool dr_tls_filter_has_plain(dr_tls_filter *filter)
{
    char byte;
    size_t got = 0;
    if (!filter->is_handshaken) {
        return filter->failed != DORA_OK;
    }
    if (filter->failed != DORA_OK || filter->is_shut || SSL_pending(filter->ssl) > 0) {
        return true;
    }
    if (filter->in.len == 0) {
        return false;
    }
    forget();
    const int done = SSL_peek_ex(filter->ssl, &byte, 1, &got);
    const bool has = done == 1 || judge(filter, done) != DORA_EAGAIN;
    use_up(filter);
    return has;
}

dora_err dr_tls_filter_write(dr_tls_filter *filter, dora_slice bytes)
{
    size_t wrote = 0;
    if (filter->failed != DORA_OK || filter->is_closed) {
        return filter->failed != DORA_OK ? filter->failed : DORA_ECLOSED;
    }
    if (!filter->is_handshaken) {
        return DORA_EAGAIN;
    }
    if (bytes.len == 0) {
        return DORA_OK;
    }
    forget();
    return SSL_write_ex(filter->ssl, bytes.data, bytes.len, &wrote) == 1 ? DORA_OK : fail(filter);
}

dora_slice dr_tls_filter_output(const dr_tls_filter *filter)
{
    const dora_slice all = dr_buf_slice(&filter->out);
    return (dora_slice){all.len > 0 ? all.data + filter->out_at : NULL, all.len - filter->out_at};
}

void dr_tls_filter_sent(dr_tls_filter *filter, size_t len)
{
    filter->out_at += len;
    if (filter->out_at == filter->out.len) {
        dr_buf_fini(&filter->out);
        filter->out_at = 0;
    }
}

dora_err dr_tls_filter_take(dr_tls_filter *filter, dr_buf *into)
{
    if (into->cap == 0 && filter->out_at == 0) {
        *into = filter->out;
        dr_buf_init(&filter->out);
        return DORA_OK;
    }
    const dora_slice all = dr_tls_filter_output(filter);
    const dora_err err = dr_buf_append_slice(into, all);
    if (err == DORA_OK) {
        dr_tls_filter_sent(filter, all.len);
    }
    return err;
}

void dr_tls_filter_close(dr_tls_filter *filter)
{
    if (filter->is_handshaken && filter->failed == DORA_OK && !filter->is_closed) {
        forget();
        (void)SSL_shutdown(filter->ssl);
        forget();
    }
    filter->is_closed = true;
}

bool dr_tls_filter_is_open(const dr_tls_filter *filter)
{
    return filter->is_handshaken && filter->failed == DORA_OK && !filter->is_shut &&
           !filter->is_closed;
}

size_t dr_tls_filter_held(const dr_tls_filter *filter)
{
    const size_t record = dr_tls_filter_is_amid(filter) ? DR_TLS_RECORD_BYTES : 0;
    return filter->in.cap + filter->out.cap + record;
}

bool dr_tls_filter_is_amid(const dr_tls_filter *filter)
{
    /* OpenSSL takes what has come into a buffer of its own, and a record's header out of that. */
    return filter->in.len > filter->in_at || SSL_has_pending(filter->ssl) == 1 ||
           strcmp(SSL_rstate_string(filter->ssl), "RB") == 0;
}

bool dr_tls_filter_is_resumed(const dr_tls_filter *filter)
{
    return SSL_session_reused(filter->ssl) == 1;
}

const char *dr_tls_filter_problem(const dr_tls_filter *filter)
{
    return filter->problem;
}

bool dr_tls_filter_is_refused(const dr_tls_filter *filter)
{
    return filter->is_refused;
}

bool dr_tls_filter_is_plain(const dr_tls_filter *filter)
{
    return filter->failed == DORA_EPROTO && !filter->is_begun;
}

const char *dr_tls_filter_peer_name(const dr_tls_filter *filter)
{
    return filter->peer_name != NULL ? filter->peer_name : "";
}
