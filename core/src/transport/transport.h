/* transport.h: one outgoing connection: the contract between who uses it and what drives it.
 *
 * Its user asks to connect, has output, and hears what was sent, what was received, and that it is
 * lost. Its driver waits: for the socket and for a deadline, by poll(2) (transport_poll.h) or on a
 * libuv loop (transport_uv.h), and looks names up. All else is here, once for both: the steps of
 * opening (dial.h), the bytes (stream.h), and the words for what went wrong (loss.h). A thread that
 * waits for a single connection uses those without a dr_transport.
 *
 * Thread: one at a time. */
#ifndef DR_TRANSPORT_H
#define DR_TRANSPORT_H

#include "transport/dial.h"
#include "transport/stream.h"

typedef struct dr_transport dr_transport;

/* dr_transport_user is who uses it. Any of these may write, close, and open again, also while they
 * are called by a function of its own. None is called for a connection that the user has closed. */
typedef struct dr_transport_user {
    void (*connected)(void *user);
    /* output: what is to be written, borrowed until the next event; empty when there is nothing.
     * sent: so much of it has been. What was sent may have reached the peer. */
    dora_slice (*output)(void *user);
    void (*sent)(void *user, size_t len);
    /* room: where to put at least one byte. received: so many are there. Errors: DORA_ENOMEM. */
    dora_err (*room)(void *user, char **room, size_t *room_len);
    void (*received)(void *user, size_t len);
    /* lost: it could not be opened, or has ended; it is closed. What came before was received. */
    void (*lost)(void *user, const dr_loss *loss);
} dr_transport_user;

/* dr_transport_driver is what drives it. `look_up` has the host of its dial looked up, then
 * dr_transport_looked_up called. `watch` is called when what it waits for has changed:
 * dr_transport_wishes says to what; `unwatch` before a descriptor is closed that was watched. */
typedef struct dr_transport_driver {
    void (*look_up)(dr_transport *transport);
    void (*watch)(dr_transport *transport);
    void (*unwatch)(dr_transport *transport);
} dr_transport_driver;

typedef enum dr_transport_state {
    DR_TRANSPORT_CLOSED,
    DR_TRANSPORT_LOOKING,  /* its host is looked up */
    DR_TRANSPORT_DIALLING, /* an address of it is tried */
    DR_TRANSPORT_GREETING, /* it is connected; the TLS handshake goes on */
    DR_TRANSPORT_OPEN
} dr_transport_state;

struct dr_transport {
    const dr_transport_driver *driver;
    const dr_transport_user *uses;
    void *user;
    dr_transport_state state;
    bool is_blocked;      /* the socket takes no more at present */
    bool has_peer_closed; /* nor ever: it has closed; what it said before is still to be read */
    dr_tls_peer peer;     /* of the opening */
    dr_dial dial;
    dr_stream stream;
};

/* ---- for users ---- */

/* dr_transport_open connects to `address`; what there was is closed. `peer` is with whom TLS is to
 * be spoken there, NULL: it is not. It never fails by itself: lost says so. dr_transport_write
 * writes the output: to be called when there is some where there was none. dr_transport_close ends,
 * without a word to its user.
 * Ownership: what `peer` points to is borrowed until connected or lost. */
void dr_transport_open(dr_transport *transport, const dr_address *address, const dr_tls_peer *peer);
void dr_transport_write(dr_transport *transport);
void dr_transport_close(dr_transport *transport);

/* ---- for drivers ---- */

/* dr_transport_wish is what to wait for: `events` of poll(2) at `fd`, where that is not -1, and
 * until `deadline_ns`, where that is not 0. */
typedef struct dr_transport_wish {
    int fd;
    short events;
    uint64_t deadline_ns;
} dr_transport_wish;

void dr_transport_init(dr_transport *transport, const dr_transport_driver *driver,
                       const dr_transport_user *uses, void *user);
dr_transport_wish dr_transport_wishes(const dr_transport *transport);

/* dr_transport_ready: these events are there, 0: its deadline has come. dr_transport_looked_up:
 * its dial knows the addresses. dr_transport_fail: the driver cannot go on. */
void dr_transport_ready(dr_transport *transport, short events);
void dr_transport_looked_up(dr_transport *transport);
void dr_transport_fail(dr_transport *transport, const dr_loss *loss);

#endif
