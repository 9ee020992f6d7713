/* files.h: certificates, keys and lists of revoked ones, out of PEM files into a context. */
#ifndef DR_TLS_FILES_H
#define DR_TLS_FILES_H

#include "base/buf.h"
#include "tls/context_inside.h"

/* dr_tls_files_load reads all files of the settings. `trust` gets the bytes of those that say whom
 * to trust. Errors: as dr_tls_context_server. */
dora_err dr_tls_files_load(dr_tls_context *context, const dr_tls_settings *settings, dr_buf *trust,
                           dora_error *error);

#endif
