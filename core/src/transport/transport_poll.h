/* transport_poll.h: connections of threads that wait, by poll(2).
 *
 * The blocking client waits for one: dr_wait_connect, dr_wait_send and dr_wait_receive, each with
 * one absolute deadline. Whoever has several gives them dr_transport_poll_driver, and drives them
 * by dr_transport_poll. */
#ifndef DR_TRANSPORT_POLL_H
#define DR_TRANSPORT_POLL_H

#include <poll.h>

#include "transport/transport.h"

/* ---- several ---- */

extern const dr_transport_driver dr_transport_poll_driver;

/* dr_transport_poll waits for `count` transports, but not past `until_ns`, and has what came done.
 * `items` has room for as many. A look-up is waited for where one is opened. */
void dr_transport_poll(dr_transport *const *transports, struct pollfd *items, size_t count,
                       uint64_t until_ns);

/* ---- one ---- */

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

/* dr_wait_pause waits for the time only. Returns: DORA_OK when it is over; DORA_EINTERRUPTED. */
dora_err dr_wait_pause(const dr_wait *wait, dora_error *error);

/* dr_wait_connect opens a connection (a look-up of a name may outlast the deadline), over TLS where
 * `peer` has a context (NULL: it has none). Errors: DORA_ECONNECT (code 100010), the message naming
 * address and reason; DORA_EINTERRUPTED. There is no stream then. Here and below error->os_error is
 * that of the dr_loss. */
dora_err dr_wait_connect(dr_stream *stream, const dr_address *address, const dr_tls_peer *peer,
                         const dr_wait *wait, dora_error *error);

/* dr_wait_send sends `bytes`; `*sent` is how many went out, on errors too.
 * Returns: DORA_OK for all; DORA_EAGAIN when the peer speaks while it takes no more bytes: receive
 * first, then go on.
 * Errors: DORA_ETIMEDOUT, DORA_ECLOSED, DORA_EIO (code 100009); DORA_EINTERRUPTED. */
dora_err dr_wait_send(const dr_stream *stream, dora_slice bytes, const dr_wait *wait, size_t *sent,
                      dora_error *error);

/* dr_wait_receive waits for bytes, at least one. Where about wait->usual_ms is left, a single recv
 * is all it costs.
 * Errors: DORA_ETIMEDOUT, DORA_ECLOSED, DORA_EIO (code 100009); DORA_EINTERRUPTED. */
dora_err dr_wait_receive(dr_stream *stream, char *room, size_t room_len, const dr_wait *wait,
                         size_t *got, dora_error *error);

#endif
