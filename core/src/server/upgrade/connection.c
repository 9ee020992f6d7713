/* connection.c: what goes along with a connection's descriptor. */
#include "server/upgrade/connection.h"

#include <inttypes.h>
#include <string.h>

#include "base/limits.h"
#include "net/conn.h"

#define IS_TCP 1u
#define HAS_CLAIM 2u
#define HAS_TOKEN 4u

/* A frame that has not come whole, and what one read brings behind frames that were not taken. */
#define IN_MAX ((uint64_t)DR_FRAME_BYTES_MAX_MAX + 2u * DR_READ_BYTES)

void dr_moved_head_put(dr_link_writer *writer, const dr_moved_head *head)
{
    dr_link_begin(writer);
    dr_link_put_number(writer, (head->is_tcp ? IS_TCP : 0) | (head->has_claim ? HAS_CLAIM : 0) |
                                   (head->has_token ? HAS_TOKEN : 0));
    dr_link_put_number(writer, head->client);
    dr_link_put_number(writer, head->in_len);
    dr_link_put_bytes(writer, (dora_slice){(const char *)&head->token,
                                           head->has_token ? sizeof(head->token) : 0});
}

dora_err dr_moved_head_get(dora_slice body, dr_moved_head *head, dora_error *error)
{
    uint64_t flags;
    uint64_t client;
    uint64_t in_len;
    dora_slice token;
    if (!dr_link_take_number(&body, &flags) || !dr_link_take_number(&body, &client) ||
        !dr_link_take_number(&body, &in_len) || !dr_link_take_bytes(&body, &token)) {
        return dora_error_set(error, DORA_EPROTO, "what comes with a connection is cut short");
    }
    const bool has_token = (flags & HAS_TOKEN) != 0;
    if (client > DR_CONN_CLIENT_DORA || token.len != (has_token ? sizeof(head->token) : 0)) {
        return dora_error_set(error, DORA_EPROTO,
                              "a connection comes with client %" PRIu64 " and a token of %zu bytes",
                              client, token.len);
    }
    if (in_len > IN_MAX) {
        return dora_error_set(error, DORA_EPROTO, "a connection comes with %" PRIu64 " bytes",
                              in_len);
    }
    *head = (dr_moved_head){.is_tcp = (flags & IS_TCP) != 0,
                            .client = (uint8_t)client,
                            .has_claim = (flags & HAS_CLAIM) != 0,
                            .has_token = has_token,
                            .in_len = in_len};
    if (has_token) {
        memcpy(&head->token, token.data, token.len);
    }
    return DORA_OK;
}
