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

SSL_SESSION *dr_tls_sessions_find(dr_tls_context *context, const char *name)
{
    if (!lock(context)) {
        return NULL;
    }
    const dr_tls_kept *kept = find(context, name);
    SSL_SESSION *session = kept != NULL ? kept->session : NULL;
    if (session != NULL && SSL_SESSION_up_ref(session) != 1) {
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
