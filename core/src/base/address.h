/* address.h: "host:port", "tls://host:port" and "unix:/path" to their parts. */
#ifndef DR_BASE_ADDRESS_H
#define DR_BASE_ADDRESS_H

#include <dora/value.h>

#define DR_HOST_BYTES 256 /* a DNS name has at most 253 letters; with the NUL */

/* dr_address_parse reads "host:port", "1.2.3.4:port" or "[::1]:port" into `host` (NUL-ended, no
 * brackets) and `port` (0..65535). Returns: DORA_OK, or DORA_EINVAL for anything else. */
dora_err dr_address_parse(dora_slice text, char host[DR_HOST_BYTES], uint16_t *port);

/* dr_address is where a server listens: a host and its port, or, with port 0, the path of a Unix
 * socket. Two that are equal as text are the same. */
typedef struct dr_address {
    char host[DR_HOST_BYTES];
    uint16_t port;
    bool is_tls; /* it is spoken to over TLS; never with a path */
} dr_address;

/* dr_address_read reads "host:port" (port not 0), that behind "tls://", or "unix:/path".
 * Errors: DORA_EINVAL, the message naming the text, less what may be a password in it. */
dora_err dr_address_read(dora_slice text, dr_address *address, dora_error *error);

/* dr_address_make makes one of an ip (or a host's name; IPv6 with or without brackets) and a port.
 * Errors: DORA_EINVAL, saying which of them is wrong. */
dora_err dr_address_make(dora_slice ip, int64_t port, dr_address *address, dora_error *error);

/* dr_address_trimmed gives an item of a list of addresses without the blanks around it. */
dora_slice dr_address_trimmed(dora_slice text);

/* dr_address_is_loopback: the host is 127.0.0.0/8, ::1 or localhost. Nothing is looked up. */
bool dr_address_is_loopback(const char *host);

/* dr_address_is_unix and dr_address_is_same compare; dr_address_text writes it as people do. */
bool dr_address_is_unix(const dr_address *address);
bool dr_address_is_same(const dr_address *one, const dr_address *other);
#define DR_ADDRESS_TEXT_MAX (DR_HOST_BYTES + 16)
const char *dr_address_text(const dr_address *address, char text[DR_ADDRESS_TEXT_MAX]);

#endif
