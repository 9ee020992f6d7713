/* secure.h: TLS on one outgoing connection, as whoever moves its bytes needs it. Pure.
 *
 * The filter (tls/filter.h) takes all that it is given. Here it is given one record at a time, so
 * that it is known at each moment which bytes the peer may have: of a record of which a part is
 * missing it can read nothing. */
#ifndef DR_TRANSPORT_SECURE_H
#define DR_TRANSPORT_SECURE_H

#include "tls/filter.h"
#include "transport/loss.h"

/* dr_tls_peer is with whom TLS is to be spoken: `name` must be in its certificate. */
typedef struct dr_tls_peer {
    dr_tls_context *context; /* NULL: TLS is not spoken */
    const char *name;
} dr_tls_peer;

typedef struct dr_secure dr_secure;

/* dr_secure_new begins the handshake: there is output. Returns: NULL when out of memory.
 * Ownership: gives; the name is copied. dr_secure_free says nothing to the peer (NULL is fine). */
dr_secure *dr_secure_new(const dr_tls_peer *peer);
void dr_secure_free(dr_secure *secure);

/* dr_secure_feed takes bytes from the peer, all of them. dr_secure_read gives what they say, as
 * much as there is room for. Returns: DORA_OK; DORA_EAGAIN for nothing yet.
 * Errors: those of a dr_loss, with its words: DORA_ECONNECT before the handshake is done, and where
 * the peer has refused this side of it afterwards: nothing that was sent has run. */
dora_err dr_secure_feed(dr_secure *secure, dora_slice bytes, dr_loss *loss);
dora_err dr_secure_read(dr_secure *secure, char *room, size_t room_len, size_t *got, dr_loss *loss);

/* dr_secure_output gives what is to be sent next, for a user whose next bytes are `plain`: those
 * must begin the same each time until dr_secure_sent has counted them. Empty: there is nothing, or
 * the handshake has to go on first. dr_secure_sent says that so much of it was sent. Returns: how
 * many of the user's bytes the peer may have by that. */
dora_err dr_secure_output(dr_secure *secure, dora_slice plain, dora_slice *output, dr_loss *loss);
size_t dr_secure_sent(dr_secure *secure, size_t len);

/* dr_secure_has_output: something is to be sent whatever the user has to say. dr_secure_is_amid: a
 * part of the user's next bytes stands in a record already, so that no others may come first. */
bool dr_secure_has_output(const dr_secure *secure);
bool dr_secure_is_amid(const dr_secure *secure);

/* dr_secure_end says goodbye: it is in the output then. */
void dr_secure_end(dr_secure *secure);

/* dr_secure_is_open: the handshake is done, the peer is who it should be. dr_secure_has_news:
 * dr_secure_read would give something, or an error. */
bool dr_secure_is_open(const dr_secure *secure);
bool dr_secure_has_news(dr_secure *secure);

/* dr_secure_cut is the loss of a connection whose socket has ended by this errno (0: the peer has
 * closed), or whose time is over (ETIMEDOUT), in its own words while the handshake lasts. */
dr_loss dr_secure_cut(const dr_secure *secure, int os_error);

#endif
