/* secure.c: TLS on one outgoing connection: its filter, and what of its user's bytes was sent. */
#include "transport/secure.h"

#include <errno.h>

#include "base/limits.h"
#include "base/mem.h"

struct dr_secure {
    dr_tls_filter *filter;
    size_t held;  /* the user's bytes in the record that is being sent */
    size_t ahead; /* bytes of the output up to that record's end */
    bool was_open;
    bool has_heard; /* bytes of the peer came */
};

dr_secure *dr_secure_new(const dr_tls_peer *peer)
{
    dr_secure *made = dr_calloc(1, sizeof *made);
    if (made != NULL) {
        made->filter = dr_tls_filter_client(peer->context, peer->name);
    }
    if (made == NULL || made->filter == NULL) {
        dr_free(made);
        return NULL;
    }
    return made;
}

void dr_secure_free(dr_secure *secure)
{
    if (secure != NULL) {
        dr_tls_filter_free(secure->filter);
        dr_free(secure);
    }
}

/* ---- what went wrong ---- */

static dora_err failed(dr_secure *secure, dora_err err, dr_loss *loss)
{
    const bool is_refused = !secure->was_open || dr_tls_filter_is_refused(secure->filter);
    switch (err) {
    case DORA_ECLOSED:
        *loss = dr_loss_of(0);
        break;
    case DORA_EPROTO:
        *loss = (dr_loss){is_refused ? DORA_ECONNECT : DORA_EIO, 0,
                          dr_tls_filter_problem(secure->filter)};
        break;
    default:
        *loss = dr_loss_new(err, ENOMEM);
    }
    return loss->err;
}

dr_loss dr_secure_cut(const dr_secure *secure, int os_error)
{
    if (secure->was_open) {
        return os_error == ETIMEDOUT ? dr_loss_new(DORA_ETIMEDOUT, 0) : dr_loss_of(os_error);
    }
    const char *reason = "the server ended the connection amid the TLS handshake";
    if (os_error == ETIMEDOUT) {
        reason = "the server does not answer the TLS handshake in time";
    } else if (!secure->has_heard) {
        reason = "the server ended the connection at once: does it speak TLS?";
    }
    return (dr_loss){DORA_ECONNECT, os_error, reason};
}

/* ---- bytes ---- */

dora_err dr_secure_feed(dr_secure *secure, dora_slice bytes, dr_loss *loss)
{
    secure->has_heard = true;
    const dora_err err = dr_tls_filter_feed(secure->filter, bytes);
    secure->was_open = secure->was_open || dr_tls_filter_is_open(secure->filter);
    return err == DORA_OK ? DORA_OK : failed(secure, err, loss);
}

dora_err dr_secure_read(dr_secure *secure, char *room, size_t room_len, size_t *got, dr_loss *loss)
{
    const dora_err err = dr_tls_filter_read(secure->filter, room, room_len, got);
    return err == DORA_OK || err == DORA_EAGAIN ? err : failed(secure, err, loss);
}

dora_err dr_secure_output(dr_secure *secure, dora_slice plain, dora_slice *output, dr_loss *loss)
{
    *output = dr_tls_filter_output(secure->filter);
    /* Behind what the handshake has left to say: both go in one piece. */
    if (secure->held > 0 || plain.len == 0 || !dr_secure_is_open(secure)) {
        return DORA_OK;
    }
    if (plain.len > DR_TLS_RECORD_BYTES) {
        plain.len = DR_TLS_RECORD_BYTES;
    }
    const dora_err err = dr_tls_filter_write(secure->filter, plain);
    if (err != DORA_OK) {
        return failed(secure, err, loss);
    }
    *output = dr_tls_filter_output(secure->filter);
    secure->held = plain.len;
    secure->ahead = output->len;
    return DORA_OK;
}

size_t dr_secure_sent(dr_secure *secure, size_t len)
{
    size_t counted = 0;
    dr_tls_filter_sent(secure->filter, len);
    if (secure->held > 0 && len >= secure->ahead) {
        counted = secure->held;
        secure->held = 0;
    }
    secure->ahead -= len < secure->ahead ? len : secure->ahead;
    return counted;
}

bool dr_secure_has_output(const dr_secure *secure)
{
    return dr_tls_filter_output(secure->filter).len > 0;
}

bool dr_secure_is_amid(const dr_secure *secure)
{
    return secure->held > 0;
}

void dr_secure_end(dr_secure *secure)
{
    dr_tls_filter_close(secure->filter);
}

bool dr_secure_is_open(const dr_secure *secure)
{
    return dr_tls_filter_is_open(secure->filter);
}

bool dr_secure_has_news(dr_secure *secure)
{
    return dr_tls_filter_has_plain(secure->filter);
}
