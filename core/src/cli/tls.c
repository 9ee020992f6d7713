/* tls.c: how the commands that speak to servers speak TLS. */
#include "cli/tls.h"

#include <stdlib.h>
#include <string.h>

#include "cli/flags.h"

bool dr_cli_tls_take(const char *command, int *argc, char **argv)
{
    static const dr_cli_flag flags[] = {{.name = "--tls-ca", .variable = "DORA_TLS_CA"},
                                        {.name = "--tls-crl", .variable = "DORA_TLS_CRL"},
                                        {.name = "--tls-cert", .variable = "DORA_TLS_CERT"},
                                        {.name = "--tls-key", .variable = "DORA_TLS_KEY"},
                                        {.name = "--tls-name", .variable = "DORA_TLS_NAME"},
                                        {.name = NULL}};
    return dr_cli_flags_take(command, flags, argc, argv);
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
