/* tls.h: how the commands that speak to servers speak TLS. */
#ifndef DR_CLI_TLS_H
#define DR_CLI_TLS_H

#include <dora/client.h>

/* Part of their help. */
#define DR_ABOUT_TLS                                                                               \
    "\n"                                                                                           \
    "With a server over TLS (or in the environment: DORA_TLS_CA, DORA_TLS_NAME ...):\n"            \
    "  --tls-ca FILE    whom to trust (whom the system trusts)\n"                                  \
    "  --tls-crl FILE   certificates that are revoked\n"                                           \
    "  --tls-cert FILE  a certificate to show, with\n"                                             \
    "  --tls-key FILE   its key\n"                                                                 \
    "  --tls-name NAME  whose certificate the server has (the host of the address)\n"

/* dr_cli_tls_take takes these flags out of the arguments of `command`, and puts them into the
 * environment of this run. Returns: false after a message. */
bool dr_cli_tls_take(const char *command, int *argc, char **argv);

/* dr_cli_tls_fill sets what the environment says, where one of the nodes is spoken to over TLS. */
void dr_cli_tls_fill(dora_client_options *options);

#endif
