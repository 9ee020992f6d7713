/* address.h: "host:port" text to its parts. */
#ifndef DR_CLIENT_ADDRESS_H
#define DR_CLIENT_ADDRESS_H

#include <dora/value.h>

#define DR_HOST_BYTES 256 /* a DNS name has at most 253 letters; with the NUL */

/* dr_address_parse reads "host:port", "1.2.3.4:port" or "[::1]:port" into `host` (NUL-ended, no
 * brackets) and `port` (0..65535). Returns: DORA_OK, or DORA_EINVAL for anything else. */
dora_err dr_address_parse(dora_slice text, char host[DR_HOST_BYTES], uint16_t *port);

#endif
