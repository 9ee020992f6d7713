/* connection.h: what goes along with a connection's descriptor to the master that goes on with it,
 * as the body of a message. Pure. */
#ifndef DR_SERVER_CONNECTION_H
#define DR_SERVER_CONNECTION_H

#include "server/access/token.h"
#include "server/upgrade/link.h"

/* dr_moved_head is what a connection was. What its descriptor says is asked again: where it comes
 * from, and of which user. */
typedef struct dr_moved_head {
    bool is_tcp;    /* else it is a Unix socket */
    uint8_t client; /* dr_conn_client */
    bool has_claim; /* a request has come: no hello is taken any more */
    bool has_token; /* a hello has shown `token` */
    dr_token_digest token;
    uint64_t in_len; /* bytes of frames that nobody has taken; they follow */
} dr_moved_head;

/* dr_moved_head_put makes a message's body. dr_moved_head_get reads it. Errors: DORA_EPROTO says
 * what is wrong. */
void dr_moved_head_put(dr_link_writer *writer, const dr_moved_head *head);
dora_err dr_moved_head_get(dora_slice body, dr_moved_head *head, dora_error *error);

#endif
