/* config_http.c: the names under which web pages may reach the server, and how often one address
 * may call. */
#include "server/config/config_http.h"

#include "server/config/config_take.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"

/* is_host looks at NAME or NAME:PORT, as a browser puts it into `Host`. */
static bool is_host(const char *text)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    const size_t name_len = strspn(text, letters);
    const char *port = text + name_len;
    if (name_len == 0 || name_len > DR_HOST_NAME_MAX) {
        return false;
    }
    const size_t digits = port[0] == ':' ? strspn(port + 1, "0123456789") : 0;
    return port[0] == '\0' || (digits > 0 && digits <= 5 && port[1 + digits] == '\0');
}

dora_err dr_http_add_host(dr_config *config, const char *text, dora_error *error)
{
    dr_texts *hosts = &config->http.hosts;
    if (!is_host(text)) {
        return dora_error_set(error, DORA_EINVAL,
                              "must be a name, such as \"dora.example\", or with a port "
                              "\"dora.example:8080\"");
    }
    for (size_t i = 0; i < hosts->count; i++) {
        if (strcasecmp(hosts->items[i], text) == 0) {
            return dora_error_set(error, DORA_EINVAL, "\"%s\" stands there twice", text);
        }
    }
    if (hosts->count >= DR_HTTP_HOSTS_MAX) {
        return dora_error_set(error, DORA_EINVAL, "more than %u hosts", DR_HTTP_HOSTS_MAX);
    }
    return dr_texts_add(hosts, text) == DORA_OK
               ? DORA_OK
               : dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
}

static dora_err take_hosts(dr_reading *r, const dr_key *key, const json_t *json, void *object)
{
    (void)key;
    dr_config *config = object;
    dr_texts_fini(&config->http.hosts);
    return dr_take_texts(r, json, config, dr_http_add_host);
}

const dr_key dr_config_http_keys[] = {
    {.name = "hosts", .take = take_hosts},
    {.name = "rate_per_address",
     .take = dr_take_uint,
     .at = offsetof(dr_config, http.rate_per_address),
     .max = DR_RATE_MAX},
    {.name = "burst_per_address",
     .take = dr_take_uint,
     .at = offsetof(dr_config, http.burst_per_address),
     .max = DR_RATE_MAX},
    {.name = NULL},
};
