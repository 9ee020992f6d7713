/* config_tls.h: certificates, keys, and who has to show one. */
#ifndef DR_SERVER_CONFIG_TLS_H
#define DR_SERVER_CONFIG_TLS_H

#include "server/config/config.h"
#include "server/config/config_take.h"
#include "tls/context.h"

/* dr_config_tls_keys is what stands below `tls`. */
extern const dr_key dr_config_tls_keys[];

/* dr_config_tls_check looks at what must hold among the keys; problems begin with `prefix`. */
void dr_config_tls_check(const dr_config *config, const char *prefix, dora_error *problems);

/* dr_config_tls_context reads the files, for `before` as dr_tls_context_server has it.
 * Errors: as that, with the key before the file. Ownership: gives `*context`. */
dora_err dr_config_tls_context(const dr_config *config, const dr_tls_context *before,
                               dr_tls_context **context, dora_error *error);

#endif
