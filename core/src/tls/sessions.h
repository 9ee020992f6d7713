/* sessions.h: what servers gave a client, so that its next connection begins where this one is. */
#ifndef DR_TLS_SESSIONS_H
#define DR_TLS_SESSIONS_H

#include "tls/context_inside.h"

/* dr_tls_sessions_on_new is OpenSSL's: keeps a session for the next connection to the filter's
 * server. dr_tls_sessions_find gives it, if the server's certificate has not expired meanwhile.
 * Ownership: gives a reference, or NULL. */
int dr_tls_sessions_on_new(SSL *ssl, SSL_SESSION *session);
SSL_SESSION *dr_tls_sessions_find(dr_tls_context *context, const char *name);

/* dr_tls_sessions_on_ticket is OpenSSL's, on the server's side: a ticket of a client whose
 * certificate has expired meanwhile is passed over, so that the client is looked at anew. */
SSL_TICKET_RETURN dr_tls_sessions_on_ticket(SSL *ssl, SSL_SESSION *session,
                                            const unsigned char *key_name, size_t key_name_len,
                                            SSL_TICKET_STATUS status, void *user);

/* dr_tls_sessions_free frees all. */
void dr_tls_sessions_free(dr_tls_context *context);

#endif
