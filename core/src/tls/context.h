/* context.h: what TLS connections share: certificate, key, whom to trust. Read from files once; to
 * load them anew, make another. Connections keep the context that they began with. */
#ifndef DR_TLS_CONTEXT_H
#define DR_TLS_CONTEXT_H

#include <dora/error.h>

#define DR_TLS_ALPN "dora/1" /* the name of Dora's frames over TLS (RFC 7301) */

typedef struct dr_tls_context dr_tls_context;

typedef enum dr_tls_verify {
    DR_TLS_VERIFY_NONE = 0, /* a server that asks for no certificate */
    DR_TLS_VERIFY_OPTIONAL, /* asks; one that comes must be good */
    DR_TLS_VERIFY_REQUIRED
} dr_tls_verify;

/* dr_tls_settings: paths of PEM files, NULL where there is none. `ca`: whom to trust; a client
 * without it trusts whom the system trusts. `crl`: revoked certificates. `verify` is a server's; a
 * client always looks at the server's certificate, and at its name. */
typedef struct dr_tls_settings {
    const char *cert; /* with the chain behind it */
    const char *key;
    const char *ca;
    const char *crl;
    const char
        *alpn; /* a client's: what it asks for; a server's: what alone it takes. NULL: none */
    dr_tls_verify verify;
    bool is_1_3_only; /* else 1.2 will do */
} dr_tls_settings;

/* dr_tls_context_server and dr_tls_context_client read the files. Sessions of `before` (may be
 * NULL), whose place the new one takes, can be resumed with it, where both trust the same.
 * Errors: DORA_EINVAL names file and reason: not there, not to be read, not PEM, a key that is not
 * the certificate's, one that others may read; DORA_ENOMEM. Ownership: gives; settings are
 * borrowed. Thread: any number of connections of any threads use a context at a time. */
dora_err dr_tls_context_server(const dr_tls_settings *settings, const dr_tls_context *before,
                               dr_tls_context **context, dora_error *error);
dora_err dr_tls_context_client(const dr_tls_settings *settings, dr_tls_context **context,
                               dora_error *error);

/* dr_tls_context_hold counts one more owner; dr_tls_context_free one less (NULL is fine). */
dr_tls_context *dr_tls_context_hold(dr_tls_context *context);
void dr_tls_context_free(dr_tls_context *context);

/* dr_tls_context_remark is what people should know of the files although they were taken: a
 * certificate that has expired; "" for nothing. Borrowed. */
const char *dr_tls_context_remark(const dr_tls_context *context);

#endif
