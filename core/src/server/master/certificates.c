/* certificates.c: the server's certificates, from the start over reloads. */
#include "server/master/certificates.h"

#include "server/config/config_tls.h"
#include "server/master/master.h"

void dr_certificates_init(dr_server *server)
{
    dr_tls_current_init(&server->certificates.current);
}

void dr_certificates_fini(dr_server *server)
{
    dr_certificates_discard(server);
    dr_tls_current_fini(&server->certificates.current);
}

static dora_err load(dr_server *server, const dr_config *config, const dr_tls_context *before,
                     dr_tls_context **context, dora_error *error)
{
    const dora_err err = dr_config_tls_context(config, before, context, error);
    if (err == DORA_OK && dr_tls_context_remark(*context)[0] != '\0') {
        dr_log_write(server->backend.log, DR_LOG_NOTICE, "master", "tls: %s",
                     dr_tls_context_remark(*context));
    }
    return err;
}

dora_err dr_certificates_load(dr_server *server, dora_error *error)
{
    dr_tls_context *context = NULL;
    const dora_err err = load(server, server->backend.config, NULL, &context, error);
    if (err == DORA_OK) {
        dr_tls_current_put(&server->certificates.current, context);
    }
    return err;
}

dora_err dr_certificates_renew(dr_server *server, dora_error *error)
{
    dr_config now = {0};
    dora_error ignored;
    const dr_config *config = server->backend.config;
    dr_tls_context *before = dr_tls_current_get(&server->certificates.current);
    dr_certificates_discard(server);
    if (before == NULL) {
        return DORA_OK; /* it listens without TLS */
    }
    /* A configuration that is wrong by now is told when the reload ends: its settings stay. */
    if (server->source != NULL &&
        server->source->read(&now, server->source->user, &ignored) == DORA_OK &&
        now.tls_host != NULL) {
        config = &now;
    }
    const dora_err err = load(server, config, before, &server->certificates.next, error);
    dr_tls_context_free(before);
    dr_config_fini(&now);
    return err;
}

void dr_certificates_take_over(dr_server *server)
{
    if (server->certificates.next != NULL) {
        dr_tls_current_put(&server->certificates.current, server->certificates.next);
        server->certificates.next = NULL;
    }
}

void dr_certificates_discard(dr_server *server)
{
    dr_tls_context_free(server->certificates.next);
    server->certificates.next = NULL;
}
