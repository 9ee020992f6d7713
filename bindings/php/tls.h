/* tls.h: how clients speak TLS: the options and the settings of php.ini for it. */
#ifndef PHP_DORA_TLS_H
#define PHP_DORA_TLS_H

#include "php_dora.h"

#include <dora/client.h>

/* php_dora_tls is what a client's options say; the texts are borrowed, NULL: not given. */
typedef struct php_dora_tls {
    bool is_all; /* every host and port is spoken to over TLS */
    php_dora_tls_texts texts;
} php_dora_tls;

/* php_dora_tls_complete takes from php.ini what is not given, where a client of these nodes may
 * speak TLS. Errors: DORA_EINVAL for a file outside of open_basedir. */
dora_err php_dora_tls_complete(php_dora_tls *tls, const dora_client_options *nodes,
                               dora_error *error);

/* php_dora_tls_fill writes it into the core's options. php_dora_tls_append writes what tells two
 * clients apart: a file that was changed since is another one. */
void php_dora_tls_fill(const php_dora_tls *tls, dora_client_options *options);
void php_dora_tls_append(smart_str *key, const php_dora_tls *tls);

#endif
