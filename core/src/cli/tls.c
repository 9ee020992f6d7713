/* tls.c: how the commands that speak to servers speak TLS. */
#include "cli/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/help.h"

typedef struct tls_flag {
    const char *name;
    const char *variable;
} tls_flag;

static const tls_flag flags[] = {
    {"--tls-ca", "DORA_TLS_CA"},   {"--tls-crl", "DORA_TLS_CRL"},   {"--tls-cert", "DORA_TLS_CERT"},
    {"--tls-key", "DORA_TLS_KEY"}, {"--tls-name", "DORA_TLS_NAME"}, {NULL, NULL},
};

/* flag_of gives the flag at the beginning of `arg`; `*value` is what stands behind its "=". */
static const tls_flag *flag_of(const char *arg, const char **value)
{
    for (const tls_flag *flag = flags; flag->name != NULL; flag++) {
        const size_t len = strlen(flag->name);
        if (strncmp(arg, flag->name, len) == 0 && (arg[len] == '\0' || arg[len] == '=')) {
            *value = arg[len] == '=' ? arg + len + 1 : NULL;
            return flag;
        }
    }
    return NULL;
}

bool dr_cli_tls_take(const char *command, int *argc, char **argv)
{
    int kept = 0;
    for (int i = 0; i < *argc; i++) {
        const char *value = NULL;
        const tls_flag *flag = flag_of(argv[i], &value);
        if (flag == NULL) {
            argv[kept++] = argv[i];
            continue;
        }
        if (value == NULL && i + 1 < *argc) {
            value = argv[++i];
        }
        if (value == NULL || value[0] == '\0' || setenv(flag->variable, value, 1) != 0) {
            char message[64];
            (void)snprintf(message, sizeof message, "%s needs a value", flag->name);
            (void)dr_cli_usage(command, message);
            return false;
        }
    }
    *argc = kept;
    return true;
}

void dr_cli_tls_fill(dora_client_options *options)
{
    if (strstr(options->nodes, "tls://") == NULL) {
        return;
    }
    options->tls_ca = getenv("DORA_TLS_CA");
    options->tls_crl = getenv("DORA_TLS_CRL");
    options->tls_cert = getenv("DORA_TLS_CERT");
    options->tls_key = getenv("DORA_TLS_KEY");
    options->tls_name = getenv("DORA_TLS_NAME");
}
