/* mux_secure.c: the connections of a mux that are spoken to over TLS. Pure. */
#include "client/mux/mux_secure.h"

#include <errno.h>

#include "client/mux/mux_conn.h"
#include "client/mux/mux_registry.h"

dr_address dr_mux_address(const dora_mux *mux, const dr_mux_conn *conn)
{
    dr_address address = mux->nodes.items[conn->node].address;
    address.is_tls = conn->tls != NULL || address.is_tls;
    return address;
}

void dr_mux_secure_wish(dora_mux *mux, dr_mux_conn *conn)
{
    if (!conn->is_writing && dr_secure_has_output(conn->tls)) {
        conn->is_writing = true;
        conn->wants_write = true;
        dr_mux_ready(mux, conn);
    }
}

dora_err dr_mux_secure_begin(dora_mux *mux, dr_mux_conn *conn, dora_error *error)
{
    dr_tls_peer with = {.context = NULL};
    dr_address address;
    if (conn->session != NULL) {
        with = dr_mux_session_tls(conn->session);
    } else {
        address = mux->nodes.items[conn->node].address;
        const dora_err err = dr_client_tls_peer(&mux->tls, &address, &with, error);
        if (err != DORA_OK) {
            return err;
        }
    }
    if (with.context == NULL) {
        return DORA_OK;
    }
    conn->tls = dr_secure_new(&with);
    if (conn->tls == NULL) {
        return dora_error_set(error, DORA_ENOMEM, "%s", dora_err_text(DORA_ENOMEM));
    }
    conn->is_greeting = true;
    dr_mux_secure_wish(mux, conn);
    return DORA_EAGAIN;
}

void dr_mux_secure_feed(dora_mux *mux, dr_mux_conn *conn, size_t len)
{
    dr_loss loss; /* told again by dr_mux_secure_take */
    const dr_buf *in = &conn->link.in;
    (void)dr_secure_feed(conn->tls, (dora_slice){in->data + in->len, len}, &loss);
    conn->has_cipher = true;
    dr_mux_ready(mux, conn);
}

dora_err dr_mux_secure_take(dora_mux *mux, dr_mux_conn *conn, dr_loss *loss)
{
    char *room = NULL;
    size_t room_len = 0;
    size_t got = 0;
    conn->has_cipher = false;
    dora_err err = dr_link_room(&conn->link, &room, &room_len);
    if (err != DORA_OK) {
        *loss = dr_loss_new(err, ENOMEM);
        return err;
    }
    err = dr_secure_read(conn->tls, room, room_len, &got, loss);
    if (err != DORA_OK && err != DORA_EAGAIN) {
        return err;
    }
    dr_link_received(&conn->link, got);
    conn->has_input = conn->has_input || got > 0;
    conn->has_cipher = err == DORA_OK; /* there may be more, or the end */
    dr_mux_secure_wish(mux, conn);
    return DORA_OK;
}

dora_slice dr_mux_secure_output(dora_mux *mux, dr_mux_conn *conn, dora_slice plain)
{
    dr_loss loss;
    dora_slice output = {NULL, 0};
    if (dr_secure_output(conn->tls, plain, &output, &loss) != DORA_OK) {
        conn->has_cipher = true; /* dr_mux_secure_take tells of it */
        dr_mux_ready(mux, conn);
        return (dora_slice){NULL, 0};
    }
    return output;
}
