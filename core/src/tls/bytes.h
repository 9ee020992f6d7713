/* bytes.h: OpenSSL's way to a filter's buffers, which unlike its own are given back when empty. */
#ifndef DR_TLS_BYTES_H
#define DR_TLS_BYTES_H

#include "tls/filter_inside.h"

/* dr_tls_bytes_method is what all of a context share. Returns: NULL when out of memory.
 * Ownership: gives; BIO_meth_free frees. dr_tls_bytes_new is one filter's, which SSL_free frees. */
BIO_METHOD *dr_tls_bytes_method(void);
BIO *dr_tls_bytes_new(dr_tls_filter *filter);

#endif
