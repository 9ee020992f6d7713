/* sessions.c: what servers gave a client, so that its next connection begins where this one is. */
#include "tls/sessions.h"

#include <string.h>

#include "base/mem.h"
#include "tls/filter_inside.h"

static dr_tls_kept *find(dr_tls_context *context, const char *name)
{
    for (size_t i = 0; i < DR_TLS_SESSIONS_MAX; i++) {
        if (context->kept[i].name != NULL && strcmp(context->kept[i].name, name) == 0) {
            return &context->kept[i];
        }
    }
    return NULL;
}

/* lock says whether the sessions are ours for now. A child of a fork may find them locked for ever,
 * by a thread of its parent: it begins anew then, and so does who would have to wait. */
static bool lock(dr_tls_context *context)
{
    return pthread_mutex_trylock(&context->lock) == 0;
}

static void keep(dr_tls_context *context, const char *name, SSL_SESSION *session)
{
    if (!lock(context)) {
        return;
    }
    dr_tls_kept *kept = find(context, name);
    if (kept == NULL) {
        char *copy = dr_text_copy(name);
        if (copy != NULL) {
            kept = &context->kept[context->kept_next];
            context->kept_next = (context->kept_next + 1) % DR_TLS_SESSIONS_MAX;
            dr_free(kept->name);
            kept->name = copy;
        }
    }
    if (kept != NULL && SSL_SESSION_up_ref(session) == 1) {
        SSL_SESSION_free(kept->session);
        kept->session = session;
    }
    pthread_mutex_unlock(&context->lock);
}

int dr_tls_sessions_on_new(SSL *ssl, SSL_SESSION *session)
{
    const dr_tls_filter *filter = SSL_get_app_data(ssl);
    if (filter->name != NULL && SSL_SESSION_is_resumable(session)) {
        keep(filter->context, filter->name, session);
    }
    return 0; /* what was kept has a reference of its own */
}

/* has_expired: who resumes a session is not looked at again. With each new ticket it would last
 * beyond the certificate that it was begun with. */
static bool has_expired(SSL_SESSION *session)
{
    const X509 *cert = SSL_SESSION_get0_peer(session);
    return cert != NULL && X509_cmp_current_time(X509_get0_notAfter(cert)) < 0;
}

SSL_TICKET_RETURN dr_tls_sessions_on_ticket(SSL *ssl, SSL_SESSION *session,
                                            const unsigned char *key_name, size_t key_name_len,
                                            SSL_TICKET_STATUS status, void *user)
{
    (void)ssl;
    (void)key_name;
    (void)key_name_len;
    (void)user;
    switch (status) {
    case SSL_TICKET_EMPTY:
    case SSL_TICKET_NO_DECRYPT:
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    case SSL_TICKET_SUCCESS:
    case SSL_TICKET_SUCCESS_RENEW:
        if (has_expired(session)) {
            return SSL_TICKET_RETURN_IGNORE_RENEW;
        }
        return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
    default:
        return SSL_TICKET_RETURN_ABORT;
    }
}

SSL_SESSION *dr_tls_sessions_find(dr_tls_context *context, const char *name)
{
    if (!lock(context)) {
        return NULL;
    }
    const dr_tls_kept *kept = find(context, name);
    SSL_SESSION *session = kept != NULL ? kept->session : NULL;
    if (session != NULL && (has_expired(session) || SSL_SESSION_up_ref(session) != 1)) {
        session = NULL;
    }
    pthread_mutex_unlock(&context->lock);
    return session;
}

void dr_tls_sessions_free(dr_tls_context *context)
{
    for (size_t i = 0; i < DR_TLS_SESSIONS_MAX; i++) {
        dr_free(context->kept[i].name);
        SSL_SESSION_free(context->kept[i].session);
    }
}
