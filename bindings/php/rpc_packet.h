/* rpc_packet.h: DoraRPC\Packet, and the envelope that all of DoraRPC answers with. */
#ifndef PHP_DORA_RPC_PACKET_H
#define PHP_DORA_RPC_PACKET_H

#include "php_dora.h"

/* php_dora_envelope makes ['guid' => , 'code' => , 'msg' => , 'data' => ] of text, numbers and a
 * value; the keys stand in this order. Ownership: takes `data` (NULL: the empty array). */
void php_dora_envelope(zval *value, dora_slice guid, int64_t code, dora_slice msg, zval *data);

/* php_dora_text is a slice of a NUL-ended text. */
static inline dora_slice php_dora_text(const char *text)
{
    return (dora_slice){text, strlen(text)};
}

#endif
