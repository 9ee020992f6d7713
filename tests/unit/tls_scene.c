/* tls_scene.c: certificates of a test's own, and two filters that talk to each other. */
#include "tls_scene.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

static void extend(X509 *cert, int kind, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    assert_non_null(extension);
    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
}

static void save(tls_scene *self, const char *name, X509 *cert, EVP_PKEY *key)
{
    char file[64];
    (void)snprintf(file, sizeof(file), "%s.pem", name);
    FILE *out = fopen(unit_folder_path(&self->folder, file), "w");
    assert_non_null(out);
    PEM_write_X509(out, cert);
    assert_int_equal(fclose(out), 0);
    (void)snprintf(file, sizeof(file), "%s.key", name);
    out = fopen(unit_folder_path(&self->folder, file), "w");
    assert_non_null(out);
    PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(chmod(unit_folder_path(&self->folder, file), 0600), 0);
}

typedef struct issuer {
    X509 *cert;
    EVP_PKEY *key;
} issuer;

/* issue makes a certificate; by NULL: a CA's own. */
static issuer issue(tls_scene *self, const issuer *by, const char *name, const char *hosts,
                    long until_s)
{
    issuer made = {X509_new(), EVP_EC_gen("P-256")};
    assert_non_null(made.key);
    X509_set_version(made.cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.cert), 1 + (long)(uintptr_t)made.cert % 100000);
    X509_gmtime_adj(X509_getm_notBefore(made.cert), -1000000);
    X509_gmtime_adj(X509_getm_notAfter(made.cert), until_s);
    X509_set_pubkey(made.cert, made.key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made.cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(made.cert, X509_get_subject_name(by != NULL ? by->cert : made.cert));
    extend(made.cert, by != NULL ? NID_subject_alt_name : NID_basic_constraints,
           by != NULL ? hosts : "critical,CA:TRUE");
    assert_true(X509_sign(made.cert, by != NULL ? by->key : made.key, EVP_sha256()) > 0);
    save(self, name, made.cert, made.key);
    return made;
}

static void release(issuer *made)
{
    X509_free(made->cert);
    EVP_PKEY_free(made->key);
}

void tls_scene_begin(tls_scene *self)
{
    static const char here[] = "DNS:localhost,DNS:second.example,IP:127.0.0.1";
    unit_folder_make(&self->folder);
    issuer ca = issue(self, NULL, "ca", NULL, 100000);
    issuer other = issue(self, NULL, "other_ca", NULL, 100000);
    const struct {
        const char *name;
        const issuer *by;
        const char *hosts;
        long until_s;
    } leaves[] = {{"server", &ca, here, 100000},
                  {"client", &ca, "DNS:client.example", 100000},
                  {"expired", &ca, here, -1000},
                  {"brief", &ca, here, TLS_SCENE_BRIEF_S},
                  {"other_host", &ca, "DNS:elsewhere.example", 100000},
                  {"unknown", &other, here, 100000}};
    for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++) {
        issuer made = issue(self, leaves[i].by, leaves[i].name, leaves[i].hosts, leaves[i].until_s);
        release(&made);
    }
    release(&ca);
    release(&other);
}

void tls_scene_close(tls_scene *self)
{
    dr_tls_filter_free(self->server);
    dr_tls_filter_free(self->client);
    dr_tls_context_free(self->server_context);
    dr_tls_context_free(self->client_context);
    unit_folder_remove(&self->folder);
}

dr_tls_settings tls_scene_settings(tls_scene *self, const char *name)
{
    char file[64];
    dr_tls_settings settings = {.alpn = DR_TLS_ALPN,
                                .ca = unit_folder_path(&self->folder, "ca.pem")};
    if (name != NULL) {
        (void)snprintf(file, sizeof(file), "%s.pem", name);
        settings.cert = unit_folder_path(&self->folder, file);
        (void)snprintf(file, sizeof(file), "%s.key", name);
        settings.key = unit_folder_path(&self->folder, file);
    }
    return settings;
}

void tls_scene_meet(tls_scene *self, const dr_tls_settings *server, const dr_tls_settings *client)
{
    dora_error error = {0};
    if (self->server_context == NULL &&
        dr_tls_context_server(server, NULL, &self->server_context, &error) != DORA_OK) {
        fail_msg("%s", error.msg);
    }
    if (self->client_context == NULL &&
        dr_tls_context_client(client, &self->client_context, &error) != DORA_OK) {
        fail_msg("%s", error.msg);
    }
    dr_tls_filter_free(self->server);
    dr_tls_filter_free(self->client);
    self->server = dr_tls_filter_server(self->server_context);
    self->client = dr_tls_filter_client(self->client_context, "localhost");
    assert_non_null(self->server);
    assert_non_null(self->client);
}

/* carry gives what one has to send to the other. */
static dora_err carry(dr_tls_filter *from, dr_tls_filter *to, size_t piece, bool *has_moved)
{
    dora_err err = DORA_OK;
    for (;;) {
        dora_slice bytes = dr_tls_filter_output(from);
        if (bytes.len == 0) {
            return err;
        }
        bytes.len = bytes.len < piece ? bytes.len : piece;
        const dora_err fed = dr_tls_filter_feed(to, bytes);
        err = err == DORA_OK ? fed : err;
        dr_tls_filter_sent(from, bytes.len);
        *has_moved = true;
    }
}

dora_err tls_scene_pump(tls_scene *self, size_t piece)
{
    dora_err err = DORA_OK;
    bool has_moved = true;
    while (has_moved) {
        has_moved = false;
        const dora_err there = carry(self->client, self->server, piece, &has_moved);
        const dora_err back = carry(self->server, self->client, piece, &has_moved);
        err = err == DORA_OK ? there : err;
        err = err == DORA_OK ? back : err;
    }
    return err;
}
