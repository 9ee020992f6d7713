/* problem.h: why a TLS connection failed, in words for people. */
#ifndef DR_TLS_PROBLEM_H
#define DR_TLS_PROBLEM_H

#include "tls/filter_inside.h"

/* dr_tls_problem_first says whether the first bytes of a connection are none of TLS, and what they
 * are. dr_tls_problem_ssl says what OpenSSL has found, and leaves nothing in its queue. */
bool dr_tls_problem_first(dr_tls_filter *filter, dora_slice bytes);
void dr_tls_problem_ssl(dr_tls_filter *filter);

/* dr_tls_problem_on_verify is a client's verify callback: it notes whose certificate came where it
 * is another host's. */
int dr_tls_problem_on_verify(int is_good, X509_STORE_CTX *store);

#endif
