/* settings.c: what a client's options say, read once. Pure. */
#include "client/balance/settings.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/priority.h"
#include "base/token_text.h"
#include "client/balance/node_parse.h"
#include "client/balance/node_sync.h"
#include "discovery/registry.h"

static dora_err salt_copy(dr_settings *settings, const char *salt)
{
    size_t len = strlen(salt);
    settings->salt = dr_alloc(len + 1);
    if (settings->salt == NULL) {
        return DORA_ENOMEM;
    }
    memcpy(settings->salt, salt, len + 1);
    settings->frame.salt = (dora_slice){settings->salt, len};
    return DORA_OK;
}

/* token_copy takes the token, and looks at the servers that are known already. */
static dora_err token_copy(dr_settings *settings, const dr_nodes *nodes, const char *token,
                           dora_error *error)
{
    const size_t len = strlen(token);
    if (!dr_token_is_sound((dora_slice){token, len})) {
        return dora_error_set(error, DORA_EINVAL,
                              "token must be 1 to %u visible ASCII characters, without spaces",
                              DR_TOKEN_BYTES_MAX);
    }
    settings->token = dr_alloc(len + 1);
    if (settings->token == NULL) {
        return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
    }
    memcpy(settings->token, token, len + 1);
    dora_err err = DORA_OK;
    for (size_t i = 0; i < nodes->count && err == DORA_OK; i++) {
        err = dr_settings_may_tell(settings, &nodes->items[i].address, error);
    }
    return err;
}

dora_err dr_settings_may_tell(const dr_settings *settings, const dr_address *address,
                              dora_error *error)
{
    char text[DR_ADDRESS_TEXT_MAX];
    if (settings->token == NULL || settings->is_tls || address->is_tls ||
        dr_address_is_unix(address) || dr_address_is_loopback(address->host)) {
        return DORA_OK;
    }
    dora_error_set(error, DORA_EINVAL,
                   "the token is not sent to %s: over plain TCP to another machine others could "
                   "read it; use tls://, the Unix socket or loopback",
                   dr_address_text(address, text));
    if (error != NULL) {
        error->code = DORA_CODE_NOT_PERMITTED;
    }
    return DORA_EINVAL;
}

static dora_err no_memory(dora_error *error)
{
    return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
}

static dora_err nodes_read(dr_nodes *nodes, const dora_client_options *options, dora_error *error)
{
    bool is_registry = options->nodes != NULL && dr_registry_is_meant(options->nodes);
    if (is_registry && options->group_count == 0) {
        return dr_nodes_expect(nodes, options->group) == DORA_OK ? DORA_OK : no_memory(error);
    }
    dora_err err =
        dr_nodes_read(nodes, options->nodes, options->groups, options->group_count, error);
    if (err == DORA_OK && options->group != NULL) {
        err = dr_nodes_group(nodes, options->group, &nodes->default_group, error);
    }
    return err;
}

dora_err dr_settings_read(dr_settings *settings, dr_nodes *nodes,
                          const dora_client_options *options, dora_error *error)
{
    *settings = (dr_settings){
        .timeout_ms = options->timeout_ms != 0 ? options->timeout_ms : DR_TIMEOUT_MS_DEFAULT,
        .retry = options->retry,
        .wait_ms = options->wait_ms,
        .priority = options->priority,
        .is_tls = options->tls,
        .frame = {.sign = options->sign,
                  .gzip = options->gzip,
                  .bytes_max = options->frame_bytes_max},
    };
    if (options->frame_bytes_max > DR_FRAME_BYTES_MAX_MAX) {
        return dora_error_set(error, DORA_EINVAL, "frame_bytes_max must be at most %u, not %zu",
                              DR_FRAME_BYTES_MAX_MAX, options->frame_bytes_max);
    }
    dora_err err = dr_priority_check(options->priority, error);
    err = err == DORA_OK ? nodes_read(nodes, options, error) : err;
    if (err == DORA_OK && options->salt != NULL && salt_copy(settings, options->salt) != DORA_OK) {
        err = no_memory(error);
    }
    return err == DORA_OK && options->token != NULL
               ? token_copy(settings, nodes, options->token, error)
               : err;
}

void dr_settings_fini(dr_settings *settings)
{
    dr_free(settings->salt);
    dr_free(settings->token);
    *settings = (dr_settings){.salt = NULL};
}
