/* fuzz_tls.c: the TLS filter with whatever a peer may send. The first byte says which side gets the
 * bytes and how they are cut; or two filters meet, and the bytes say what is changed on the way. It
 * gives no plain bytes before a handshake is done, and says why where it has failed. The corpus has
 * recorded handshakes, cut and whole. */
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tls/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PIECE_MAX 64u

static void check(bool is_right)
{
    if (!is_right) {
        abort();
    }
}

/* write_pair makes a certificate of its own and its key. */
static void write_pair(const char *cert_path, const char *key_path)
{
    X509 *cert = X509_new();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    check(cert != NULL && key != NULL);
    X509_set_version(cert, 2);
    X509_gmtime_adj(X509_getm_notBefore(cert), -1000);
    X509_gmtime_adj(X509_getm_notAfter(cert), 1000000);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    check(X509_sign(cert, key, EVP_sha256()) > 0);
    FILE *file = fopen(cert_path, "w");
    check(file != NULL && PEM_write_X509(file, cert) == 1 && fclose(file) == 0);
    file = fopen(key_path, "w");
    check(file != NULL && fchmod(fileno(file), 0600) == 0 &&
          PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1 && fclose(file) == 0);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static dr_tls_context *contexts[2]; /* a server's, a client's */

static void free_contexts(void)
{
    dr_tls_context_free(contexts[0]);
    dr_tls_context_free(contexts[1]);
}

static void make_contexts(void)
{
    char folder[] = "/tmp/dora-fuzz-XXXXXX";
    char cert[64];
    char key[64];
    check(mkdtemp(folder) != NULL);
    (void)snprintf(cert, sizeof(cert), "%s/cert", folder);
    (void)snprintf(key, sizeof(key), "%s/key", folder);
    write_pair(cert, key);
    const dr_tls_settings server = {.cert = cert,
                                    .key = key,
                                    .ca = cert,
                                    .alpn = DR_TLS_ALPN,
                                    .verify = DR_TLS_VERIFY_OPTIONAL};
    const dr_tls_settings client = {.ca = cert, .alpn = DR_TLS_ALPN};
    check(dr_tls_context_server(&server, NULL, &contexts[0], NULL) == DORA_OK);
    check(dr_tls_context_client(&client, &contexts[1], NULL) == DORA_OK);
    (void)unlink(cert);
    (void)unlink(key);
    (void)rmdir(folder);
    (void)atexit(free_contexts);
}

static void look(dr_tls_filter *filter)
{
    char room[256];
    size_t got = 0;
    const bool was_open = dr_tls_filter_is_open(filter);
    (void)dr_tls_filter_has_plain(filter);
    const dora_err err = dr_tls_filter_read(filter, room, sizeof(room), &got);
    check(was_open || got == 0);
    check((err == DORA_OK) == (got > 0) && got <= sizeof(room));
    check((err == DORA_EPROTO) == (dr_tls_filter_problem(filter)[0] != '\0'));
}

static dora_err feed(dr_tls_filter *filter, dora_slice bytes, size_t piece)
{
    dora_err err = DORA_OK;
    for (size_t at = 0; at < bytes.len && err == DORA_OK; at += piece) {
        const size_t left = bytes.len - at;
        err =
            dr_tls_filter_feed(filter, (dora_slice){bytes.data + at, left < piece ? left : piece});
        look(filter);
    }
    return err;
}

/* carry changes a byte of what one says, where the input says so: two of it are a place and what is
 * changed there. Returns: how much of the input was used. */
static size_t carry(dr_tls_filter *from, dr_tls_filter *to, dora_slice input, size_t piece)
{
    dr_buf said = {0};
    check(dr_tls_filter_take(from, &said) == DORA_OK);
    const size_t used = input.len < 2 || said.len == 0 ? 0 : 2;
    if (used > 0) {
        said.data[(unsigned char)input.data[0] % said.len] ^= input.data[1];
    }
    (void)feed(to, dr_buf_slice(&said), piece);
    dr_buf_fini(&said);
    return used;
}

static void meet(dora_slice input, size_t piece)
{
    dr_tls_filter *server = dr_tls_filter_server(contexts[0]);
    dr_tls_filter *client = dr_tls_filter_client(contexts[1], "localhost");
    check(server != NULL && client != NULL);
    for (int round = 0; round < 6; round++) {
        size_t used = carry(client, server, input, piece);
        input = (dora_slice){input.data + used, input.len - used};
        used = carry(server, client, input, piece);
        input = (dora_slice){input.data + used, input.len - used};
        (void)dr_tls_filter_write(round % 2 == 0 ? client : server, (dora_slice){"hello", 5});
    }
    dr_tls_filter_close(client);
    (void)carry(client, server, input, piece);
    dr_tls_filter_free(client);
    dr_tls_filter_free(server);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    if (contexts[0] == NULL) {
        make_contexts();
    }
    const dora_slice bytes = {(const char *)data + 1, size - 1};
    const size_t piece = data[0] / 3u % PIECE_MAX == 0 ? SIZE_MAX / 2 : data[0] / 3u % PIECE_MAX;
    if (data[0] % 3 == 2) {
        meet(bytes, piece);
        return 0;
    }
    dr_tls_filter *filter = data[0] % 3 == 0 ? dr_tls_filter_server(contexts[0])
                                             : dr_tls_filter_client(contexts[1], "localhost");
    check(filter != NULL);
    (void)feed(filter, bytes, piece);
    dr_tls_filter_close(filter);
    dr_tls_filter_free(filter);
    return 0;
}
