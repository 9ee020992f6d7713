/* tls.c: which of a client's servers are spoken to over TLS, and how. */
#include "client/shared/tls.h"

#include <string.h>

#include "base/mem.h"

static dora_err no_memory(dora_error *error)
{
    return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
}

static bool has_text(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static const char *text_of(const char *text)
{
    return has_text(text) ? text : NULL;
}

static dr_tls_settings files_of(const dora_client_options *options)
{
    return (dr_tls_settings){.cert = text_of(options->tls_cert),
                             .key = text_of(options->tls_key),
                             .ca = text_of(options->tls_ca),
                             .crl = text_of(options->tls_crl),
                             .alpn = DR_TLS_ALPN};
}

static bool is_any_tls(const dr_nodes *nodes)
{
    for (size_t i = 0; i < nodes->count; i++) {
        if (nodes->items[i].address.is_tls) {
            return true;
        }
    }
    return false;
}

/* The option that only TLS has a use for; NULL: none is given. */
static const char *option_of(const dora_client_options *options)
{
    return has_text(options->tls_ca)     ? "tls_ca"
           : has_text(options->tls_cert) ? "tls_cert"
           : has_text(options->tls_key)  ? "tls_key"
           : has_text(options->tls_crl)  ? "tls_crl"
           : has_text(options->tls_name) ? "tls_name"
                                         : NULL;
}

static dora_err name_copy(dr_client_tls *tls, const char *name)
{
    if (!has_text(name)) {
        return DORA_OK;
    }
    tls->name = dr_text_copy(name);
    return tls->name != NULL ? DORA_OK : DORA_ENOMEM;
}

/* Which option names the file that an error begins with; NULL: none. */
static const char *option_with(const dr_tls_settings *files, const char *msg)
{
    const struct {
        const char *name;
        const char *path;
    } options[] = {{"tls_ca", files->ca},
                   {"tls_crl", files->crl},
                   {"tls_cert", files->cert},
                   {"tls_key", files->key}};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        const size_t len = options[i].path != NULL ? strlen(options[i].path) : 0;
        if (len > 0 && strncmp(msg, options[i].path, len) == 0 && msg[len] == ':') {
            return options[i].name;
        }
    }
    return NULL;
}

static dora_err context_make(dr_tls_context **context, const dr_tls_settings *files,
                             dora_error *error)
{
    dora_error inner;
    if ((files->cert == NULL) != (files->key == NULL)) {
        return dora_error_set(error, DORA_EINVAL, "tls_cert and tls_key go together: %s is missing",
                              files->cert == NULL ? "tls_cert" : "tls_key");
    }
    const dora_err err = dr_tls_context_client(files, context, &inner);
    const char *option = err == DORA_EINVAL ? option_with(files, inner.msg) : NULL;
    if (err != DORA_OK) {
        dora_error_set(error, err, "%s%s%s", option != NULL ? option : "",
                       option != NULL ? ": " : "", inner.msg);
    }
    return err;
}

dora_err dr_client_tls_init(dr_client_tls *tls, const dora_client_options *options,
                            const dr_nodes *nodes, dora_error *error)
{
    const dr_tls_settings files = files_of(options);
    const char *option = option_of(options);
    const bool is_any = options->tls || is_any_tls(nodes);
    *tls = (dr_client_tls){.is_all = options->tls};
    if (option != NULL && !is_any && !nodes->is_watched) {
        return dora_error_set(error, DORA_EINVAL,
                              "%s is given, but no node is spoken to over TLS: write "
                              "tls://host:port, or set tls",
                              option);
    }
    if (name_copy(tls, options->tls_name) != DORA_OK) {
        return no_memory(error);
    }
    return is_any || option != NULL ? context_make(&tls->context, &files, error) : DORA_OK;
}

void dr_client_tls_fini(dr_client_tls *tls)
{
    dr_tls_context_free(tls->context);
    dr_free(tls->name);
    *tls = (dr_client_tls){.context = NULL};
}

dora_err dr_client_tls_peer(dr_client_tls *tls, dr_address *address, dr_tls_peer *peer,
                            dora_error *error)
{
    const dr_tls_settings none = {.alpn = DR_TLS_ALPN};
    *peer = (dr_tls_peer){.context = NULL};
    address->is_tls = address->is_tls || (tls->is_all && !dr_address_is_unix(address));
    if (!address->is_tls) {
        return DORA_OK;
    }
    if (tls->context == NULL) {
        dora_err err = dr_tls_context_client(&none, &tls->context, error);
        if (err == DORA_EINVAL) {
            err = DORA_ECONNECT;
            if (error != NULL) {
                error->err = err;
                error->code = DORA_CODE_CONNECT;
            }
        }
        if (err != DORA_OK) {
            return err;
        }
    }
    *peer = (dr_tls_peer){tls->context, tls->name != NULL ? tls->name : address->host};
    return DORA_OK;
}
