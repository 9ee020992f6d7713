/* peer_name.h: the name in a certificate, by which others know who showed it. */
#ifndef DR_TLS_PEER_NAME_H
#define DR_TLS_PEER_NAME_H

#include <openssl/x509.h>

/* dr_tls_peer_name gives the first DNS name, else the common name. Ownership: gives, dr_free frees;
 * NULL where there is none, or what no name can be, or memory is short. */
char *dr_tls_peer_name(const X509 *cert);

#endif
