/* filter_inside.h: what the files of the filter share. */
#ifndef DR_TLS_FILTER_INSIDE_H
#define DR_TLS_FILTER_INSIDE_H

#include "tls/context_inside.h"
#include "tls/filter.h"

struct dr_tls_filter {
    dr_tls_context *context;
    SSL *ssl;
    dr_buf in; /* fed, and used up to `in_at` */
    size_t in_at;
    dr_buf out; /* to be sent from `out_at` on */
    size_t out_at;
    char *name;      /* a client's: of its server */
    char *peer_name; /* NULL: none */
    dora_err failed; /* DORA_OK: not */
    bool is_begun;   /* something has come */
    bool is_handshaken;
    bool is_shut; /* by the peer; the next: by us */
    bool is_closed;
    bool is_starved; /* memory was short */
    bool is_refused; /* by the peer, for our certificate */
    char problem[256];
};

#endif
