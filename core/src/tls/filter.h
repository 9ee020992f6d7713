/* filter.h: one TLS connection, between the bytes that its peer sees and those of its user. Pure:
 * no socket; it may be fed a byte at a time.
 *
 *     peer --> feed --> read --> user
 *     peer <-- output, sent <-- write <-- user
 *
 * After each feed, read, write and close there may be output that has to be sent. It holds no
 * buffer of records while it has nothing to do. Thread: one at a time.
 * Source: RFC 8446, RFC 5246; ALPN (RFC 7301). */
#ifndef DR_TLS_FILTER_H
#define DR_TLS_FILTER_H

#include "base/buf.h"
#include "tls/context.h"

typedef struct dr_tls_filter dr_tls_filter;

/* dr_tls_filter_server is the side that was connected to; dr_tls_filter_client begins the handshake
 * (there is output at once), and wants `name` in the server's certificate: a host's or an ip
 * address, which is told to the server where it is a host's. What a server gave a client to resume
 * its sessions is kept in the client's context, by name. Returns: NULL when out of memory.
 * Ownership: gives; the context is held. */
dr_tls_filter *dr_tls_filter_server(dr_tls_context *context);
dr_tls_filter *dr_tls_filter_client(dr_tls_context *context, const char *name);
void dr_tls_filter_free(dr_tls_filter *filter); /* NULL is fine */

/* dr_tls_filter_feed takes bytes that came from the peer, all of them, and goes on with the
 * handshake. Errors: DORA_ENOMEM; DORA_EPROTO: the handshake has failed, or what came is not TLS:
 * dr_tls_filter_problem says why, and there may be output, an alert, to be sent before the end. */
dora_err dr_tls_filter_feed(dr_tls_filter *filter, dora_slice bytes);

/* dr_tls_filter_read gives plain bytes, as many as there are and fit. Returns: DORA_OK for at least
 * one; DORA_EAGAIN for none yet. Errors: DORA_ECLOSED: the peer has said that it is done;
 * DORA_EPROTO, DORA_ENOMEM as above. */
dora_err dr_tls_filter_read(dr_tls_filter *filter, char *room, size_t room_len, size_t *got);

/* dr_tls_filter_write takes plain bytes, all of them. Returns: DORA_EAGAIN before the handshake is
 * done: nothing was taken. Errors: DORA_EPROTO, DORA_ENOMEM; DORA_ECLOSED after _close. */
dora_err dr_tls_filter_write(dr_tls_filter *filter, dora_slice bytes);

/* dr_tls_filter_output is what is to be sent, borrowed until the next call; dr_tls_filter_sent says
 * how much was. dr_tls_filter_take gives all of it away instead, behind what is in `into`; where it
 * fails (DORA_ENOMEM), nothing was taken. dr_tls_filter_close puts a close_notify there, once. */
dora_slice dr_tls_filter_output(const dr_tls_filter *filter);
void dr_tls_filter_sent(dr_tls_filter *filter, size_t len);
dora_err dr_tls_filter_take(dr_tls_filter *filter, dr_buf *into);
void dr_tls_filter_close(dr_tls_filter *filter);

/* dr_tls_filter_is_open: the handshake is done, and neither side has failed or said that it is. */
bool dr_tls_filter_is_open(const dr_tls_filter *filter);

/* dr_tls_filter_has_plain: read would give bytes, or an end, without a feed. What carries none (a
 * ticket for the next session) is used up meanwhile. */
bool dr_tls_filter_has_plain(dr_tls_filter *filter);

/* dr_tls_filter_held is how many bytes of both sides it keeps: fed and not read, not yet sent. */
size_t dr_tls_filter_held(const dr_tls_filter *filter);

/* dr_tls_filter_is_amid: a record has begun to come, and has not come whole. */
bool dr_tls_filter_is_amid(const dr_tls_filter *filter);

/* dr_tls_filter_is_resumed: the handshake went on from an earlier one. */
bool dr_tls_filter_is_resumed(const dr_tls_filter *filter);

/* dr_tls_filter_problem is why it has failed, a phrase for people that names the mend where there
 * is one: "the peer's certificate has expired"; "" where it has not. Borrowed. */
const char *dr_tls_filter_problem(const dr_tls_filter *filter);

/* dr_tls_filter_is_refused: it has failed since the peer did not take our certificate, or wants
 * one. In 1.3 that is heard only after the handshake is done on our side. */
bool dr_tls_filter_is_refused(const dr_tls_filter *filter);

/* dr_tls_filter_is_plain: it has failed since the first bytes were none of TLS. */
bool dr_tls_filter_is_plain(const dr_tls_filter *filter);

/* dr_tls_filter_peer_name is the first DNS name of the peer's certificate, else its common name, ""
 * where it showed none: the name that `access` knows it by. Borrowed. */
const char *dr_tls_filter_peer_name(const dr_tls_filter *filter);

#endif
