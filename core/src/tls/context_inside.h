/* context_inside.h: what a filter sees of its context. */
#ifndef DR_TLS_CONTEXT_INSIDE_H
#define DR_TLS_CONTEXT_INSIDE_H

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/limits.h"
#include "tls/context.h"

/* dr_tls_kept is the session that a server gave a client last. */
typedef struct dr_tls_kept {
    char *name;
    SSL_SESSION *session;
} dr_tls_kept;

struct dr_tls_context {
    atomic_uint owners;
    SSL_CTX *ctx;
    BIO_METHOD *bytes; /* between OpenSSL and a filter's buffers */
    bool is_server;
    bool trusts_system; /* a client without a CA of its own */
    char alpn[32];      /* as in ClientHello: its length before it */
    char remark[512];
    pthread_mutex_t lock; /* over what follows */
    dr_tls_kept kept[DR_TLS_SESSIONS_MAX];
    size_t kept_next;
};

#endif
