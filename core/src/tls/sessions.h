/* sessions.h: what servers gave a client, so that its next connection begins where this one is. */
#ifndef DR_TLS_SESSIONS_H
#define DR_TLS_SESSIONS_H

#include "tls/context_inside.h"

/* dr_tls_sessions_on_new is OpenSSL's: keeps a session for the next connection to the filter's
 * server. dr_tls_sessions_find gives it. Ownership: gives a reference, or NULL. */
int dr_tls_sessions_on_new(SSL *ssl, SSL_SESSION *session);
SSL_SESSION *dr_tls_sessions_find(dr_tls_context *context, const char *name);

/* dr_tls_sessions_free frees all. */
void dr_tls_sessions_free(dr_tls_context *context);

#endif
