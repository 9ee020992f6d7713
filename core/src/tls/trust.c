/* trust.c: whom a client trusts that names nobody: whom its system trusts.
 *
 * OpenSSL knows where authorities are from the system that it was built on. In a wheel it comes to
 * others, which have them elsewhere. */
#include "tls/trust.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const bundles[] = {
    "/etc/ssl/certs/ca-certificates.crt",                /* Debian, Ubuntu, Arch */
    "/etc/pki/tls/certs/ca-bundle.crt",                  /* Fedora, RHEL */
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", /* newer ones */
    "/etc/ssl/ca-bundle.pem",                            /* openSUSE */
    "/etc/ssl/cert.pem",                                 /* Alpine */
    NULL,
};

static const char *first_of(const char *const *files)
{
    while (*files != NULL && access(*files, R_OK) != 0) {
        files++;
    }
    return *files;
}

const char *dr_tls_trust_other(const char *const *usual, const char *const *others)
{
    return first_of(usual) != NULL ? NULL : first_of(others);
}

static const char *told(const char *variable, const char *otherwise)
{
    const char *value = getenv(variable);
    return value != NULL ? value : otherwise;
}

dora_err dr_tls_trust_system(SSL_CTX *ctx)
{
    const char *const usual[] = {
        told(X509_get_default_cert_file_env(), X509_get_default_cert_file()),
        told(X509_get_default_cert_dir_env(), X509_get_default_cert_dir()),
        NULL,
    };
    const char *other = dr_tls_trust_other(usual, bundles);

    /* A bundle that cannot be read trusts nobody: a handshake says so. */
    if (other != NULL && SSL_CTX_load_verify_file(ctx, other) != 1) {
        ERR_clear_error();
    }
    return SSL_CTX_set_default_verify_paths(ctx) == 1 ? DORA_OK : DORA_ENOMEM;
}
