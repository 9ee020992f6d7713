/* trust.h: whom a client trusts that names nobody: whom its system trusts. */
#ifndef DR_TLS_TRUST_H
#define DR_TLS_TRUST_H

#include <openssl/ssl.h>

#include <dora/error.h>

/* dr_tls_trust_system loads the system's authorities. Errors: DORA_ENOMEM. */
dora_err dr_tls_trust_system(SSL_CTX *ctx);

/* dr_tls_trust_other: NULL where one of `usual` is there, and where none of `others` is; else the
 * first of them that is. Both lists end with NULL. */
const char *dr_tls_trust_other(const char *const *usual, const char *const *others);

#endif
