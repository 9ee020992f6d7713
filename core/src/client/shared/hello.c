/* hello.c: the first frame of a connection, which says who sends it by a token. */
#include "client/shared/hello.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/slice.h"

#define PARAM_BYTES_MAX (DR_TOKEN_BYTES_MAX + 64)

dora_err dr_hello_append(dr_link *link, const dr_settings *settings, const dr_address *address,
                         dora_error *error)
{
    char param[PARAM_BYTES_MAX];
    char guid[DR_GUID_LEN];
    dr_random random = {{0}};
    if (settings->token == NULL) {
        return DORA_OK;
    }
    const dora_err err = dr_settings_may_tell(settings, address, error);
    if (err != DORA_OK) {
        return err;
    }
    const int len = snprintf(param, sizeof(param), "a:1:{s:5:\"token\";s:%zu:\"%s\";}",
                             strlen(settings->token), settings->token);
    dr_guid_make(&random, guid);
    const dr_api command = {.key_raw = dr_slice("s:3:\"cmd\";"),
                            .name = dr_slice("hello"),
                            .param = {param, (size_t)len}};
    const dr_request request = {.guid = {guid, sizeof(guid)},
                                .type = DR_TYPE_SC,
                                .api_count = 1,
                                .timeout_ms = -1,
                                .attempt = -1};
    memcpy(link->hello, guid, sizeof(guid));
    link->has_hello = true;
    return dr_link_append(link, &request, &command, error);
}
