/* transport_poll.h: blocking streams (TCP, Unix) with one absolute deadline. */
#ifndef DR_TRANSPORT_POLL_H
#define DR_TRANSPORT_POLL_H

#include <dora/value.h>

#include "base/address.h"

/* dr_socket is one connection. `receive_ms` is what SO_RCVTIMEO was set to, 0: not yet. */
typedef struct dr_socket {
    int fd;
    uint32_t receive_ms;
} dr_socket;

/* dr_wait is how long to wait: until `deadline_ns` of dr_clock_ns, or until a signal came and
 * `is_interrupted` (may be NULL) says so. `usual_ms` is the time most calls have. */
typedef struct dr_wait {
    uint64_t deadline_ns;
    uint32_t usual_ms;
    bool (*is_interrupted)(void *user);
    void *user;
} dr_wait;

/* dr_wait_left_ms is what is left, rounded up; 0 when the time is over. dr_wait_is_interrupted asks
 * after a wait that ended with EINTR, and twice a second while one lasts: a signal that came just
 * before the wait does not end it. dr_wait_slice_ms cuts `ms` to that pace. */
uint32_t dr_wait_left_ms(const dr_wait *wait);
uint32_t dr_wait_slice_ms(const dr_wait *wait, uint32_t ms);
bool dr_wait_is_interrupted(const dr_wait *wait);

/* dr_socket_connect connects to a Unix socket, or looks the host up (a numeric one needs no
 * look-up, and a look-up may outlast the deadline) and connects to its addresses in turn.
 * Errors: DORA_ECONNECT (code 100010), the message naming address and reason; DORA_EINTERRUPTED.
 * The socket's fd is then -1. Here and below error->os_error is the errno, -1: unknown host. */
dora_err dr_socket_connect(dr_socket *socket, const dr_address *address, const dr_wait *wait,
                           dora_error *error);

/* dr_socket_close closes; fine on fd -1. */
void dr_socket_close(dr_socket *socket);

/* dr_socket_is_quiet says whether the peer has neither closed nor said anything: a connection
 * that was not used for a while may be used again. */
bool dr_socket_is_quiet(const dr_socket *socket);

/* dr_socket_send sends `bytes`; `*sent` is how many went out, on errors too.
 * Returns: DORA_OK for all; DORA_EAGAIN when the peer speaks while it takes no more bytes: receive
 * first, then go on.
 * Errors: DORA_ETIMEDOUT, DORA_ECLOSED, DORA_EIO (code 100009); DORA_EINTERRUPTED. */
dora_err dr_socket_send(const dr_socket *socket, dora_slice bytes, const dr_wait *wait,
                        size_t *sent, dora_error *error);

/* dr_socket_receive waits for bytes, at least one. Where about wait->usual_ms is left, a single
 * recv is all it costs.
 * Errors: DORA_ETIMEDOUT, DORA_ECLOSED, DORA_EIO (code 100009); DORA_EINTERRUPTED. */
dora_err dr_socket_receive(dr_socket *socket, char *room, size_t room_len, const dr_wait *wait,
                           size_t *got, dora_error *error);

/* dr_socket_receive_now does not wait. Returns: DORA_OK, DORA_EAGAIN where nothing is there.
 * Errors: DORA_ECLOSED, DORA_EIO. */
dora_err dr_socket_receive_now(const dr_socket *socket, char *room, size_t room_len, size_t *got);

#endif
