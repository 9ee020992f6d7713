/* files.c: certificates, keys and lists of revoked ones, out of PEM files into a context. */
#include "tls/files.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* fault says what is wrong with a file, and leaves nothing in OpenSSL's queue. */
static dora_err fault(dora_error *error, const char *path, const char *what)
{
    ERR_clear_error();
    return dora_error_set(error, DORA_EINVAL, "%s: %s", path, what);
}

/* is_secret: nobody but the owner may read it; a group may where that is root, as Debian's group
 * ssl-cert does. */
static bool is_secret(const struct stat *about)
{
    const mode_t others = about->st_uid == 0 ? S_IWGRP | S_IRWXO : S_IRWXG | S_IRWXO;
    return (about->st_mode & others) == 0;
}

static dora_err read_all(int fd, const char *path, dr_buf *bytes, dora_error *error)
{
    for (;;) {
        if (bytes->len > DR_TLS_FILE_BYTES_MAX) {
            return fault(error, path, "is larger than any file of certificates");
        }
        if (dr_buf_reserve(bytes, 4096) != DORA_OK) {
            return dora_error_set(error, DORA_ENOMEM, "%s: out of memory", path);
        }
        const ssize_t got = read(fd, bytes->data + bytes->len, bytes->cap - bytes->len);
        if (got < 0 && errno != EINTR) {
            return fault(error, path, strerror(errno));
        }
        if (got == 0) {
            return DORA_OK;
        }
        bytes->len += got > 0 ? (size_t)got : 0;
    }
}

static dora_err read_file(const char *path, bool must_be_secret, dr_buf *bytes, dora_error *error)
{
    struct stat about;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return fault(error, path, strerror(errno));
    }
    dora_err err = DORA_OK;
    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
        err = fault(error, path, "is no file");
    } else if (must_be_secret && !is_secret(&about)) {
        err = dora_error_set(error, DORA_EINVAL,
                             "%s: others than its owner may read this key (mode %04o): chmod 600",
                             path, (unsigned)(about.st_mode & 07777));
    } else {
        err = read_all(fd, path, bytes, error);
    }
    close(fd);
    return err;
}

/* no_phrase answers for a key that is encrypted: there is nobody to ask, and OpenSSL would. */
static int no_phrase(char *room, int size, int is_writing, void *user)
{
    (void)room;
    (void)size;
    (void)is_writing;
    *(bool *)user = true;
    return -1;
}

static bool is_end(void)
{
    const unsigned long last = ERR_peek_last_error();
    const bool is_it =
        ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    return is_it;
}

static void remark_on(dr_tls_context *context, const char *path, const X509 *cert)
{
    const char *what = NULL;
    if (X509_cmp_current_time(X509_get0_notAfter(cert)) < 0) {
        what = "has expired: nobody who checks it will go on";
    } else if (X509_cmp_current_time(X509_get0_notBefore(cert)) > 0) {
        what = "is not valid yet: nobody who checks it will go on";
    }
    if (what != NULL) {
        (void)snprintf(context->remark, sizeof(context->remark), "%s: the certificate %s", path,
                       what);
    }
}

static dora_err take_cert(dr_tls_context *context, BIO *pem, const char *path, dora_error *error)
{
    bool is_locked = false;
    X509 *cert = PEM_read_bio_X509_AUX(pem, NULL, no_phrase, &is_locked);
    if (cert == NULL) {
        return fault(error, path,
                     is_end() ? "has no certificate in it (PEM is wanted)"
                              : "has a certificate that is damaged");
    }
    remark_on(context, path, cert);
    const bool is_taken = SSL_CTX_use_certificate(context->ctx, cert) == 1;
    X509_free(cert);
    if (!is_taken) {
        return fault(error, path, "has a certificate that OpenSSL refuses: its key is too weak?");
    }
    while ((cert = PEM_read_bio_X509(pem, NULL, no_phrase, &is_locked)) != NULL) {
        if (SSL_CTX_add0_chain_cert(context->ctx, cert) != 1) {
            X509_free(cert);
            return fault(error, path, "has a chain with a certificate that OpenSSL refuses");
        }
    }
    return is_end() ? DORA_OK : fault(error, path, "has a certificate that is damaged");
}

static dora_err take_key(dr_tls_context *context, BIO *pem, const char *path, const char *cert,
                         dora_error *error)
{
    bool is_locked = false;
    EVP_PKEY *key = PEM_read_bio_PrivateKey(pem, NULL, no_phrase, &is_locked);
    if (key == NULL) {
        return fault(error, path,
                     is_locked ? "is encrypted, and there is nobody to ask for its passphrase: "
                                 "openssl pkey writes it without"
                               : "has no key in it (PEM is wanted)");
    }
    const bool is_its = SSL_CTX_use_PrivateKey(context->ctx, key) == 1 &&
                        SSL_CTX_check_private_key(context->ctx) == 1;
    EVP_PKEY_free(key);
    if (!is_its) {
        ERR_clear_error();
        return dora_error_set(error, DORA_EINVAL, "%s: is not the key of the certificate in %s",
                              path, cert);
    }
    return DORA_OK;
}

static dora_err take_ca(dr_tls_context *context, BIO *pem, const char *path, dora_error *error)
{
    X509_STORE *store = SSL_CTX_get_cert_store(context->ctx);
    bool is_locked = false;
    size_t count = 0;
    X509 *cert = NULL;
    while ((cert = PEM_read_bio_X509(pem, NULL, no_phrase, &is_locked)) != NULL) {
        const bool is_taken =
            X509_STORE_add_cert(store, cert) == 1 &&
            (!context->is_server || SSL_CTX_add_client_CA(context->ctx, cert) == 1);
        X509_free(cert);
        if (!is_taken) {
            return fault(error, path, "has a certificate that OpenSSL refuses");
        }
        count++;
    }
    if (!is_end()) {
        return fault(error, path, "has a certificate that is damaged");
    }
    return count > 0 ? DORA_OK : fault(error, path, "has no certificate in it (PEM is wanted)");
}

static dora_err take_crl(dr_tls_context *context, BIO *pem, const char *path, dora_error *error)
{
    X509_STORE *store = SSL_CTX_get_cert_store(context->ctx);
    bool is_locked = false;
    size_t count = 0;
    X509_CRL *crl = NULL;
    while ((crl = PEM_read_bio_X509_CRL(pem, NULL, no_phrase, &is_locked)) != NULL) {
        const bool is_taken = X509_STORE_add_crl(store, crl) == 1;
        const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);
        if (next != NULL && X509_cmp_current_time(next) < 0) {
            (void)snprintf(context->remark, sizeof(context->remark),
                           "%s: this list of revoked certificates has expired: no certificate of "
                           "its issuer is taken until there is a newer one",
                           path);
        }
        X509_CRL_free(crl);
        if (!is_taken) {
            return fault(error, path, "has a list that OpenSSL refuses");
        }
        count++;
    }
    if (!is_end()) {
        return fault(error, path, "has a list that is damaged");
    }
    if (count == 0) {
        return fault(error, path, "has no list of revoked certificates in it (PEM is wanted)");
    }
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
    return DORA_OK;
}

typedef enum content { CERT, KEY, CA, CRL } content;

static dora_err take(dr_tls_context *context, const dr_tls_settings *settings, content which,
                     dr_buf *bytes, dora_error *error)
{
    const char *const paths[] = {settings->cert, settings->key, settings->ca, settings->crl};
    const char *path = paths[which];
    const size_t before = bytes->len;
    dora_err err = read_file(path, which == KEY, bytes, error);
    if (err != DORA_OK) {
        return err;
    }
    BIO *pem = BIO_new_mem_buf(bytes->data + before, (int)(bytes->len - before));
    if (pem == NULL) {
        return dora_error_set(error, DORA_ENOMEM, "%s: out of memory", path);
    }
    ERR_clear_error();
    switch (which) {
    case CERT:
        err = take_cert(context, pem, path, error);
        break;
    case KEY:
        err = take_key(context, pem, path, settings->cert, error);
        break;
    case CA:
        err = take_ca(context, pem, path, error);
        break;
    case CRL:
        err = take_crl(context, pem, path, error);
        break;
    }
    BIO_free(pem);
    return err;
}

dora_err dr_tls_files_load(dr_tls_context *context, const dr_tls_settings *settings, dr_buf *trust,
                           dora_error *error)
{
    dr_buf own = {0};
    dora_err err = DORA_OK;
    if (settings->cert != NULL) {
        err = take(context, settings, CERT, &own, error);
    }
    if (err == DORA_OK && settings->key != NULL) {
        dr_buf key = {0};
        err = take(context, settings, KEY, &key, error);
        OPENSSL_cleanse(key.data, key.len);
        dr_buf_fini(&key);
    }
    if (err == DORA_OK && settings->ca != NULL) {
        err = take(context, settings, CA, trust, error);
    }
    if (err == DORA_OK && settings->crl != NULL) {
        err = take(context, settings, CRL, trust, error);
    }
    dr_buf_fini(&own);
    return err;
}
