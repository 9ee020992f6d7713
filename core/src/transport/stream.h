/* stream.h: the bytes of one open connection, without waiting. Everything that is sent or received
 * goes through dr_stream_send and dr_stream_receive: TLS stands there, between bytes and socket. */
#ifndef DR_TRANSPORT_STREAM_H
#define DR_TRANSPORT_STREAM_H

#include <stdint.h>

#include <dora/value.h>

#include "transport/secure.h"

/* dr_stream: `fd` is -1 where there is none. `receive_ms` is what SO_RCVTIMEO was set to, 0: not
 * yet; only who waits for one connection has a use for it. */
typedef struct dr_stream {
    int fd;
    uint32_t receive_ms;
    dr_secure *tls; /* NULL: plain bytes */
} dr_stream;

/* dr_stream_greet begins TLS, the first time, and goes on with its handshake; `peer` NULL, or one
 * without a context: nothing is to be done. Returns: DORA_OK: bytes may be sent; DORA_EAGAIN: wait
 * for dr_stream_events first. Errors: DORA_ECONNECT, DORA_ENOMEM, in `loss`. */
dora_err dr_stream_greet(dr_stream *stream, const dr_tls_peer *peer, dr_loss *loss);
short dr_stream_events(const dr_stream *stream);

/* dr_stream_send sends what the socket takes at once; `*sent` is how much the peer may have of it.
 * Over TLS a part of the rest may be under way: it comes first the next time, unless the stream is
 * closed, and dr_stream_is_amid says so.
 * Returns: DORA_OK for all of it; DORA_EAGAIN for less. Errors: those of a dr_loss. A loss' reason
 * is borrowed from the stream. */
dora_err dr_stream_send(const dr_stream *stream, dora_slice bytes, size_t *sent, dr_loss *loss);

/* dr_stream_receive takes what has come, at most `room_len`, without waiting unless `may_wait`
 * says so: then as long as the socket's own settings are.
 * Returns: DORA_OK for at least a byte; DORA_EAGAIN for none, or a signal. Errors: as above. */
dora_err dr_stream_receive(const dr_stream *stream, char *room, size_t room_len, bool may_wait,
                           size_t *got, dr_loss *loss);

/* dr_stream_has_more: bytes have been received that dr_stream_receive has not given yet. No event
 * of the socket tells of them. dr_stream_has_news: what makes the socket readable is for its user;
 * over TLS it may be for that alone, and is taken in then. */
bool dr_stream_has_more(const dr_stream *stream);
bool dr_stream_has_news(const dr_stream *stream);
bool dr_stream_is_amid(const dr_stream *stream);

/* dr_stream_is_quiet says whether the peer has neither closed nor said anything: a connection
 * that was not used for a while may be used again. */
bool dr_stream_is_quiet(const dr_stream *stream);

/* dr_stream_close closes; fine where there is none. dr_stream_leave closes what is a parent
 * process's, without a word to the peer; `is_idle`: no thread used it when the process forked. */
void dr_stream_close(dr_stream *stream);
void dr_stream_leave(dr_stream *stream, bool is_idle);

#endif
