/* config_http.h: what stands below `http`. */
#ifndef DR_SERVER_CONFIG_HTTP_H
#define DR_SERVER_CONFIG_HTTP_H

#include "server/config/config_take.h"

/* dr_http_add_host takes one name for http.hosts. Errors as above. */
dora_err dr_http_add_host(dr_config *config, const char *text, dora_error *error);

/* dr_config_http_keys is what stands below `http`. */
extern const dr_key dr_config_http_keys[];

#endif
