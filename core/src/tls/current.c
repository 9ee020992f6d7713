/* current.c: the context that new connections get, while another may take its place. */
#include "tls/current.h"

void dr_tls_current_init(dr_tls_current *current)
{
    pthread_mutex_init(&current->lock, NULL);
    current->context = NULL;
}

void dr_tls_current_fini(dr_tls_current *current)
{
    dr_tls_current_put(current, NULL);
    pthread_mutex_destroy(&current->lock);
}

void dr_tls_current_put(dr_tls_current *current, dr_tls_context *context)
{
    pthread_mutex_lock(&current->lock);
    dr_tls_context *before = current->context;
    current->context = context;
    pthread_mutex_unlock(&current->lock);
    dr_tls_context_free(before);
}

dr_tls_context *dr_tls_current_get(dr_tls_current *current)
{
    pthread_mutex_lock(&current->lock);
    dr_tls_context *context =
        current->context != NULL ? dr_tls_context_hold(current->context) : NULL;
    pthread_mutex_unlock(&current->lock);
    return context;
}
