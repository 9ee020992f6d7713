/* bare_reply.h: replies as the original's older releases have them. Pure.
 * Source: PROTOCOL.md, "Frames of older releases". */
#ifndef DR_WIRE_BARE_REPLY_H
#define DR_WIRE_BARE_REPLY_H

#include "base/buf.h"

/* dr_bare_reply appends the reply `body`, which is one of today's that was written here, in the old
 * order and without the guids of its envelopes. `guid` stands in it instead of its own, unless it
 * is empty; DR_GUID_NONE stands in no reply. Errors: DORA_ENOMEM; `out` is then as before. */
dora_err dr_bare_reply(dora_slice body, dora_slice guid, dr_buf *out);

#endif
