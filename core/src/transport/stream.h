/* stream.h: the bytes of one open connection, without waiting. Whatever is to stand between bytes
 * and socket stands here, for all: everything that is sent or received goes through dr_stream_send
 * and dr_stream_receive. */
#ifndef DR_TRANSPORT_STREAM_H
#define DR_TRANSPORT_STREAM_H

#include <stdint.h>

#include <dora/value.h>

#include "transport/loss.h"

/* dr_stream: `fd` is -1 where there is none. `receive_ms` is what SO_RCVTIMEO was set to, 0: not
 * yet; only who waits for one connection has a use for it. */
typedef struct dr_stream {
    int fd;
    uint32_t receive_ms;
} dr_stream;

/* dr_stream_send sends what the socket takes at once; `*sent` is how much.
 * Returns: DORA_OK for all of it; DORA_EAGAIN for less. Errors: those of a dr_loss. */
dora_err dr_stream_send(const dr_stream *stream, dora_slice bytes, size_t *sent, dr_loss *loss);

/* dr_stream_receive takes what has come, at most `room_len`, without waiting unless `may_wait`
 * says so: then as long as the socket's own settings are.
 * Returns: DORA_OK for at least a byte; DORA_EAGAIN for none, or a signal. Errors: as above. */
dora_err dr_stream_receive(const dr_stream *stream, char *room, size_t room_len, bool may_wait,
                           size_t *got, dr_loss *loss);

/* dr_stream_is_quiet says whether the peer has neither closed nor said anything: a connection
 * that was not used for a while may be used again. */
bool dr_stream_is_quiet(const dr_stream *stream);

/* dr_stream_close closes; fine where there is none. */
void dr_stream_close(dr_stream *stream);

#endif
