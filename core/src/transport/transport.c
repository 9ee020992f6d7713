/* transport.c: one outgoing connection, from opening to its loss, whatever drives it. */
#include "transport/transport.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "base/limits.h"

static bool is_open(const dr_transport *transport)
{
    return transport->state == DR_TRANSPORT_OPEN;
}

void dr_transport_init(dr_transport *transport, const dr_transport_driver *driver,
                       const dr_transport_user *uses, void *user)
{
    *transport = (dr_transport){.driver = driver, .uses = uses, .user = user};
    transport->dial.fd = -1;
    transport->stream.fd = -1;
}

dr_transport_wish dr_transport_wishes(const dr_transport *transport)
{
    const dr_dial *dial = &transport->dial;
    bool is_blocked = transport->is_blocked && !transport->has_peer_closed;
    switch (transport->state) {
    case DR_TRANSPORT_DIALLING:
        return (dr_transport_wish){dial->is_full ? -1 : dial->fd, POLLOUT, dial->wake_ns};
    case DR_TRANSPORT_GREETING:
        return (dr_transport_wish){transport->stream.fd, dr_stream_events(&transport->stream), 0};
    case DR_TRANSPORT_OPEN:
        return (dr_transport_wish){transport->stream.fd,
                                   (short)(POLLIN | (is_blocked ? POLLOUT : 0)), 0};
    default:
        return (dr_transport_wish){-1, 0, 0};
    }
}

void dr_transport_close(dr_transport *transport)
{
    if (transport->state == DR_TRANSPORT_CLOSED) {
        return;
    }
    transport->driver->unwatch(transport);
    transport->state = DR_TRANSPORT_CLOSED;
    transport->is_blocked = false;
    transport->has_peer_closed = false;
    dr_dial_end(&transport->dial);
    dr_stream_close(&transport->stream);
}

void dr_transport_fail(dr_transport *transport, const dr_loss *loss)
{
    dr_loss told = *loss; /* it may be the dial's */
    char reason[DR_LOSS_TEXT_MAX];
    if (transport->stream.tls != NULL) { /* it may be the stream's */
        snprintf(reason, sizeof reason, "%s", told.reason);
        told.reason = reason;
    }
    told.err = is_open(transport) ? told.err : DORA_ECONNECT;
    dr_transport_close(transport);
    transport->uses->lost(transport->user, &told);
}

/* ---- opening ---- */

/* The connection is there: TLS, where it is to be spoken, then its user. */
static void greet(dr_transport *transport)
{
    dr_loss loss;
    const dora_err err = dr_stream_greet(&transport->stream, &transport->peer, &loss);
    if (err != DORA_OK && err != DORA_EAGAIN) {
        dr_transport_fail(transport, &loss);
        return;
    }
    if (err == DORA_OK) {
        transport->state = DR_TRANSPORT_OPEN;
        transport->uses->connected(transport->user);
        dr_transport_write(transport); /* what TLS has left to say, if nobody else */
        if (is_open(transport) && dr_stream_has_more(&transport->stream)) {
            dr_transport_ready(transport, POLLIN); /* no event tells of it */
            return;
        }
        if (!is_open(transport)) {
            return;
        }
    }
    transport->driver->watch(transport);
}

static void advance(dr_transport *transport, dora_err err)
{
    if (err == DORA_ECONNECT) {
        dr_transport_fail(transport, &transport->dial.loss);
    } else if (err == DORA_OK) {
        transport->stream = (dr_stream){.fd = dr_dial_take(&transport->dial)};
        transport->state = DR_TRANSPORT_GREETING;
        greet(transport);
    } else {
        transport->driver->watch(transport);
    }
}

void dr_transport_looked_up(dr_transport *transport)
{
    transport->state = DR_TRANSPORT_DIALLING;
    advance(transport, dr_dial_next(&transport->dial));
}

void dr_transport_open(dr_transport *transport, const dr_address *address, const dr_tls_peer *peer)
{
    dr_transport_close(transport);
    transport->peer = peer != NULL ? *peer : (dr_tls_peer){.context = NULL};
    if (dr_dial_begin(&transport->dial, address)) {
        transport->state = DR_TRANSPORT_LOOKING;
        transport->driver->look_up(transport);
    } else {
        dr_transport_looked_up(transport);
    }
}

static void check(dr_transport *transport, bool is_ready)
{
    dora_err err = dr_dial_check(&transport->dial, is_ready);
    if (err == DORA_ECONNECT) {
        transport->driver->unwatch(transport);
        err = dr_dial_next(&transport->dial);
    }
    advance(transport, err);
}

/* ---- bytes ---- */

/* Returns: what ended it, or DORA_OK. */
static dora_err write_some(dr_transport *transport, dr_loss *loss)
{
    dora_err err = DORA_OK;
    while (err == DORA_OK && is_open(transport)) {
        size_t sent = 0;
        dora_slice out = transport->uses->output(transport->user);
        if (out.len == 0 && (dr_stream_events(&transport->stream) & POLLOUT) == 0) {
            return DORA_OK;
        }
        err = dr_stream_send(&transport->stream, out, &sent, loss);
        transport->is_blocked = err == DORA_EAGAIN;
        transport->has_peer_closed = err == DORA_ECLOSED;
        if (sent > 0) {
            transport->uses->sent(transport->user, sent);
        }
    }
    return err == DORA_EAGAIN || err == DORA_ECLOSED ? DORA_OK : err;
}

static dora_err read_some(dr_transport *transport, dr_loss *loss)
{
    for (uint32_t i = 0; is_open(transport); i++) {
        if (i >= DR_TRANSPORT_READS_MAX && !dr_stream_has_more(&transport->stream)) {
            break; /* the driver says again that there is more */
        }
        char *room = NULL;
        size_t room_len = 0;
        size_t got = 0;
        dora_err err = transport->uses->room(transport->user, &room, &room_len);
        if (err != DORA_OK) {
            *loss = dr_loss_new(err, ENOMEM);
            return err;
        }
        err = dr_stream_receive(&transport->stream, room, room_len, false, &got, loss);
        if (err != DORA_OK) {
            return err == DORA_EAGAIN ? DORA_OK : err;
        }
        transport->uses->received(transport->user, got);
        if (got < room_len) {
            return DORA_OK;
        }
    }
    return DORA_OK;
}

void dr_transport_write(dr_transport *transport)
{
    dr_loss loss;
    if (!is_open(transport) || transport->is_blocked || transport->has_peer_closed) {
        return;
    }
    dora_err err = write_some(transport, &loss);
    if (!is_open(transport)) {
        return;
    }
    if (err != DORA_OK) {
        dr_transport_fail(transport, &loss);
    } else if (transport->is_blocked) {
        transport->driver->watch(transport);
    }
}

void dr_transport_ready(dr_transport *transport, short events)
{
    dr_loss loss;
    if (transport->state == DR_TRANSPORT_DIALLING) {
        check(transport, events != 0);
        return;
    }
    if (transport->state == DR_TRANSPORT_GREETING) {
        greet(transport);
        return;
    }
    dora_err err = (events & ~POLLOUT) != 0 ? read_some(transport, &loss) : DORA_OK;
    if (!is_open(transport)) {
        return;
    }
    if (err != DORA_OK) {
        dr_transport_fail(transport, &loss);
        return;
    }
    if ((events & POLLOUT) != 0) {
        transport->is_blocked = false;
        dr_transport_write(transport);
    }
    if (is_open(transport)) {
        transport->driver->watch(transport);
    }
}
