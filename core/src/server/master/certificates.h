/* certificates.h: the server's certificates, from the start over reloads. Thread: the
 * supervisor's. */
#ifndef DR_SERVER_CERTIFICATES_H
#define DR_SERVER_CERTIFICATES_H

#include "tls/current.h"

struct dr_server;

typedef struct dr_certificates {
    dr_tls_current current; /* of connections to come */
    dr_tls_context *next;   /* of a reload that is under way; NULL: none */
} dr_certificates;

void dr_certificates_init(struct dr_server *server);
void dr_certificates_fini(struct dr_server *server);

/* dr_certificates_load reads the files for the start. Errors: as dr_config_tls_context. */
dora_err dr_certificates_load(struct dr_server *server, dora_error *error);

/* dr_certificates_renew reads them anew for a reload, by the configuration as it is now, and keeps
 * them until dr_certificates_take_over or _discard. Errors: as dr_certificates_load; what serves
 * stays. */
dora_err dr_certificates_renew(struct dr_server *server, dora_error *error);
void dr_certificates_take_over(struct dr_server *server);
void dr_certificates_discard(struct dr_server *server);

#endif
