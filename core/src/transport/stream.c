/* stream.c: the bytes of one open connection, without waiting. */
#include "transport/stream.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"

static bool is_again(int number)
{
    return number == EAGAIN || number == EWOULDBLOCK || number == EINTR;
}

static dora_err lost(dr_loss *loss, int number)
{
    *loss = dr_loss_of(number);
    return loss->err;
}

/* ---- over TLS ---- */

/* What the socket said. Returns: DORA_OK for at least a byte, else as dr_stream_send. */
static dora_err outcome(const dr_stream *stream, ssize_t count, dr_loss *loss)
{
    if (count > 0) {
        return DORA_OK;
    }
    if (count < 0 && is_again(errno)) {
        return DORA_EAGAIN;
    }
    *loss = dr_secure_cut(stream->tls, count == 0 ? 0 : errno);
    return loss->err;
}

/* Sends what is to be sent, of `bytes` a record at a time, until the socket takes no more. */
static dora_err send_secure(const dr_stream *stream, dora_slice bytes, size_t *sent, dr_loss *loss)
{
    *sent = 0;
    for (;;) {
        dora_slice out;
        const dora_slice rest = {*sent < bytes.len ? bytes.data + *sent : NULL, bytes.len - *sent};
        dora_err err = dr_secure_output(stream->tls, rest, &out, loss);
        if (err != DORA_OK || out.len == 0) {
            return err != DORA_OK || rest.len == 0 ? err : DORA_EAGAIN;
        }
        const ssize_t count = send(stream->fd, out.data, out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        err = outcome(stream, count, loss);
        if (err != DORA_OK) {
            return err;
        }
        *sent += dr_secure_sent(stream->tls, (size_t)count);
        if ((size_t)count < out.len) {
            return DORA_EAGAIN;
        }
    }
}

/* Says what is left to say, where the socket takes it: an alert, a goodbye. Not behind a part of a
 * record: with the rest of it the peer would have what counts as not sent. */
static void send_last(const dr_stream *stream)
{
    size_t sent;
    dr_loss loss;
    if (!dr_secure_is_amid(stream->tls)) {
        (void)send_secure(stream, (dora_slice){NULL, 0}, &sent, &loss);
    }
}

/* Takes in what has come. Returns: DORA_OK for at least a byte. */
static dora_err take_in(const dr_stream *stream, bool may_wait, dr_loss *loss)
{
    char record[DR_TLS_RECORD_BYTES + DR_TLS_RECORD_MORE];
    const ssize_t count = recv(stream->fd, record, sizeof record, may_wait ? 0 : MSG_DONTWAIT);
    dora_err err = outcome(stream, count, loss);
    if (err == DORA_OK) {
        err = dr_secure_feed(stream->tls, (dora_slice){record, (size_t)count}, loss);
        if (err != DORA_OK) {
            send_last(stream);
        }
    }
    return err;
}

static dora_err receive_secure(const dr_stream *stream, char *room, size_t room_len, bool may_wait,
                               size_t *got, dr_loss *loss)
{
    dora_err err = dr_secure_read(stream->tls, room, room_len, got, loss);
    /* A peer may say much that is no byte for its user: it holds up nobody. */
    for (uint32_t i = 0; err == DORA_EAGAIN && i < DR_TRANSPORT_READS_MAX; i++) {
        err = take_in(stream, may_wait, loss);
        if (err != DORA_OK) {
            return err;
        }
        err = dr_secure_read(stream->tls, room, room_len, got, loss);
        if (may_wait) {
            return err; /* who waits looks at the time again */
        }
    }
    return err;
}

dora_err dr_stream_greet(dr_stream *stream, const dr_tls_peer *peer, dr_loss *loss)
{
    if (peer == NULL || peer->context == NULL) {
        return DORA_OK;
    }
    if (stream->tls == NULL) {
        stream->tls = dr_secure_new(peer);
    }
    if (stream->tls == NULL) {
        *loss = dr_loss_new(DORA_ENOMEM, ENOMEM);
        return loss->err;
    }
    for (uint32_t i = 0; !dr_secure_is_open(stream->tls); i++) {
        size_t sent;
        if (i == DR_TRANSPORT_READS_MAX) {
            return DORA_EAGAIN; /* the driver says again that there is more */
        }
        dora_err err = send_secure(stream, (dora_slice){NULL, 0}, &sent, loss);
        /* A peer that takes no more may have said why. */
        if (err == DORA_OK || err == DORA_EAGAIN || err == DORA_ECONNECT) {
            err = take_in(stream, false, loss);
        }
        if (err != DORA_OK) {
            return err;
        }
    }
    return DORA_OK;
}

short dr_stream_events(const dr_stream *stream)
{
    const bool has_output = stream->tls != NULL && dr_secure_has_output(stream->tls);
    return (short)(has_output ? POLLIN | POLLOUT : POLLIN);
}

bool dr_stream_has_more(const dr_stream *stream)
{
    return stream->tls != NULL && dr_secure_has_news(stream->tls);
}

bool dr_stream_has_news(const dr_stream *stream)
{
    dr_loss loss;
    dora_err err = DORA_OK;
    for (uint32_t i = 0; stream->tls != NULL && err == DORA_OK; i++) {
        if (i == DR_TRANSPORT_READS_MAX || dr_secure_has_news(stream->tls)) {
            return true;
        }
        err = take_in(stream, false, &loss);
    }
    return err != DORA_EAGAIN;
}

bool dr_stream_is_amid(const dr_stream *stream)
{
    return stream->tls != NULL && dr_secure_is_amid(stream->tls);
}

/* ---- for users ---- */

dora_err dr_stream_send(const dr_stream *stream, dora_slice bytes, size_t *sent, dr_loss *loss)
{
    if (stream->tls != NULL) {
        return send_secure(stream, bytes, sent, loss);
    }
    ssize_t count = send(stream->fd, bytes.data, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    *sent = count > 0 ? (size_t)count : 0;
    if (count < 0 && !is_again(errno)) {
        return lost(loss, errno);
    }
    return *sent == bytes.len ? DORA_OK : DORA_EAGAIN;
}

dora_err dr_stream_receive(const dr_stream *stream, char *room, size_t room_len, bool may_wait,
                           size_t *got, dr_loss *loss)
{
    if (stream->tls != NULL) {
        return receive_secure(stream, room, room_len, may_wait, got, loss);
    }
    ssize_t count = recv(stream->fd, room, room_len, may_wait ? 0 : MSG_DONTWAIT);
    *got = count > 0 ? (size_t)count : 0;
    if (count > 0) {
        return DORA_OK;
    }
    if (count < 0 && is_again(errno)) {
        return DORA_EAGAIN;
    }
    return lost(loss, count == 0 ? 0 : errno);
}

bool dr_stream_is_quiet(const dr_stream *stream)
{
    char byte;
    if (stream->tls != NULL) {
        return !dr_stream_has_news(stream);
    }
    ssize_t got = recv(stream->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && is_again(errno);
}

void dr_stream_close(dr_stream *stream)
{
    if (stream->tls != NULL) {
        dr_secure_end(stream->tls);
        send_last(stream);
        dr_secure_free(stream->tls);
        stream->tls = NULL;
    }
    if (stream->fd >= 0) {
        close(stream->fd);
        stream->fd = -1;
    }
}

void dr_stream_leave(dr_stream *stream, bool is_idle)
{
    if (is_idle) { /* what a thread was amid may be half changed: it is left as it is */
        dr_secure_free(stream->tls);
    }
    stream->tls = NULL;
    if (stream->fd >= 0) {
        close(stream->fd);
        stream->fd = -1;
    }
}
