/* registry_tls.c: with what a client speaks to the Redis of its registry, where that is TLS. */
#include "client/shared/registry_tls.h"

static const char *path_of(const char *text)
{
    return text != NULL && text[0] != '\0' ? text : NULL;
}

dora_err dr_registry_tls_open(dr_registry *registry, const dora_client_options *options,
                              dr_tls_context **tls, dora_error *error)
{
    const dr_tls_settings settings = {.cert = path_of(options->tls_cert),
                                      .key = path_of(options->tls_key),
                                      .ca = path_of(options->tls_ca),
                                      .crl = path_of(options->tls_crl)};
    *tls = NULL;
    if (!dr_registry_has_tls(registry)) {
        return DORA_OK;
    }
    const dora_err err = dr_tls_context_client(&settings, tls, error);
    if (err == DORA_OK) {
        dr_registry_use_tls(registry, *tls, NULL);
    }
    return err;
}
