/* current.h: the context that new connections get, while another may take its place. */
#ifndef DR_TLS_CURRENT_H
#define DR_TLS_CURRENT_H

#include <pthread.h>

#include "tls/context.h"

typedef struct dr_tls_current {
    pthread_mutex_t lock;
    dr_tls_context *context;
} dr_tls_current;

/* dr_tls_current_init begins without a context; dr_tls_current_fini lets go of the last.
 * dr_tls_current_put puts one there. Ownership: put takes. Thread: any, as of _get. */
void dr_tls_current_init(dr_tls_current *current);
void dr_tls_current_fini(dr_tls_current *current);
void dr_tls_current_put(dr_tls_current *current, dr_tls_context *context);

/* dr_tls_current_get gives it, NULL where there is none. Ownership: gives one more owner. */
dr_tls_context *dr_tls_current_get(dr_tls_current *current);

#endif
