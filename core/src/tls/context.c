/* context.c: what TLS connections share, and what the two sides agree on. */
#include "tls/context.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/mem.h"
#include "tls/bytes.h"
#include "tls/context_inside.h"
#include "tls/files.h"
#include "tls/problem.h"
#include "tls/sessions.h"
#include "tls/trust.h"

/* For 1.2: keys that are for one session only, and ciphers that prove what they carry. Those of 1.3
 * all are so. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

#define TICKET_KEYS_BYTES 80 /* name and two keys, as OpenSSL 3 has them */

/* choose: what a peer asks for beside Dora is no business of this port. One that asks for nothing
 * (a tunnel in front of an older client) is not asked here. */
static int choose(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_len,
                  const unsigned char *offered, unsigned int offered_len, void *user)
{
    (void)ssl;
    const dr_tls_context *context = user;
    const size_t len = (size_t)context->alpn[0];
    for (size_t at = 0; at < offered_len; at += 1u + offered[at]) {
        if (offered[at] == len && at + len < offered_len &&
            memcmp(offered + at + 1, context->alpn + 1, len) == 0) {
            *chosen = offered + at + 1;
            *chosen_len = (unsigned char)len;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static dora_err out_of_memory(dora_error *error)
{
    ERR_clear_error();
    return dora_error_set(error, DORA_ENOMEM, "out of memory for TLS");
}

static dora_err set_alpn(dr_tls_context *context, const char *name)
{
    const size_t len = name != NULL ? strlen(name) : 0;
    if (len == 0 || len >= sizeof(context->alpn) - 1) {
        return len == 0 ? DORA_OK : DORA_EINVAL;
    }
    context->alpn[0] = (char)len;
    memcpy(context->alpn + 1, name, len);
    if (context->is_server) {
        SSL_CTX_set_alpn_select_cb(context->ctx, choose, context);
        return DORA_OK;
    }
    return SSL_CTX_set_alpn_protos(context->ctx, (const unsigned char *)context->alpn,
                                   (unsigned)len + 1) == 0
               ? DORA_OK
               : DORA_ENOMEM;
}

/* set_groups: the usual ones, with the one that holds against quantum computers where OpenSSL has
 * it (3.5); without X25519 where it is told to be FIPS. */
static void set_groups(SSL_CTX *ctx)
{
    static const char *const lists[] = {"X25519MLKEM768:X25519:P-256:P-384", "X25519:P-256:P-384",
                                        "P-256:P-384"};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        if (SSL_CTX_set1_groups_list(ctx, lists[i]) == 1) {
            break;
        }
    }
    ERR_clear_error();
}

static dora_err context_new(bool is_server, const dr_tls_settings *settings, dr_tls_context **made,
                            dora_error *error)
{
    dr_tls_context *context = dr_calloc(1, sizeof(*context));
    if (context == NULL) {
        return out_of_memory(error);
    }
    atomic_init(&context->owners, 1);
    pthread_mutex_init(&context->lock, NULL);
    context->is_server = is_server;
    context->ctx = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
    context->bytes = dr_tls_bytes_method();
    if (context->ctx == NULL || context->bytes == NULL ||
        set_alpn(context, settings->alpn) != DORA_OK ||
        SSL_CTX_set_min_proto_version(context->ctx, settings->is_1_3_only ? TLS1_3_VERSION
                                                                          : TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(context->ctx, CIPHERS) != 1) {
        dr_tls_context_free(context);
        return out_of_memory(error);
    }
    SSL_CTX_set_options(context->ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(context->ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    set_groups(context->ctx);
    SSL_CTX_set_timeout(context->ctx, DR_TLS_SESSION_S);
    SSL_CTX_set_max_cert_list(context->ctx, DR_TLS_CHAIN_BYTES_MAX);
    *made = context;
    return DORA_OK;
}

/* is_as_before: the server shows the certificate that it showed before. */
static bool is_as_before(const dr_tls_context *context, const dr_tls_context *before)
{
    const X509 *now = SSL_CTX_get0_certificate(context->ctx);
    const X509 *then = before != NULL ? SSL_CTX_get0_certificate(before->ctx) : NULL;
    return now != NULL && then != NULL && X509_cmp(now, then) == 0;
}

/* resume_like: tickets that clients have stay good while the certificate stays. OpenSSL never
 * renews the keys of a context: with another certificate there are others. Whom sessions were begun
 * with is not looked at again, so they stand under a mark of what was trusted then: where that has
 * changed, a ticket is passed over. */
static dora_err resume_like(dr_tls_context *context, const dr_tls_context *before,
                            const dr_tls_settings *settings, dora_slice trust)
{
    unsigned char keys[TICKET_KEYS_BYTES];
    unsigned char mark[EVP_MAX_MD_SIZE];
    unsigned int mark_len = 0;
    const char verify = (char)('0' + settings->verify);
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool is_done = digest != NULL && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 &&
                   EVP_DigestUpdate(digest, &verify, 1) == 1 &&
                   EVP_DigestUpdate(digest, trust.data, trust.len) == 1 &&
                   EVP_DigestFinal_ex(digest, mark, &mark_len) == 1 &&
                   SSL_CTX_set_session_id_context(context->ctx, mark, mark_len) == 1;
    EVP_MD_CTX_free(digest);
    if (is_done && is_as_before(context, before)) {
        is_done = SSL_CTX_get_tlsext_ticket_keys(before->ctx, keys, sizeof(keys)) == 1 &&
                  SSL_CTX_set_tlsext_ticket_keys(context->ctx, keys, sizeof(keys)) == 1;
        OPENSSL_cleanse(keys, sizeof(keys));
    }
    return is_done ? DORA_OK : DORA_ENOMEM;
}

static int verify_mode(dr_tls_verify verify)
{
    switch (verify) {
    case DR_TLS_VERIFY_OPTIONAL:
        return SSL_VERIFY_PEER;
    case DR_TLS_VERIFY_REQUIRED:
        return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    case DR_TLS_VERIFY_NONE:
        break;
    }
    return SSL_VERIFY_NONE;
}

/* hand_over gives what was made, or frees it where something was wrong. */
static dora_err hand_over(dr_tls_context *made, dora_err err, dr_tls_context **context)
{
    if (err == DORA_OK) {
        *context = made;
    } else {
        dr_tls_context_free(made);
    }
    return err;
}

dora_err dr_tls_context_server(const dr_tls_settings *settings, const dr_tls_context *before,
                               dr_tls_context **context, dora_error *error)
{
    dr_tls_context *made = NULL;
    *context = NULL;
    if (settings->cert == NULL || settings->key == NULL) {
        return dora_error_set(error, DORA_EINVAL, "a server needs a certificate and its key");
    }
    if (settings->verify != DR_TLS_VERIFY_NONE && settings->ca == NULL) {
        return dora_error_set(error, DORA_EINVAL,
                              "clients' certificates cannot be verified without a ca");
    }
    dora_err err = context_new(true, settings, &made, error);
    if (err != DORA_OK) {
        return err;
    }
    SSL_CTX_set_session_cache_mode(made->ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(made->ctx, 1);
    SSL_CTX_set_session_ticket_cb(made->ctx, NULL, dr_tls_sessions_on_ticket, NULL);
    SSL_CTX_set_verify(made->ctx, verify_mode(settings->verify), NULL);
    dr_buf trust = {0};
    err = dr_tls_files_load(made, settings, &trust, error);
    if (err == DORA_OK && resume_like(made, before, settings, dr_buf_slice(&trust)) != DORA_OK) {
        err = out_of_memory(error);
    }
    dr_buf_fini(&trust);
    return hand_over(made, err, context);
}

dora_err dr_tls_context_client(const dr_tls_settings *settings, dr_tls_context **context,
                               dora_error *error)
{
    dr_tls_context *made = NULL;
    *context = NULL;
    if ((settings->cert == NULL) != (settings->key == NULL)) {
        return dora_error_set(error, DORA_EINVAL,
                              "a certificate and its key go together: %s is "
                              "missing",
                              settings->cert == NULL ? "the certificate" : "the key");
    }
    dora_err err = context_new(false, settings, &made, error);
    if (err != DORA_OK) {
        return err;
    }
    SSL_CTX_set_session_cache_mode(made->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(made->ctx, dr_tls_sessions_on_new);
    SSL_CTX_set_verify(made->ctx, SSL_VERIFY_PEER, dr_tls_problem_on_verify);
    dr_buf trust = {0};
    err = dr_tls_files_load(made, settings, &trust, error);
    made->trusts_system = settings->ca == NULL;
    if (err == DORA_OK && made->trusts_system && dr_tls_trust_system(made->ctx) != DORA_OK) {
        err = out_of_memory(error);
    }
    dr_buf_fini(&trust);
    return hand_over(made, err, context);
}

dr_tls_context *dr_tls_context_hold(dr_tls_context *context)
{
    atomic_fetch_add_explicit(&context->owners, 1, memory_order_relaxed);
    return context;
}

void dr_tls_context_free(dr_tls_context *context)
{
    if (context == NULL ||
        atomic_fetch_sub_explicit(&context->owners, 1, memory_order_acq_rel) != 1) {
        return;
    }
    dr_tls_sessions_free(context);
    SSL_CTX_free(context->ctx);
    BIO_meth_free(context->bytes);
    pthread_mutex_destroy(&context->lock);
    dr_free(context);
}

const char *dr_tls_context_remark(const dr_tls_context *context)
{
    return context->remark;
}
