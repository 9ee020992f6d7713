/* json_reply.h: a reply in the inner encoding, to JSON text. */
#ifndef DR_WIRE_JSON_REPLY_H
#define DR_WIRE_JSON_REPLY_H

#include "wire/json_message.h"

/* dr_json_reply appends a reply's body as JSON text of at most `bytes_max` bytes. A result that has
 * no JSON form becomes 100208 with the path in `msg`, for that api alone; results that are too
 * large become 100206. `guid` stands in all envelopes instead of their own, unless it is empty.
 * Errors: DORA_ENOMEM; `out` is then as before. */
dora_err dr_json_reply(dora_slice body, dora_slice guid, size_t bytes_max, dr_buf *out);

#endif
