/* config_tls.c: certificates, keys, and who has to show one: checked, and taken. */
#include "server/config/config_tls.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "server/config/problem.h"

#define CONFIG(member) offsetof(dr_config, member)

static dora_err take_verify(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    static const char *const names[] = {"none", "optional", "required"};
    const char *text = json_is_string(json) ? json_string_value(json) : "";
    dr_config *config = object;
    (void)key;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) == 0) {
            config->tls.verify = (dr_tls_verify)i;
            return DORA_OK;
        }
    }
    dr_reading_problem(r, "must be \"none\", \"optional\" or \"required\"");
    return DORA_OK;
}

static dora_err take_version(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    const char *text = json_is_string(json) ? json_string_value(json) : "";
    dr_config *config = object;
    (void)key;
    config->tls.is_1_3_only = strcmp(text, "1.3") == 0;
    if (!config->tls.is_1_3_only && strcmp(text, "1.2") != 0) {
        dr_reading_problem(r, "must be \"1.2\" or \"1.3\": older versions are broken");
    }
    return DORA_OK;
}

const dr_key dr_config_tls_keys[] = {
    {.name = "cert", .take = dr_take_path, .at = CONFIG(tls.cert)},
    {.name = "key", .take = dr_take_path, .at = CONFIG(tls.key)},
    {.name = "ca", .take = dr_take_path, .at = CONFIG(tls.ca)},
    {.name = "crl", .take = dr_take_path, .at = CONFIG(tls.crl)},
    {.name = "verify_client", .take = take_verify},
    {.name = "min_version", .take = take_version},
    {.name = "handshake_ms",
     .take = dr_take_uint,
     .at = CONFIG(tls.handshake_ms),
     .min = 10,
     .max = 600000},
    {.name = NULL},
};

void dr_config_tls_check(const dr_config *config, const char *prefix, dora_error *problems)
{
    if (config->tls_host != NULL && (config->tls.cert == NULL || config->tls.key == NULL)) {
        dr_problem_add(problems, "%slisten.tls: needs \"tls.cert\" and \"tls.key\", PEM files",
                       prefix);
    }
    if (config->tls.verify != DR_TLS_VERIFY_NONE && config->tls.ca == NULL) {
        dr_problem_add(
            problems, "%stls.verify_client: needs \"tls.ca\": whose certificates are good", prefix);
    }
    if (config->tls.crl != NULL && config->tls.verify == DR_TLS_VERIFY_NONE) {
        dr_problem_add(problems,
                       "%stls.crl: has no effect while \"tls.verify_client\" is \"none\": no "
                       "client is asked for a certificate",
                       prefix);
    }
}

/* key_of finds the key whose file a message begins with. */
static const char *key_of(const dr_config *config, const char *msg)
{
    static const char *const names[] = {"tls.cert: ", "tls.key: ", "tls.ca: ", "tls.crl: "};
    const char *const paths[] = {config->tls.cert, config->tls.key, config->tls.ca,
                                 config->tls.crl};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        const size_t len = paths[i] != NULL ? strlen(paths[i]) : 0;
        if (len > 0 && strncmp(msg, paths[i], len) == 0 && msg[len] == ':') {
            return names[i];
        }
    }
    return "tls: ";
}

dora_err dr_config_tls_context(const dr_config *config, const dr_tls_context *before,
                               dr_tls_context **context, dora_error *error)
{
    dora_error inner = {0};
    const dr_tls_settings settings = {.cert = config->tls.cert,
                                      .key = config->tls.key,
                                      .ca = config->tls.ca,
                                      .crl = config->tls.crl,
                                      .alpn = DR_TLS_ALPN,
                                      .verify = config->tls.verify,
                                      .is_1_3_only = config->tls.is_1_3_only};
    const dora_err err = dr_tls_context_server(&settings, before, context, &inner);
    return err == DORA_OK
               ? DORA_OK
               : dora_error_set(error, err, "%s%.3900s", key_of(config, inner.msg), inner.msg);
}
