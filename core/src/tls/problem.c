/* problem.c: why a TLS connection failed, in words for people. */
#include "tls/problem.h"

#include <ctype.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <string.h>

#include "tls/peer_name.h"

#define HANDSHAKE_RECORD 0x16
#define ALERT_RECORD 0x15

static void say(dr_tls_filter *filter, const char *what)
{
    (void)snprintf(filter->problem, sizeof(filter->problem), "%s", what);
}

static bool is_http(dora_slice bytes)
{
    static const char *const words[] = {"GET ", "POST", "PUT ", "HEAD", "DELE",
                                        "OPTI", "PATC", "HTTP", "PRI "};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (bytes.len >= 4 && memcmp(bytes.data, words[i], 4) == 0) {
            return true;
        }
    }
    return false;
}

bool dr_tls_problem_first(dr_tls_filter *filter, dora_slice bytes)
{
    const unsigned char first = (unsigned char)bytes.data[0];
    const bool is_server = filter->context->is_server;
    if (first == HANDSHAKE_RECORD || (first == ALERT_RECORD && !is_server)) {
        return false;
    }
    if (is_server) {
        say(filter, is_http(bytes)
                        ? "an HTTP request came to the port for TLS, which takes Dora's frames"
                        : "plain bytes came to the port for TLS: the client has to say tls://");
    } else {
        say(filter, "the server does not speak TLS there: this is its port for plain bytes, or "
                    "another program's");
    }
    return true;
}

/* of_certificate: what is wrong with the one that the peer showed; NULL: nothing. */
static const char *of_certificate(const dr_tls_context *context, long result)
{
    switch (result) {
    case X509_V_OK:
        return NULL;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return "the peer's certificate has expired";
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return "the peer's certificate is not valid yet: is a clock wrong?";
    case X509_V_ERR_CERT_REVOKED:
        return "the peer's certificate is revoked";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return "the peer's certificate is another host's";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        return context->trusts_system
                   ? "the peer's certificate was issued by an unknown CA: by none that this system "
                     "trusts; give the ca"
                   : "the peer's certificate was issued by an unknown CA: by none of those in ca";
    case X509_V_ERR_UNABLE_TO_GET_CRL:
        return "crl has no list of who issued the peer's certificate";
    case X509_V_ERR_CRL_HAS_EXPIRED:
        return "the list in crl of who issued the peer's certificate has expired";
    case X509_V_ERR_INVALID_PURPOSE:
        return "the peer's certificate is not meant for this (extendedKeyUsage)";
    default:
        return X509_verify_cert_error_string(result);
    }
}

/* of_reason: OpenSSL's number, or an alert of the peer's, in our words; NULL: it has better. */
static const char *of_reason(int reason)
{
    switch (reason) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return "the client showed no certificate, and must";
    case SSL_R_NO_APPLICATION_PROTOCOL:
        return "the client wants to speak another protocol than " DR_TLS_ALPN " (ALPN)";
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
        return "the peer's version of TLS is too old: 1.2 is the oldest, or min_version";
    case SSL_R_EXCESSIVE_MESSAGE_SIZE:
        return "the peer's certificate, or its chain, is too large";
    case SSL_R_NO_SHARED_CIPHER:
        return "the client has no cipher that is safe";
    case SSL_R_WRONG_VERSION_NUMBER:
        return "the peer does not speak TLS";
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
        return "the peer refuses our version of TLS";
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
        return "the peer wants a certificate, and got none";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
        return "the peer says that our certificate has expired";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
        return "the peer says that our certificate is revoked";
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
        return "the peer does not know the CA of our certificate";
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
        return "the peer refuses our certificate";
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
        return "the peer has ended the handshake: no cipher in common, or no certificate";
    case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
        return "the peer does not speak our protocol (ALPN)";
    default:
        return NULL;
    }
}

/* is_refusal: an alert about the certificate that we showed, or did not show. */
static bool is_refusal(int reason)
{
    const int alert = reason - SSL_AD_REASON_OFFSET;
    return (alert >= SSL3_AD_NO_CERTIFICATE && alert <= SSL3_AD_CERTIFICATE_UNKNOWN) ||
           alert == TLS1_AD_UNKNOWN_CA || alert == TLS1_AD_ACCESS_DENIED ||
           alert == TLS13_AD_CERTIFICATE_REQUIRED;
}

int dr_tls_problem_on_verify(int is_good, X509_STORE_CTX *store)
{
    const int fault = X509_STORE_CTX_get_error(store);
    if (is_good == 0 &&
        (fault == X509_V_ERR_HOSTNAME_MISMATCH || fault == X509_V_ERR_IP_ADDRESS_MISMATCH)) {
        const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
        dr_tls_filter *filter = SSL_get_app_data(ssl);
        X509 *cert = X509_STORE_CTX_get_current_cert(store);
        if (filter->peer_name == NULL && cert != NULL) {
            filter->peer_name = dr_tls_peer_name(cert);
        }
    }
    return is_good;
}

static bool is_other_host(const dr_tls_filter *filter)
{
    const long fault = SSL_get_verify_result(filter->ssl);
    return fault == X509_V_ERR_HOSTNAME_MISMATCH || fault == X509_V_ERR_IP_ADDRESS_MISMATCH;
}

/* last_error: newer libraries put a word for any failure of a record behind the cause. */
static unsigned long last_error(void)
{
    const unsigned long last = ERR_peek_last_error();
#ifdef SSL_R_RECORD_LAYER_FAILURE
    return ERR_GET_REASON(last) == SSL_R_RECORD_LAYER_FAILURE ? ERR_peek_error() : last;
#else
    return last;
#endif
}

void dr_tls_problem_ssl(dr_tls_filter *filter)
{
    const unsigned long last = last_error();
    const bool is_cert = ERR_GET_REASON(last) == SSL_R_CERTIFICATE_VERIFY_FAILED;
    filter->is_refused = is_refusal(ERR_GET_REASON(last));
    if (is_cert && is_other_host(filter) && filter->name != NULL && filter->peer_name != NULL) {
        (void)snprintf(filter->problem, sizeof(filter->problem),
                       "the peer's certificate is of %.90s, not of %.90s (tls_name)",
                       filter->peer_name, filter->name);
        ERR_clear_error();
        return;
    }
    const char *what = is_cert ? of_certificate(filter->context, SSL_get_verify_result(filter->ssl))
                               : of_reason(ERR_GET_REASON(last));
    if (filter->is_starved) {
        what = "out of memory";
    }
    what = what != NULL ? what : ERR_reason_error_string(last);
    say(filter, what != NULL ? what : "what came is not TLS");
    ERR_clear_error();
}
