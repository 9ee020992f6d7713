/* socket.h: blocking TCP with one absolute deadline. */
#ifndef DR_CLIENT_SOCKET_H
#define DR_CLIENT_SOCKET_H

#include <dora/value.h>

/* dr_socket is one connection. `receive_ms` is what SO_RCVTIMEO was set to, 0: not yet. */
typedef struct dr_socket {
    int fd;
    uint32_t receive_ms;
} dr_socket;

/* dr_socket_connect looks the host up (a numeric one needs no look-up) and connects to its
 * addresses in turn. Deadlines are in nanoseconds of dr_clock_ns; a look-up may outlast one.
 * Errors: DORA_ECONNECT (code 100010), the message naming host and reason; fd is then -1. */
dora_err dr_socket_connect(dr_socket *socket, const char *host, uint16_t port, uint64_t deadline_ns,
                           dora_error *error);

/* dr_socket_close closes; fine on fd -1. */
void dr_socket_close(dr_socket *socket);

/* dr_socket_is_quiet says whether the peer has neither closed nor said anything: a connection
 * that was not used for a while may be used again. */
bool dr_socket_is_quiet(const dr_socket *socket);

/* dr_socket_send sends `bytes`; `*sent` is how many went out, on errors too.
 * Returns: DORA_OK for all; DORA_EAGAIN when the peer speaks while it takes no more bytes: receive
 * first, then go on. Errors: DORA_ETIMEDOUT, DORA_ECLOSED, DORA_EIO (code 100009). */
dora_err dr_socket_send(const dr_socket *socket, dora_slice bytes, uint64_t deadline_ns,
                        size_t *sent, dora_error *error);

/* dr_socket_receive waits for bytes, at least one. `usual_ms` is the time most calls have: where
 * about so much is left, a single recv is all it costs.
 * Errors: DORA_ETIMEDOUT, DORA_ECLOSED, DORA_EIO (code 100009). */
dora_err dr_socket_receive(dr_socket *socket, char *room, size_t room_len, uint64_t deadline_ns,
                           uint32_t usual_ms, size_t *got, dora_error *error);

#endif
