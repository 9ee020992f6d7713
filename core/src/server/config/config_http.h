/* config_http.h: the names under which web pages may reach the server. */
#ifndef DR_SERVER_CONFIG_HTTP_H
#define DR_SERVER_CONFIG_HTTP_H

#include "server/config/config_take.h"

/* dr_http_add_host takes one name for http.hosts. Errors as above. */
dora_err dr_http_add_host(dr_config *config, const char *text, dora_error *error);

/* The dr_take_fn of names of hosts. */
dora_err dr_take_hosts(dr_reading *r, const dr_key *key, const json_t *json, void *object);

#endif
